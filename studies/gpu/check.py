"""The checks of studies/gpu/run.sh, one after the other, each with a limit of its own.

Every check ends with a line in results.jsonl: what was done, how long it took, what came out, or
why nothing did. A check that fails or runs out of time leaves the others as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sampling import sampled

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

NEEDED = (  # alembic, bottle, colorlog and mako are Optuna's and its dashboard's
    "alembic",
    "bottle",
    "colorlog",
    "filelock",
    "mako",
    "markdown_it",
    "matplotlib",
    "numpy",
    "optuna",
    "optuna_dashboard",
    "PIL",
    "pyarrow",
    "rich",
    "safetensors",
    "sklearn",
    "scipy",
    "sqlalchemy",
    "threadpoolctl",
    "torch",
    "torchvision",
    "typing_extensions",
)
FOR_TESTS = ("pytest", "hypothesis", "pytest_timeout", "xdist")
SECONDS = 445.0  # in all: under 8 minutes, with what it takes to install and to leave
SECONDS_TO_LEAVE = 15.0
ROOT = Path(__file__).parents[2]
DATA = (ROOT / "storage" / "data", ROOT / "shared" / "data", ROOT.parent / "shared" / "data")


class Run(NamedTuple):
    """How a command ended.

    Attributes:
        seconds: until it ended, or was told to.
        ended: by itself, and well.
        until: time.time() then.
    """

    seconds: float
    ended: bool
    output: str
    until: float


class Searched(NamedTuple):
    """What a search has trained: epochs of its trials, in so many seconds."""

    epochs: float
    seconds: float


class Checks:
    """What all checks share: options, the clock, and where results go."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.out: Path = given.out
        self.device: str = given.device
        self.quick: bool = given.quick
        self.data: Path | None = given.data_dir
        self.until = time.monotonic() + given.seconds
        self.folder = Path(tempfile.mkdtemp(prefix="tuner-gpu-"))
        self.searched: dict[str, Searched] = {}
        self.out.mkdir(parents=True, exist_ok=True)

    def tell(self, check: str, **result: Any) -> None:
        """Write a result where it stays, whatever comes next."""
        row = {
            "check": check,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "device": self.device,
            "quick": self.quick,
            **result,
        }
        line = json.dumps(row)
        print(line, flush=True)
        with (self.out / "results.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def run(self, words: list[str], at_most: float) -> Run:
        """Run a command; press Ctrl-C after so many seconds, or when all time is over.

        All that it says is kept in outputs.log.
        """
        limit = max(min(at_most, self.until - time.monotonic()), 1.0)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        in_time = True
        try:
            output, _ = process.communicate(timeout=limit)
            seconds, until = time.monotonic() - began, time.time()
        except subprocess.TimeoutExpired:
            in_time = False
            seconds, until = time.monotonic() - began, time.time()
            process.send_signal(signal.SIGINT)
            try:
                output, _ = process.communicate(timeout=SECONDS_TO_LEAVE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGKILL)
            self.keep_output(" ".join(words), process.communicate()[0])
            raise
        self.keep_output(" ".join(words), output)
        return Run(seconds, in_time and process.returncode == 0, output, until)

    def keep_output(self, name: str, output: str) -> None:
        """Keep what a command, or a check that failed, has said."""
        with (self.out / "outputs.log").open("a", encoding="utf-8") as file:
            file.write(f"\n$ {name}\n{output}")

    def study(self, case: str, home: str, at_most: float, *more: str) -> Run:
        """Run the study command in a folder of its own."""
        words = ["-m", "tuner.study", case, "--home", str(self.folder / home), *more]
        if self.data is not None:
            words += ["--data-dir", str(self.data)]
        return self.run(words, at_most)

    def study_in(self, home: str) -> optuna.Study | None:
        """The only study there; None where none was made."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        url = f"sqlite:///{self.folder / home / 'studies.db'}"
        names = [one for one in optuna.get_all_study_names(url) if not one.endswith("/evidence")]
        return optuna.load_study(study_name=names[0], storage=url) if names else None

    def trials(self, home: str) -> list[dict[str, Any]]:
        """All that has to repeat of the finished trials of the only study there."""
        study = self.study_in(home)
        return [
            {
                "number": one.number,
                "state": one.state.name,
                "values": one.values,
                "params": one.params,
                "points": one.intermediate_values,
                "failure": one.user_attrs.get("failure"),
            }
            for one in (study.get_trials() if study else ())
            if one.state.is_finished()
        ]

    def keep(self, home: str, name: str) -> None:
        """Keep the database of a study beside the results: where its time went is in it."""
        kept = self.out / f"{name}.db"
        kept.unlink(missing_ok=True)
        with sqlite3.connect(self.folder / home / "studies.db") as database:
            database.execute("VACUUM INTO ?", (str(kept),))
        database.close()

    @property
    def images(self) -> tuple[str, str]:
        """The cases that are studied: of images, or a small table where it has to be quick."""
        return ("housing", "housing") if self.quick else ("mnist", "flowers")


def why(done: Run) -> dict[str, str]:
    """Return the end of what a command has said that did not end well."""
    return {} if done.ended else {"output": done.output[-2000:]}


def lacking(names: tuple[str, ...]) -> list[str]:
    """Return which packages cannot be imported, as where one that they need is missing."""
    found = []
    for name in names:
        try:
            import_module(name)
        except ImportError as error:
            found.append(f"{name} ({error})")
    return found


def outdated() -> list[str]:
    """Return which packages have another version than tuner asks for: a check may fail for it."""
    from packaging.requirements import Requirement

    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = []
    for one in map(Requirement, told["project"]["dependencies"]):
        with suppress(PackageNotFoundError):  # `lacking` names what cannot be imported
            there = version(one.name)
            if not one.specifier.contains(there, prereleases=True):
                found.append(f"{one.name} {there} (not {one.specifier})")
    return found


def environment(checks: Checks) -> None:
    """The card, its driver and the versions; and whether anything is missing."""
    import torch

    missing = lacking(NEEDED)
    facts: dict[str, Any] = {"python": sys.version.split()[0], "torch": torch.__version__}
    if missing:
        checks.tell("environment", **facts, missing=missing)
        raise SystemExit(f"this Python lacks {', '.join(missing)}: see studies/gpu/README.md")
    from tuner.engines.cards import card_facts, visible_cards
    from tuner.machine import machine
    from tuner.revision import full_version

    cards = visible_cards()
    if checks.device == "cuda" and not cards:
        checks.tell("environment", **facts, cards=[])
        raise SystemExit("no GPU that PyTorch can use; --device cpu tries the script itself")
    checks.tell(
        "environment",
        **facts,
        version=full_version(),
        machine=machine(),
        cards=card_facts() if cards else None,
        visible=cards,
        outdated=outdated(),
    )


def tests(checks: Checks) -> None:
    """The tests that are marked `gpu`: placement, no waiting in a step, the same bits twice."""
    if missing := lacking(FOR_TESTS):
        checks.tell("tests", not_run=f"this Python lacks {', '.join(missing)}")
        return
    at_once = str(min(4, max(1, (os.cpu_count() or 1) // 4)))  # most of it is imports
    words = ["-m", "pytest", "-n", at_once, "-v", "-m", "gpu", "-p", "no:cacheprovider"]
    done = checks.run([*words, "--durations=8", "tests/engines/test_on_a_card.py"], 150)
    lines = done.output.strip().splitlines()
    ends = {
        end: [line.rpartition("::")[2] for line in lines if f" {end} tests/" in line]
        for end in ("PASSED", "FAILED", "ERROR")
    }
    checks.tell(
        "tests",
        seconds=done.seconds,
        passed=done.ended,
        count=len(ends["PASSED"]),
        failed=[*ends["FAILED"], *ends["ERROR"]],
        last=lines[-1:] or None,
        **why(done),
    )


def equality(checks: Checks) -> None:
    """The same search twice, with several trainings at once: the same trials, and how fast."""
    case, trials, workers = checks.images[1], 4 if checks.quick else 12, 2 if checks.quick else 8
    found: list[list[dict[str, Any]]] = []
    for turn in ("first", "again"):
        home = f"equality-{turn}"
        words = ("--trials", str(trials), "--seeds", "0", "--workers", str(workers))
        with sampled() as samples:
            done = checks.study(case, home, 60, *words)
        found.append(checks.trials(home))
        checks.tell(
            "equality",
            case=case,
            workers=workers,
            seconds=done.seconds,
            ended=done.ended,
            trials=len(found[-1]),
            said=[line for line in done.output.splitlines() if line.startswith("GPU")],
            same=found[-1] == found[0] and len(found[0]) == trials,
            **why(done),
            **samples.facts(),
        )


def in_process(part: str, at_most: float) -> Callable[[Checks], None]:
    """A part of trainings.py, in a process of its own."""

    def check(checks: Checks) -> None:
        words = ["studies/gpu/trainings.py", part, "--own", str(checks.folder / "data")]
        words += ["--images", *checks.images, *(["--quick"] if checks.quick else [])]
        if checks.data is not None:
            words += ["--data-dir", str(checks.data)]
        done = checks.run(words, at_most)
        lines = [line for line in done.output.splitlines() if line.startswith("{")]
        for line in lines:
            checks.tell(part, **json.loads(line))
        if not (done.ended and lines):
            checks.tell(part, seconds=done.seconds, ended=done.ended, output=done.output[-2000:])

    return check


def whole(case: str, goal: float) -> Callable[[Checks], None]:
    """A whole study of 50 trials, confirmation and report included, as far as time allows.

    Args:
        goal: seconds that it is to take. It may take half as many again: what it comes to is told
            then, and how far it is from the goal.
    """

    def check(checks: Checks) -> None:
        name = "housing" if checks.quick else case
        home = f"whole-{case}"
        words = (
            "--trials",
            "3" if checks.quick else "50",
            "--workers",
            "2" if checks.quick else "8",
        )
        with sampled() as samples:
            done = checks.study(name, home, 1.5 * goal, *words)
        study = checks.study_in(home)
        trials = checks.trials(home)
        report = next((checks.folder / home).glob("reports/*/report.json"), None)
        arms = scores_in(json.loads(report.read_text(encoding="utf-8"))) if report else None
        spent = parts_of(study)
        if study and "search_seconds" in spent:
            checks.searched[name] = Searched(epochs_of(study), spent["search_seconds"])
        checks.tell(
            f"whole {case}",
            case=name,
            seconds=done.seconds,
            goal=goal,
            reached=done.ended and done.seconds < goal,
            ended=done.ended,
            trials=len(trials),
            **spent,
            failures=sorted({one["failure"] for one in trials if one["failure"]}),
            arms=arms,
            said=said(done.output),
            **why(done),
            **samples.facts(search_of(study)),
        )
        if study:
            checks.keep(home, case)

    return check


def parts_of(study: optuna.Study | None) -> dict[str, float]:
    """Return how many seconds search, confirmation and audit of a study took, as far as it came."""
    sessions = study.user_attrs.get("sessions") if study else None
    last = sessions[-1] if sessions else {}
    return {name: round(last[name], 1) for name in last if name.endswith("_seconds")}


def search_of(study: optuna.Study | None) -> tuple[float, float] | None:
    """Return when the first trial of a study began, and when the last one ended."""
    trials = study.get_trials() if study else ()
    began = [one.datetime_start.timestamp() for one in trials if one.datetime_start]
    ended = [one.datetime_complete.timestamp() for one in trials if one.datetime_complete]
    return (min(began), max(ended)) if began and ended else None


def epochs_of(study: optuna.Study) -> float:
    """Return how many epochs the trials of a study were trained for; of folds, each one's."""
    curves = [one.user_attrs.get("curve") for one in study.get_trials()]
    return sum(float(curve[-1][1]) for curve in curves if curve)


def said(output: str) -> list[str]:
    """Return the lines of a command that say how far it was when, and its last ones."""
    lines = output.strip().splitlines()
    timed = [line for line in lines if " so far" in line]
    return [*timed[:: max(1, len(timed) // 15)], *lines[-3:]]


def scores_in(report: dict[str, Any]) -> dict[str, Any]:
    """What a report says of its arms: the mean scores in the search and on the test split."""
    kinds = ("validation", "fresh", "test")
    return {
        name: {kind: _mean(arm.get(kind)) for kind in kinds if arm.get(kind)}
        for name, arm in report["arms"].items()
    }


def _mean(scores: dict[str, Any]) -> Any:
    return scores["mean"] if "mean" in scores else {key: _mean(one) for key, one in scores.items()}


def plain(checks: Checks) -> None:
    """Plain Optuna with a DataLoader on the same device, for a while: seconds an epoch.

    A trial of it may take longer than there is time, so epochs are counted. For as many as tuner's
    search has trained it would take `would_take`; of folds, tuner trains several in an epoch.
    """
    for case, at_most in dict(zip(checks.images, (35, 20), strict=True)).items():
        url = f"sqlite:///{checks.folder / f'plain-{case}.db'}"
        words = ["studies/speed/plain.py", case, "--trials", "2" if checks.quick else "50"]
        words += ["--storage", url, "--device", checks.device]
        if checks.data is not None:
            words += ["--data-dir", str(checks.data)]
        done = checks.run(words, at_most)
        checks.tell(
            f"plain {case}",
            **epochs_in(case, url, done, checks.searched.get(case)),
            last=done.output.strip().splitlines()[-1:],
        )


def epochs_in(case: str, url: str, done: Run, searched: Searched | None) -> dict[str, Any]:
    """Return what plain Optuna has trained, and how long it would take for what tuner has."""
    import optuna
    from optuna.trial import TrialState

    try:
        trials = optuna.load_study(study_name=case, storage=url).get_trials()
    except KeyError:
        trials = []
    begun = [one.datetime_start.timestamp() for one in trials if one.datetime_start]
    epochs = sum(len(one.intermediate_values) for one in trials)
    if not epochs:
        return {"epochs": 0}
    # One that was stopped was in the middle of an epoch.
    seconds_an_epoch = (done.until - min(begun)) / (epochs + (0.0 if done.ended else 0.5))
    ends = TrialState.COMPLETE, TrialState.PRUNED
    found = {
        "epochs": epochs,
        "trials": sum(one.state in ends for one in trials),
        "seconds_an_epoch": round(seconds_an_epoch, 3),
    }
    if searched is None:
        return found
    would_take = searched.epochs * seconds_an_epoch
    return {
        **found,
        "epochs_of_tuner": searched.epochs,
        "would_take": round(would_take),
        "times_as_long_as_tuner": round(would_take / searched.seconds, 1),
    }


def memory(checks: Checks) -> None:
    """32 workers of mnist on one card: whether they start, and how much memory they take."""
    workers = 2 if checks.quick else 32
    words = ("--trials", str(2 * workers), "--seeds", "0", "--workers", str(workers))
    with sampled() as samples:
        done = checks.study(checks.images[0], "memory", 40, *words)
    trials = checks.trials("memory")
    states = [one["state"] for one in trials]
    checks.tell(
        "memory",
        workers=workers,
        seconds=done.seconds,
        finished=len(states),
        failed=states.count("FAIL"),
        failures=sorted({one["failure"] for one in trials if one["failure"]}),
        last=done.output.strip().splitlines()[-3:],
        **why(done),
        **samples.facts(),
    )


CHECKS: dict[str, Callable[[Checks], None]] = {  # in this order: first what has a figure to reach
    "environment": environment,
    "baseline": in_process("baseline", 40),
    "flowers": whole("flowers", 120),
    "mnist": whole("mnist", 180),
    "plain": plain,
    "memory": memory,
    "tests": tests,
    "sharing": in_process("sharing", 150),
    "turns": in_process("turns", 90),
    "equality": equality,
    "steps": in_process("steps", 60),
    "work": in_process("work", 60),
    "profile": in_process("profile", 30),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="a small table, few trials")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST and Flowers-102")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="in all")
    parser.add_argument("--only", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    given = parser.parse_args()
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    given.out = given.out.resolve()
    given.data_dir = given.data_dir or next((one for one in DATA if one.is_dir()), None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no command is left behind
    checks = Checks(given)
    for name in CHECKS:
        if name not in given.only and name != "environment":
            continue
        if time.monotonic() > checks.until - 5:
            checks.tell(name, not_run="no time was left")
            continue
        try:
            CHECKS[name](checks)
        except Exception as error:
            trace = traceback.format_exc()
            checks.keep_output(name, trace)
            checks.tell(name, failed=f"{type(error).__name__}: {error}", output=trace[-2000:])


if __name__ == "__main__":
    main()
