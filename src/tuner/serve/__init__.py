"""The service: studies submitted, watched and used in a browser and over HTTP.

The web process never trains and never runs a user's code. A study runs in a process of its own,
which the service starts, watches and asks to stop.
"""
