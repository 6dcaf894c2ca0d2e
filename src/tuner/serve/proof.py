"""Whether one model is better than another, by what is stored: no row is predicted for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna

from tuner.case.metric import metric_of
from tuner.errors import TunerError
from tuner.evidence.crossed import compare_rows, judge
from tuner.evidence.looks import Share
from tuner.evidence.moments import losses, moments
from tuner.evidence.odometer import looks_at
from tuner.evidence.predictions import TARGETS, kept_scale
from tuner.evidence.rowwise import Kept
from tuner.report.facts import gather
from tuner.runs.inventory import best_in
from tuner.study.catalogue import Catalogue
from tuner.study.schema import FACTS, SEED_MATTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.storages import RDBStorage

    from tuner.case.metric import Metric
    from tuner.evidence.crossed import Gain
    from tuner.evidence.predictions import Predictions
    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a gain.

    Attributes:
        sentence: what was compared, and what came of it.
    """

    proven: bool
    sentence: str


def gain_over_the_baseline(
    storage: RDBStorage, workplace: Workplace, manifest: Mapping[str, Any]
) -> Proof:
    """Say whether a model's configuration is better than its study's baseline."""
    name = str(manifest.get("study"))
    try:
        study = Catalogue(storage).load(name)
        best = best_in(gather(study, workplace, further=False))
    except TunerError as error:
        return Proof(False, f"Its gain is not proven: {error}.")
    if best["trial"] != manifest.get("trial"):
        return Proof(False, f"Its gain is not proven: it is not the best of study {name!r}.")
    if best["verdict"] != "better":
        return Proof(False, f"Its gain over the baseline is not proven: {best['verdict']}.")
    return Proof(True, f"Against the baseline of study {name!r}: {best['sentence']}")


def gain_over(
    storage: RDBStorage, current: Mapping[str, Any], candidate: Mapping[str, Any]
) -> Proof:
    """Say whether the candidate's configuration is better than the current model's.

    They are compared on what models of both said of the same test rows, as far as that is kept.
    The interval covers new rows and new trainings.
    """
    kept = [_kept(storage, one) for one in (current, candidate)]
    trials = [str(one.get("trial")) for one in (current, candidate)]
    said = [one and one[1].said(trial) for one, trial in zip(kept, trials, strict=True)]
    if not (kept[0] and kept[1] and said[0] and said[1]):
        return Proof(False, "Its gain over the current model is not proven: not both were tested.")
    if kept[0][1].attributes[TARGETS]["rows"] != kept[1][1].attributes[TARGETS]["rows"]:
        return Proof(
            False, "Its gain over the current model is not proven: they met different test rows."
        )
    study = kept[1][0]
    metric = metric_of(study.user_attrs[FACTS])
    looks = max(1, *(looks_at(one[0], one[1].attributes[TARGETS]["rows"]) for one in kept if one))
    gain = _gain(metric, said[0], said[1], kept[1][1], looks)
    if gain is None or metric.name != metric_of(kept[0][0].user_attrs[FACTS]).name:
        return Proof(
            False, "Its gain over the current model is not proven: they have different metrics."
        )
    if gain.interval is None:
        return Proof(
            False,
            "Its gain over the current model is not proven: too few models of both were tested "
            f"({gain.seeds[0]} and {gain.seeds[1]}).",
        )
    ends = " to ".join(metric.write_difference(end) for end in gain.interval)
    what = f"{metric.write_difference(gain.gain)} (95 % interval {ends}, {gain.rows} test rows)"
    proven = gain.verdict == "better" and study.user_attrs.get(SEED_MATTERS) in {None, "weights"}
    if proven:
        return Proof(True, f"Against the current model, the gain is {what}.")
    return Proof(False, f"Its gain over the current model is not proven: it is {what}.")


def _gain(
    metric: Metric, current: Predictions, candidate: Predictions, kept: Kept, looks: int
) -> Gain | None:
    """Compare by the metric; None where what it asks for was not kept."""
    if metric.rows is not None:
        a, b = (losses(metric, one, kept.targets) for one in (current, candidate))
        return None if a is None or b is None else compare_rows(a, b, Share(looks))
    found = moments(metric, current, candidate, kept.targets, kept_scale(kept.attributes))
    return None if found is None else judge(found, Share(looks))


def _kept(storage: RDBStorage, manifest: Mapping[str, Any]) -> tuple[optuna.Study, Kept] | None:
    name = str(manifest.get("study"))
    if name not in optuna.get_all_study_names(storage):
        return None
    study = optuna.load_study(study_name=name, storage=storage)
    kept = Kept.of(study)
    return None if kept is None else (study, kept)
