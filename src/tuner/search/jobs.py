"""What trains a trial of a case's search, and which of its folds count there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tuner.engines.job import Job, Replica

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint


def search_job(
    config: StudyConfig, hyperparameters: Mapping[str, Any], seed: int, *, arm: bool = False
) -> Job:
    """Train on the folds that the search uses of its split, in lockstep.

    Args:
        arm: baseline or recipe, which are trained on all folds: their curves are what the diagnosis
            reads.
    """
    folds = None if arm else config.design.folds_in_search
    return Job(
        case=config.reference,
        hyperparameters=hyperparameters,
        data=config.data_folder,
        source=config.source.digest,
        replicas=(Replica(seed=seed, split_seed=config.seed, folds=folds),),
        plan=config.plan,
        metric=config.metric,
    )


def on_search_folds(config: StudyConfig, point: ReportPoint) -> ReportPoint:
    """Return a point with the scores on those folds alone that every trial of the search has.

    Trials are pruned, ranked and chosen by these: the same folds for all. `validation` stays the
    mean over all folds that were trained.
    """
    trained = slice(config.design.folds_in_search)
    return replace(
        point,
        fold_scores=point.fold_scores[trained],
        fold_surrogates=point.fold_surrogates[trained],
    )
