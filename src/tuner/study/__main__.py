"""`python -m tuner.study`: the command of that name."""

from tuner.commands.ending import run
from tuner.commands.study import main

if __name__ == "__main__":
    run(main)
