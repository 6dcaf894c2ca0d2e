"""Doors: ways to make a case from a user's data without a file of code; one folder each.

A door defines its options in `given`, and the functions that are called by name in `door`.
"""
