"""The database of studies, on a file or on a server.

`storage` opens it by its `url`. For a file there are `sqlite`, its `write_ahead_log`, and
`whole_calls`, which Ctrl-C cannot interrupt. `lock` and `fence` ensure that a study has one writer,
and `presence` that it still exists.
"""
