"""`python -m tuner.ablate`: runs `tuner ablate`."""

from tuner.commands.ablate import main
from tuner.commands.ending import run

if __name__ == "__main__":
    run(main)
