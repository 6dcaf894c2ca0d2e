"""The door for pictures, in a folder or named by a CSV: `tuner study images --data photos/`."""
