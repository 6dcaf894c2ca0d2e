"""The samplers that a study of a case may have begun with, by their stored names."""

from __future__ import annotations

from tuner.language import said

COOLING = said(
    "BayesianSampler: a Gaussian process over complete and pruned trials, improvement at first by "
    "what a training computes, n_startup_trials=10, reseeded before each ask"
)
THRIFTY = said(
    "BayesianSampler: a Gaussian process over complete and pruned trials, improvement by what a "
    "training computes, n_startup_trials=10, reseeded before each ask"
)
GAUSSIAN = said(
    "BayesianSampler: a Gaussian process over complete and pruned trials, n_startup_trials=10, "
    "reseeded before each ask"
)
ONE_BY_ONE = said("TPESampler(multivariate=False), n_startup_trials=10, reseeded before each ask")
SAMPLERS = (COOLING, THRIFTY, GAUSSIAN, ONE_BY_ONE)  # the newest first
