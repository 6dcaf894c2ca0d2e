"""`python -m tuner.predict`: runs `tuner predict`."""

from tuner.commands.ending import run
from tuner.commands.predict import main

if __name__ == "__main__":
    run(main)
