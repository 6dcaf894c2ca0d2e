"""The disk of the service: free `room`, and the `upkeep` that an admin has set."""
