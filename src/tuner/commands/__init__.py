"""The commands that a person types: parsing, printing and exit codes are here and nowhere else."""
