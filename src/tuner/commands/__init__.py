"""The commands: only these modules parse options, print, and set exit codes."""
