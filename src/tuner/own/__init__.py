"""Ways to make a case of what a user has, without a file of code: a folder each.

A door has its options in `given`, and in `door` what is called by its name.
"""
