"""`python -m tuner.retrain`: runs `tuner retrain`."""

from tuner.commands.ending import run
from tuner.commands.retrain import main

if __name__ == "__main__":
    run(main)
