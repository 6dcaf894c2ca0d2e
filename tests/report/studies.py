"""Studies made by hand, in the form that a search leaves."""

from __future__ import annotations

import base64
import json
import math
import random
from functools import cache
from io import BytesIO
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import optuna
from optuna.distributions import IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from PIL import Image
from sqlalchemy import event

from tuner.report.facts import gather
from tuner.search.write_behind import WriteBehind
from tuner.study.arms import arms_of, candidates_of
from tuner.unpromised.by_optuna import engine_of, row_of_study, storage_of
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial
    from sqlalchemy.engine.interfaces import DBAPIConnection

COMMAND = "python -m tuner.study flowers --trials 50"
MACHINE = {
    "python": "3.12.3",
    "tuner": "0.1.0",
    "torch": "2.9.0",
    "optuna": "5.0.0",
    "platform": "Linux x86_64",
    "processor": "Some Processor @ 2.4GHz",
    "cores": 2,
    "memory_gib": 8.0,
}
HYPERPARAMETERS = {"learning_rate": 1e-3, "batch_size": 32, "epochs": 10, "dropout": 0.0}


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/studies.db"


def facts_of(study: optuna.Study, folder: Path) -> dict[str, Any]:
    """Return the facts of a report on a study in this folder."""
    return gather(study, Workplace.at(url=url_in(folder)))


def make_study(
    folder: Path, name: str = "flowers", *, task: str = "classification", **changes: Any
) -> optuna.Study:
    """An empty study; `changes` are changes to its settings."""
    classification = task == "classification"
    direction: Literal["maximize", "minimize"] = "maximize" if classification else "minimize"
    data = {
        "name": name,
        "source": "Flowers-102, five largest classes",
        "fingerprint": "0123456789abcdef" * 4,
        "stands_in_for": None,
        "classes": ["a", "b"],
        "columns": [],
        "sizes": {"development": 100, "training": 80, "validation": 20, "folds": 5, "test": 983},
    }
    facts = {
        "version": "0.1.0",
        "case": "flowers",
        "reference": "flowers",
        "task": task,
        "metric": "accuracy" if classification else "mae",
        "direction": direction,
        "seed": 0,
        "fixed": {},
        "space": {
            "epochs": {
                "name": "IntDistribution",
                "attributes": {"low": 1, "high": 1000, "step": 1, "log": False},
            }
        },
        "trivial": {"metric": 0.2, "loss": 1.6} if classification else {"metric": 0.8, "loss": 1.0},
        "data": {**data, **changes.pop("data", {})},
        "plan": {
            "device": "cpu",
            "precision": "bfloat16",
            "channels_last": True,
            "threads": 1,
            "evaluation_batch": 500,
        },
        "sampler": "TPESampler(multivariate)",
        "pruner": "PercentilePruner(25 %)",
        **changes,
    }
    if not (folder / "studies.db").exists():
        (folder / "studies.db").write_bytes(_empty_database())
    study = optuna.create_study(study_name=name, storage=_storage(folder), direction=direction)
    study.set_user_attr("tuner", facts)
    return study


def _storage(folder: Path) -> RDBStorage:
    storage = RDBStorage(url_in(folder), skip_compatibility_check=True)
    event.listen(storage.engine, "connect", _without_waiting_for_the_disk)
    storage.engine.dispose()
    return storage


@cache
def _empty_database() -> bytes:
    """Return an empty database; creating Optuna's tables takes half a second, a copy no time."""
    with TemporaryDirectory() as folder:
        storage = RDBStorage(url_in(Path(folder)))
        storage.engine.dispose()
        return (Path(folder) / "studies.db").read_bytes()


def _without_waiting_for_the_disk(connection: DBAPIConnection, _record: object) -> None:
    connection.cursor().execute("PRAGMA synchronous=OFF")


def add_session(study: optuna.Study, command: str = COMMAND, **changes: Any) -> None:
    session = {
        "command": command,
        "started": "2026-11-23T07:00:00+00:00",
        "search_seconds": 812.1,
        "workers": 2,
        "machine": MACHINE,
        **changes,
    }
    study.set_user_attr("sessions", [*study.user_attrs.get("sessions", []), session])


def add_trial(
    study: optuna.Study,
    state: TrialState = TrialState.COMPLETE,
    value: float | None = None,
    *,
    arm: str | None = None,
    epochs: int = 10,
    stop: int | None = None,
    points: int = 1,
    failure: str | None = None,
    seconds: float = 12.5,
    **hyperparameters: Any,
) -> None:
    """Add a trial that approaches `value` (its score if complete) and ends after `stop` epochs."""
    accuracy = study.direction == optuna.study.StudyDirection.MAXIMIZE
    number = len(study.get_trials(deepcopy=False))
    chance = 0.2 if accuracy else 0.9
    shown = value if value is not None else chance
    curve = []
    count = (stop or epochs) * points
    for step in range(1, count + 1):
        part = (1 - math.exp(-5 * step / (epochs * points))) / (1 - math.exp(-5))
        validation = chance + (shown - chance) * part
        training = chance + ((0.999 if accuracy else shown * 0.8) - chance) * part
        curve.append([step, step / points, 1.0 / step, training, validation])
    attributes: dict[str, Any] = {
        "seed": 1000 + number,
        "hyperparameters": {**HYPERPARAMETERS, "epochs": epochs, **hyperparameters},
        "curve": curve if failure is None else [],
        "seconds": seconds,
        "work": 1e9 * count,
    }
    if arm:
        attributes["arm"] = arm
    if failure:
        attributes["failure"] = failure
    if state == TrialState.COMPLETE and value is not None:
        attributes["best_epoch"] = epochs
        step_between = 0.01 if accuracy else value / 20
        count = study.user_attrs["tuner"].get("folds_in_search", 5)
        away = (fold - (count - 1) / 2 for fold in range(count))
        attributes["fold_scores"] = [value + step_between * one for one in away]
    ended = create_trial(
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        params={"epochs": epochs},
        distributions={"epochs": IntDistribution(1, 1000)},
        user_attrs=attributes,
        intermediate_values={int(point[0]): point[4] for point in curve},
    )
    ended.number = number
    _write(study, ended)


def _write(study: optuna.Study, ended: FrozenTrial) -> None:
    """Write a trial as a search does: Optuna queries the database before it adds each point."""
    state, values = ended.state, ended.values
    ended.state = TrialState.RUNNING
    rows = list[int]()
    WriteBehind(engine_of(study), row_of_study(study)).add_trial(ended, rows.append)
    storage_of(study).set_trial_state_values(rows[0], state, values)


def keep_ensembles(study: optuna.Study, gain: float, standard_error: float | None) -> None:
    """Store the scores of each arm's ensemble in a confirmation."""
    confirmation = study.user_attrs["confirmation"]
    for arm in confirmation["arms"].values():
        joint = {
            name: fmean(one[name] for one in arm["scores"]) + gain for name in arm["scores"][0]
        }
        arm["ensemble"] = {"scores": joint, "gain": gain, "standard_error": standard_error}
    study.set_user_attr("confirmation", confirmation)


def confirm(study: optuna.Study, **accuracies: Sequence[float]) -> None:
    """Store a confirmation of the present arms: scores by arm, one per seed."""
    metrics = (
        ("accuracy", "macro_f1")
        if study.direction == optuna.study.StudyDirection.MAXIMIZE
        else ("mae", "mse")
    )
    written = study.get_trials(deepcopy=False)
    trials = {t.user_attrs["arm"]: t.number for t in written if "arm" in t.user_attrs}
    candidates = [trial.number for trial in candidates_of(study)]
    trials["best"] = candidates[0]
    some = next(iter(accuracies.values()))
    sign = 1 if metrics[0] == "accuracy" else -1
    study.set_user_attr(
        "confirmation",
        {
            "candidates": candidates,
            "fixed": {name: number for name, number in trials.items() if name != "best"},
            "fewest": len(some),
            "most": len(some),
            "winner": candidates[0],
            "validation": {
                str(number): [
                    written[number].values[0] - sign * 0.002 * (1 + index)
                    for index in range(len(some))
                ]
                for number in {*candidates, *trials.values()}
            },
            "ranked_by": None,
            "seeds": list(range(101, 101 + len(some))),
            "arms": {
                name: {
                    "trial": trials[name],
                    "epochs": 10,
                    "scores": [
                        {metrics[0]: score, metrics[1]: score * 0.9} for score in accuracies[name]
                    ],
                }
                for name in accuracies
            },
        },
    )
    opening = {
        "when": "2026-11-23T07:20:00+00:00",
        "reason": f"final evaluation of {len(accuracies)} arms on {len(some)} seeds",
    }
    study.set_user_attr("test_openings", [*study.user_attrs.get("test_openings", []), opening])


def usual_study(
    folder: Path, name: str = "flowers", trials: int = 50, **kwargs: Any
) -> optuna.Study:
    """A classification study with pruned and failed trials, confirmed on six seeds."""
    if (folder / "studies.db").exists():
        return _usual(folder, name, trials, **kwargs)
    (folder / "studies.db").write_bytes(_usual_database(name, trials, json.dumps(kwargs)))
    return optuna.load_study(study_name=name, storage=_storage(folder))


@cache
def _usual_database(name: str, trials: int, kwargs: str) -> bytes:
    """Return this study's database; it is made once per process and then copied."""
    with TemporaryDirectory() as place:
        _usual(Path(place), name, trials, **json.loads(kwargs))._storage.remove_session()
        return (Path(place) / "studies.db").read_bytes()


def _usual(folder: Path, name: str, trials: int, **kwargs: Any) -> optuna.Study:
    study = make_study(folder, name, **kwargs)
    add_trial(study, value=0.60, arm="baseline")
    add_trial(study, value=0.66, arm="recipe", epochs=15, dropout=0.3)
    fill(study, trials)
    add_session(study, confirmation_seconds=93.0)
    confirm(
        study,
        baseline=[0.601, 0.612, 0.598, 0.607, 0.603, 0.605],
        recipe=[0.60, 0.63, 0.597, 0.611, 0.60, 0.605],
        best=[0.93, 0.934, 0.941, 0.928, 0.937, 0.931],
    )
    return study


def fill(study: optuna.Study, trials: int) -> None:
    """Add trials with all kinds of endings until there are this many; later ones are better."""
    draw = random.Random(0)
    accuracy = study.direction == optuna.study.StudyDirection.MAXIMIZE
    for number in range(len(study.get_trials(deepcopy=False)), trials):
        near = 1 - math.exp(-3 * number / trials)
        value = 0.6 + 0.3 * near * draw.random() ** 0.5 + 0.05 * draw.random()
        if not accuracy:
            value = 0.08 * (1 - 0.85 * near * draw.random())
        kind = draw.random()
        if kind < 0.04:
            add_trial(study, TrialState.FAIL, failure="DivergedError: the loss is nan in epoch 2")
        elif kind < 0.65:
            worse = value - 0.15 if accuracy else value * 3
            add_trial(study, TrialState.PRUNED, worse, epochs=20, stop=draw.randint(1, 9))
        else:
            epochs = draw.choice([10, 20, 40])
            add_trial(study, value=value, epochs=epochs, learning_rate=0.003 * draw.random())


def ablated(study: optuna.Study, *, complete: bool = True) -> None:
    """Store an ablation of the present best: two changes, the first with the larger effect."""
    changes = {
        "learning_rate": {"was": 0.001, "now": 0.003, "group": "training", "follows": {}},
        "dropout": {"was": 0.0, "now": 0.3, "group": "structure", "follows": {"rate": 2}},
    }
    study.set_user_attr(
        "ablation",
        {
            "baseline": 0,
            "best": arms_of(study)["best"].number,
            "rounds": 2,
            "complete": complete,
            "changes": changes,
            "path": ["learning_rate", "dropout"],
            "path_scores": [[0.60, 0.62], [0.84, 0.86], [0.90, 0.92]],
            "without": {"learning_rate": [0.65, 0.67], "dropout": [0.84, 0.86]},
            "whole": [0.90, 0.92],
            "smallest": ["dropout", "learning_rate"] if complete else None,
            "smallest_scores": [0.90, 0.92] if complete else None,
            "subsets_measured": 4,
        },
    )


def erring(study: optuna.Study) -> None:
    """Store the errors of the present best: one image of a flower."""
    file = BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 90)).save(file, format="PNG")
    mistake = {
        "row": 3,
        "true": "rose",
        "predicted": "tulip",
        "probability": 0.9,
        "png": base64.b64encode(file.getvalue()).decode("ascii"),
    }
    study.set_user_attr(
        "mistakes",
        {
            "trial": arms_of(study)["best"].number,
            "classes": ["rose", "tulip"],
            "models": 6,
            "confusion": [[50, 10], [0, 60]],
            "mistakes": [mistake],
        },
    )


def audited(study: optuna.Study, *scores: float | None, pruned: int = 30) -> None:
    """Store an audit of the first pruned trials, with these scores at their end."""
    numbers = [trial.number for trial in study.trials if trial.state == TrialState.PRUNED]
    trials = [
        {"trial": number, "score": score, "differs": None, "failure": None}
        for number, score in zip(numbers, scores, strict=False)
    ]
    study.set_user_attr("audit", {"pruned": pruned, "trials": trials})
