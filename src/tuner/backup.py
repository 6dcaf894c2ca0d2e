"""`python -m tuner.backup`: the command of that name."""

from tuner.commands.backup import main
from tuner.commands.ending import run

if __name__ == "__main__":
    run(main)
