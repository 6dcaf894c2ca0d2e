"""Models to download: the `ledger` records who promoted which one, and with what `proof`.

`takeaway` packs a model for download.
"""
