"""The web layer: everything between a request and its handler.

A request passes `connections`, the checks of `access`, and `routing`. Each route of the API has an
`operation` that describes it, and `problems` answers a request that fails. `rendering` makes a page
in the language that `switching` chooses, and `addresses` finds the way back to a page. `uploads`
receives large bodies.
"""
