"""The disk of the service: the `room` that is left, and the `upkeep` that an admin has set."""
