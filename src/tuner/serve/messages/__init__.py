"""Notifications when a study or a job ends.

`hooks` are the recipients. The `messenger` finds what to tell them; `sending` does so by `posting`
or `mailing`, with `deadlines`.
"""
