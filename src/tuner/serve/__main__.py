"""`python -m tuner.serve`: runs `tuner serve`."""

from tuner.commands.ending import run
from tuner.commands.serve import main

if __name__ == "__main__":
    run(main)
