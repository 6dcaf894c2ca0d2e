"""The training of a trial in a case's search, and the folds that count for its score."""

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
    """Return the job that trains a trial on the folds that the search uses, in lockstep.

    Args:
        arm: whether it is the baseline or recipe; these train all folds, because the diagnosis
            reads their curves.
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
    """Return the point with the scores on only those folds that every trial of the search trains.

    Trials are pruned, ranked and chosen by these scores: the same folds for all trials.
    `validation` stays the mean over all trained folds.
    """
    trained = slice(config.design.folds_in_search)
    return replace(
        point,
        fold_scores=point.fold_scores[trained],
        fold_surrogates=point.fold_surrogates[trained],
    )
