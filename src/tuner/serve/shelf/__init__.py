"""What can be run: the `cases`, and the `data` that was uploaded.

Of an archive that was uploaded `unpacking` takes what a data set may have. A case's code runs in
another process, also for the `outlining` of its search space.
"""
