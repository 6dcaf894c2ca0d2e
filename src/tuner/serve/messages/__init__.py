"""Messages to others when a study or a job ends.

`hooks` are who wants to be told. The `messenger` looks for what to tell them; `sending` does so by
`posting` or `mailing`, with `deadlines`.
"""
