"""`python -m tuner.report`: the command of that name."""

from tuner.commands.ending import run
from tuner.commands.report import main

if __name__ == "__main__":
    run(main)
