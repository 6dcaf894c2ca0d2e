"""Manages the storage folder and the studies in it.

`inventory` lists studies, and `belongings` finds the files of one. `renaming` and `deletion` act on
a study, `cleaning` removes what is no longer needed, `moving` changes the place of files, `backup`
writes an `archive`, and `restore` reads one.
"""
