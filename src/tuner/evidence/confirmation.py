"""Train baseline, recipe and best again on fresh seeds, then open the test split once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tuner.case import Shape
from tuner.errors import BundleError, StudyError
from tuner.fits import Failed, Finished, Job, run_all
from tuner.inference import Fitted
from tuner.manifest import machine
from tuner.metrics import scores
from tuner.seeds import derive
from tuner.study.arms import arms_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.fits import Engine
    from tuner.study.opening import Brief

CONFIRMATION, OPENINGS = "confirmation", "test_openings"


@dataclass(frozen=True, slots=True)
class Arm:
    """A trial's configuration, to be trained again on all development data.

    Attributes:
        epochs: the trial's own best epoch.
    """

    trial: int
    hyperparameters: dict[str, Any]
    epochs: int


def find_arms(study: optuna.Study) -> dict[str, Arm]:
    """Return baseline, recipe and best, as far as they have a complete trial."""
    return {name: arm_of(trial) for name, trial in arms_of(study).items()}


def arm_of(trial: FrozenTrial) -> Arm:
    """Return a complete trial as an arm."""
    facts = trial.user_attrs
    return Arm(trial.number, facts["hyperparameters"], facts["best_epoch"])


def seed_of(study_seed: int, index: int) -> int:
    """Return the seed of confirmation number `index`; no trial of the search has it."""
    return derive(study_seed, "confirmation", index)


def final_job(brief: Brief, arm: Arm, seed: int) -> Job:
    """Train an arm on all development data for its own number of epochs."""
    return Job(
        case=brief.reference,
        hyperparameters=arm.hyperparameters,
        data=brief.data_folder,
        split_seed=None,
        seed=seed,
        plan=brief.plan,
        stop_after=arm.epochs,
    )


def confirm(
    study: optuna.Study,
    brief: Brief,
    engine: Engine,
    count: int,
    folder: Path,
    say: Callable[[str], None],
) -> bool:
    """Confirm the arms on `count` fresh seeds, the same for all, unless that is done already.

    Args:
        folder: keeps the weights of each fit as soon as it ends, so an interrupted confirmation
            goes on where it was.

    Returns:
        Whether the test split was opened.

    Raises:
        StudyError: there is no baseline to compare with, or a fit failed.
    """
    arms = find_arms(study)
    if "baseline" not in arms:
        raise StudyError("the baseline has no complete trial, so there is nothing to compare with")
    seeds = [seed_of(brief.seed, index) for index in range(count)]
    before = study.user_attrs.get(CONFIRMATION)
    trials = {name: arm.trial for name, arm in arms.items()}
    if (
        before
        and before["seeds"] == seeds
        and trials == {name: facts["trial"] for name, facts in before["arms"].items()}
    ):
        return False
    jobs = _jobs(brief, arms, seeds, folder)
    _train(jobs, engine, say)
    test = _evaluate(study, brief, jobs, len(arms), count)
    study.set_user_attr(
        CONFIRMATION,
        {
            "seeds": seeds,
            "arms": {
                name: {
                    "trial": arm.trial,
                    "epochs": arm.epochs,
                    "scores": [test[arm.trial, seed] for seed in seeds],
                }
                for name, arm in arms.items()
            },
        },
    )
    return True


def _jobs(
    brief: Brief, arms: dict[str, Arm], seeds: list[int], folder: Path
) -> dict[tuple[int, int], Job]:
    """One job a trial and seed, with a file for its weights that is named after its inputs."""
    jobs = {}
    for arm in arms.values():
        for seed in seeds:
            job = final_job(brief, arm, seed)
            inputs = (
                brief.case.name,
                brief.dataset.fingerprint,
                arm.hyperparameters,
                arm.epochs,
                seed,
                asdict(brief.plan),
                machine(),
            )
            digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
            weights = folder / f"trial-{arm.trial}-seed-{seed}-{digest[:16]}.safetensors"
            jobs[arm.trial, seed] = replace(job, weights=weights)
    return jobs


def _train(jobs: dict[tuple[int, int], Job], engine: Engine, say: Callable[[str], None]) -> None:
    missing = [job for job in jobs.values() if job.weights and not job.weights.exists()]
    ended = 0

    def on_end(key: int, event: Finished | Failed) -> None:
        nonlocal ended
        ended += 1
        if isinstance(event, Failed):
            raise StudyError(
                f"confirming with seed {missing[key].seed} failed: {event.reason}; "
                "the same command tries again"
            )
        say(f"[{ended}/{len(missing)}] confirmation: trained again in {event.seconds:.1f} s")

    run_all(engine, dict(enumerate(missing)), on_end)


def _evaluate(
    study: optuna.Study, brief: Brief, jobs: dict[tuple[int, int], Job], arms: int, seeds: int
) -> dict[tuple[int, int], dict[str, float]]:
    """Open the test split, on the record, and score every model on it."""

    def record() -> None:
        opening = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": f"final evaluation of {arms} arms on {seeds} seeds",
        }
        study.set_user_attr(OPENINGS, [*study.user_attrs.get(OPENINGS, []), opening])

    fitted = {key: load_fitted(brief, job) for key, job in jobs.items()}
    test = brief.dataset.test.open(record)
    found = {}
    for key, one in fitted.items():
        outputs = one.outputs(test.features, brief.plan).cpu()
        targets = one.targets(test.targets) if brief.case.task == "regression" else test.targets
        found[key] = scores(brief.case.task, outputs, targets)
    return found


def load_fitted(brief: Brief, job: Job) -> Fitted:
    """Load the weights that a final job has written.

    Raises:
        BundleError: the file is damaged; it is removed, so the same command trains it again.
    """
    if job.weights is None:
        raise BundleError("this job keeps no weights")
    case, data = brief.case, brief.dataset
    hyperparameters = case.hyperparameters(job.hyperparameters)
    model = case.build(hyperparameters, Shape(data.row_shape, data.outputs)).to(brief.plan.device)
    try:
        return Fitted.load(model, job.weights)
    except BundleError:
        job.weights.unlink(missing_ok=True)
        raise
