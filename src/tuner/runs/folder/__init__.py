"""What is done to the storage folder, and to the studies in it.

`inventory` lists studies, and `belongings` are the files of one. There is `renaming` and `deletion`
of a study, `cleaning` of what serves nothing any more, `moving` to another database, `backup` into
an `archive`, and `restore` from it.
"""
