"""What a person types: parsing, printing and exit codes live here and nowhere else."""
