"""Between a request and what it asks for.

It comes through `connections`, the gate of `access` and `routing`, where each route of the API has
an `operation` that says what it takes; `problems` answer a request that fails. `rendering` makes a
page in the language that `switching` finds, and `addresses` says where pages are. `uploads` takes
large bodies.
"""
