"""`python -m tuner.restore`: the command of that name."""

from tuner.commands.ending import run
from tuner.commands.restore import main

if __name__ == "__main__":
    run(main)
