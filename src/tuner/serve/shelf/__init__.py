"""The `cases` that can be run, and the uploaded `data`.

`unpacking` extracts from an uploaded archive only what a data set may contain. A case's code runs
in another process, even for the `outlining` of its search space.
"""
