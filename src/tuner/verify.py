"""`python -m tuner.verify`: the command of that name."""

from tuner.commands.ending import run
from tuner.commands.verify import main

if __name__ == "__main__":
    run(main)
