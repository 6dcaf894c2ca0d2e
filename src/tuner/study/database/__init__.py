"""The database of studies, on a file or on a server.

`storage` opens it by its `url`. For a file there are `sqlite`, its `write_ahead_log`, and
`whole_calls`, which Ctrl-C cannot cut. `lock` and `fence` see that a study has one writer, and
`presence` that it is still there.
"""
