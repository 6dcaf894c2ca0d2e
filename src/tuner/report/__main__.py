"""`python -m tuner.report`: runs `tuner report`."""

from tuner.commands.ending import run
from tuner.commands.report import main

if __name__ == "__main__":
    run(main)
