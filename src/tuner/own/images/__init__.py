"""A folder of pictures, or a CSV that names them: `tuner study images --data photos/`."""
