"""Models to take away: the `ledger` says which was promoted, by whom and for what `proof`.

`takeaway` packs one.
"""
