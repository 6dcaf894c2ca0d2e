"""`python -m tuner.study`: runs `tuner study`."""

from tuner.commands.ending import run
from tuner.commands.study import main

if __name__ == "__main__":
    run(main)
