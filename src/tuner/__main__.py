"""The commands: `tuner study`, `tuner ablate` and so on, each also `python -m tuner.COMMAND`."""

from __future__ import annotations

import importlib
import sys

COMMANDS = {
    "study": "search, compare on fresh seeds, report",
    "ablate": "measure which change bought the gain",
    "verify": "train finished trials again, and compare bit for bit",
    "report": "write a study's report again",
    "retrain": "train an arm or a trial of a study, and save the model",
    "predict": "use a saved model",
    "backup": "copy all studies into one file, also while they run",
    "restore": "bring back what was copied",
}


def main() -> None:
    """Hand over to the command that is named first."""
    arguments = sys.argv[1:]
    listing = "\n".join(f"  {name:9}{what}" for name, what in COMMANDS.items())
    usage = f"usage: tuner COMMAND ...\n\n{listing}\n\ntuner COMMAND --help tells more.\n"
    if not arguments or arguments[0] in {"-h", "--help"}:
        sys.stdout.write(usage)
        sys.exit(0 if arguments else 2)
    if arguments[0] not in COMMANDS:
        sys.stderr.write(f"tuner: no command {arguments[0]!r}\n{usage}")
        sys.exit(2)
    name = arguments[0]
    sys.argv = [f"tuner {name}", *arguments[1:]]
    from tuner.commands.ending import run

    run(importlib.import_module(f"tuner.commands.{name}").main)


if __name__ == "__main__":
    main()
