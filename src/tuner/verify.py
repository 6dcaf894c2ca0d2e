"""`python -m tuner.verify`: runs `tuner verify`."""

from tuner.commands.ending import run
from tuner.commands.verify import main

if __name__ == "__main__":
    run(main)
