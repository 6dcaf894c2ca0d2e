"""Runs the commands: `tuner study`, `tuner ablate` and so on."""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches

COMMANDS = {
    "new": "write a file to start from: your own case or training loop",
    "study": "search, compare on fresh seeds, report",
    "check": "test your own training loop for a minute, before a long run",
    "ablate": "measure which change made the difference",
    "placebo": "search on shuffled targets: what does a search find if there is nothing?",
    "verify": "train finished trials again, and compare bit for bit",
    "report": "write a study's report again",
    "retrain": "train an arm or a trial of a study, and save the model",
    "predict": "use a saved model",
    "list": "list the studies: state, best score, verdict",
    "best": "show a study's best hyperparameters, score and verdict",
    "compare": "show what differs between two studies",
    "rename": "give a study another name",
    "delete": "delete a study with everything that belongs to it",
    "clean": "list, or remove, files that are no longer needed",
    "backup": "copy all studies into one file, even while they run",
    "restore": "restore such a copy",
    "files": "keep models on another disk or in S3, or show where they are",
    "dashboard": "browse every trial in optuna-dashboard",
    "serve": "studies in a browser and over HTTP",
    "token": "make, list and revoke keys to the service",
    "upgrade": "update the tables of the service, after a backup",
    "submit": "send a study to a running service",
    "watch": "follow a study of a running service until it ends",
    "cancel": "stop a study of a running service",
}


def main() -> None:
    """Run the command that is named by the first word."""
    from tuner.commands.ending import run

    arguments = sys.argv[1:]
    listing = "\n".join(f"  {name:9} {what}" for name, what in COMMANDS.items())
    more = "For the options of a command: tuner COMMAND --help"
    usage = f"usage: tuner COMMAND ...\n\n{listing}\n\n{more}\n"
    if not arguments or arguments[0] in {"-h", "--help"}:
        run(lambda _: _say(usage, 0 if arguments else 2))
    if arguments[0] == "--version":
        from tuner.revision import full_version

        run(lambda _: _say(f"tuner {full_version()}\n", 0))
    if arguments[0] not in COMMANDS:
        near = get_close_matches(arguments[0], [*COMMANDS, "--help", "--version"], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        sys.stderr.write(f"tuner: no command {arguments[0]!r}{hint}\n{usage}")
        sys.exit(2)
    name = arguments[0]
    sys.argv = [f"tuner {name}", *arguments[1:]]
    # Imported inside `run`, so that Ctrl-C during the import ends as it does later.
    run(lambda words: int(importlib.import_module(f"tuner.commands.{name}").main(words)))


def _say(text: str, status: int) -> int:
    sys.stdout.write(text)
    return status


if __name__ == "__main__":
    main()
