"""What a trial costs beside its training, and what grows with the number of trials.

    python studies/speed/overhead.py --out studies/speed/overhead.csv

Trainings are pretended: ten points, there as soon as they are asked for, of ten hyperparameters,
and each training is better than those before, so that none is pruned. All else is as in a study:
coordinator, sampler, pruner, and a new SQLite file. Milliseconds on the clock, of

`trial`: a trial of a whole search of `--trials`. For `tuner`; for `plain`, Optuna's `optimize` on
    SQLite as it comes, with MedianPruner; and for `memory`, the same without a database.
`between`: from the end of one training to the beginning of the next (tell, ask, write), on a study
    of so many trials.
`report`: taking a point, with the pruner asked about it.
`sampler`: of `between`, what the sampler takes by itself: the same draws on the same trials in
    memory. Nothing else should grow faster.
`open`: taking the study up again, and `write`: its report, with all plots.

The stored trials are random, each whole with its curve. Interrupted, it goes on where it was, with
the repeat that was interrupted.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import optuna
from optuna.trial import TrialState, create_trial
from records import append, read

from tuner.case.contract import Case
from tuner.case.source import source_of
from tuner.case.space import space
from tuner.cases import housing
from tuner.data.sources.folders import Folders
from tuner.engines.job import Event, Finished, Job
from tuner.models.mlp import MLPHyperparameters, build_mlp
from tuner.report.writing import write_report
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.search.pruner import pruner_named
from tuner.search.sampler import SAMPLER, Samplers
from tuner.search.scoring import stage
from tuner.study.configuration import StudyConfig
from tuner.study.opening import open_study
from tuner.training.fitting import ReportPoint
from tuner.training.plan import Plan
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optuna.trial import BaseTrial, FrozenTrial


POINTS = 10
NAME = "overhead"
MEASURED = 20  # trials on top of those that are stored


def suggest(trial: BaseTrial) -> MLPHyperparameters:
    """Draw ten hyperparameters."""
    return MLPHyperparameters(
        depth=trial.suggest_int("depth", 1, 4),
        width=trial.suggest_int("width", 16, 256, log=True),
        taper=trial.suggest_categorical("taper", (False, True)),
        activation=trial.suggest_categorical("activation", ("relu", "silu", "gelu", "tanh")),
        batch_norm=trial.suggest_categorical("batch_norm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-5, 1e-4)),
        optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw")),
        batch_size=trial.suggest_categorical("batch_size", (16, 32, 64, 128)),
        epochs=POINTS,
    )


CASE = Case(
    name=NAME,
    task="regression",
    baseline=MLPHyperparameters(epochs=POINTS),
    recipe=MLPHyperparameters(epochs=POINTS, dropout=0.1),
    suggest=suggest,
    load=housing.load,
    build=build_mlp,
)


@dataclass(slots=True)
class PretendEngine:
    """Trains nothing; notes how long the coordinator is busy from one call to the next.

    Attributes:
        first: how many trainings there have been; each further one is better.
        between: seconds from the end of a training to the beginning of the next.
        report: seconds that a point took.
    """

    first: int = 0
    slots: int = 1
    between: list[float] = field(init=False, default_factory=list)
    report: list[float] = field(init=False, default_factory=list)
    _events: dict[int, Iterator[Event]] = field(init=False, default_factory=dict)
    _last: Event | None = field(init=False, default=None)
    _left: float = field(init=False, default=0.0)

    def start(self, key: int, job: Job) -> None:
        """Begin a training."""
        del job
        if isinstance(self._last, Finished):
            self.between.append(time.perf_counter() - self._left)
        self._last = None
        self._events[key] = _events(self.first)
        self.first += 1

    def next(self, key: int, timeout: float) -> Event:
        """Return its next event."""
        del timeout
        if isinstance(self._last, ReportPoint):
            self.report.append(time.perf_counter() - self._left)
        self._last = next(self._events[key])
        self._left = time.perf_counter()
        return self._last

    def stop(self, key: int) -> None:
        """Nothing runs on."""
        self._events.pop(key, None)

    def close(self) -> None:
        """Nothing is held."""


def _score(before: int, epoch: int) -> float:
    """An error that falls from training to training, and in each of them."""
    return 1 / (1 + before) + (POINTS - epoch) / 1e6


def _events(before: int) -> Iterator[Event]:
    for epoch in range(1, POINTS + 1):
        score = _score(before, epoch)
        yield ReportPoint(
            step=epoch,
            epoch=float(epoch),
            train_loss=score,
            train_metric=score,
            validation=score,
            fold_scores=(score,) * 5,
            work=epoch * 1e9,
        )
    yield Finished(0.0)


def make_brief(folder: Path) -> StudyConfig:
    """The config of a study whose trainings need no data."""
    return StudyConfig(
        case=CASE,
        reference=NAME,
        source=source_of(__file__),
        dataset=CASE.dataset(Folders()),
        data_folder=folder,
        seed=0,
        fixed={},
        plan=Plan(),
    )


def tuner(trials: int) -> float:
    """Seconds of a whole search by tuner."""
    with tempfile.TemporaryDirectory() as folder:
        config = make_brief(Path(folder))
        began = time.perf_counter()
        url = f"sqlite:///{folder}/studies.db"
        study, config = open_study(url, NAME, config, pruner_named)
        Coordinator(Mirror(study), config, PretendEngine()).search(trials)
        return time.perf_counter() - began


def plain(trials: int) -> float:
    """Seconds of a whole search by Optuna on its default SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        return _optuna(trials, f"sqlite:///{folder}/studies.db")


def memory(trials: int) -> float:
    """Seconds of a whole search by Optuna without a database."""
    return _optuna(trials, None)


def _optuna(trials: int, storage: str | None) -> float:
    def objective(trial: optuna.Trial) -> float:
        suggest(trial)
        for epoch in range(1, POINTS + 1):
            trial.report(_score(trial.number, epoch), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return _score(trial.number, POINTS)

    began = time.perf_counter()
    study = optuna.create_study(
        storage=storage,
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(),
    )
    study.optimize(objective, n_trials=trials)
    return time.perf_counter() - began


SIDES: dict[str, Callable[[int], float]] = {"tuner": tuner, "plain": plain, "memory": memory}


def random_trial(draw: random.Random) -> FrozenTrial:
    """A complete trial as the coordinator leaves it, of a random configuration."""
    distributions = dict(space(CASE))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=draw.getrandbits(32)))
    drawn = study.ask(distributions)
    score = draw.lognormvariate(0, 0.5)
    curve = [(e, e, score * 2, score * 2, score * (1 + (POINTS - e) / 5)) for e in range(1, 11)]
    return create_trial(
        state=TrialState.COMPLETE,
        value=score,
        params=drawn.params,
        distributions=drawn.distributions,
        intermediate_values={stage(epoch, POINTS): at for _, epoch, _, _, at in curve},
        user_attrs={
            "hyperparameters": asdict(suggest(drawn)),
            "seed": draw.getrandbits(32),
            "begun": 0.0,
            "ended": 0.0,
            "best_epoch": POINTS,
            "fold_scores": [score] * 5,
            "curve": curve,
            "seconds": draw.uniform(1, 10),
            "work": POINTS * 1e9,
        },
    )


def growth(sizes: list[int], seed: int) -> Iterator[tuple[str, int, float]]:
    """Yield what was measured, on how many trials, and its seconds, on a study that grows."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        workplace = Workplace.at(Path(folder))
        url = workplace.url
        study, config = open_study(url, NAME, make_brief(Path(folder)), pruner_named)
        Coordinator(Mirror(study), config, PretendEngine()).search(2)  # the given ones
        for size in sizes:
            study.add_trials([random_trial(draw) for _ in range(size - len(study.trials))])
            began = time.perf_counter()
            reopened, config = open_study(url, NAME, config, pruner_named)
            mirror = Mirror(reopened)
            yield "open", size, time.perf_counter() - began
            yield "sampler", size, _sampler(study.trials)
            engine = PretendEngine(first=size)
            Coordinator(mirror, config, engine).search(size + MEASURED)
            yield "between", size, median(engine.between)
            yield "report", size, median(engine.report)
            began = time.perf_counter()
            write_report(study, workplace, Path(folder) / "report")
            yield "write", size, time.perf_counter() - began


def _sampler(trials: list[FrozenTrial]) -> float:
    """Median seconds of drawing a trial, on trials in memory."""
    study = optuna.create_study(direction=CASE.direction)
    study.add_trials(trials)
    taken, samplers = [], Samplers(SAMPLER)
    for _ in range(MEASURED):
        study.sampler = samplers(0, len(trials), {})
        began = time.perf_counter()
        trial = study.ask()
        suggest(trial)
        taken.append(time.perf_counter() - began)
        study.tell(trial, state=TrialState.FAIL)
    return median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--stored", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    CASE.dataset(Folders())  # what is imported for the first time counts for nobody
    done = {(r["what"], r["side"], r["trials"], r["repeat"]) for r in read(given.out)}

    def record(what: str, side: str, trials: int, repeat: int, seconds: float) -> None:
        if (what, side, str(trials), str(repeat)) in done:
            return
        row = {"what": what, "side": side, "trials": trials, "repeat": repeat}
        append(given.out, row | {"milliseconds": 1000 * seconds})
        print(*row.values(), f"{1000 * seconds:.2f} ms", flush=True)

    for repeat in range(given.repeats):
        for side, search in SIDES.items():
            if ("trial", side, str(given.trials), str(repeat)) not in done:
                record("trial", side, given.trials, repeat, search(given.trials) / given.trials)
    sizes = sorted(given.stored)
    for repeat in range(given.repeats):
        if ("write", "tuner", str(sizes[-1]), str(repeat)) not in done:
            for what, size, seconds in growth(sizes, repeat):
                record(what, "tuner", size, repeat, seconds)
    _print_medians(given.out)


def _print_medians(out: Path) -> None:
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in read(out):
        key = row["what"], row["side"], row["trials"]
        found.setdefault(key, []).append(float(row["milliseconds"]))
    for key, values in found.items():
        print(*key, f"{median(values):.2f} ms, median of {len(values)}")


if __name__ == "__main__":
    main()
