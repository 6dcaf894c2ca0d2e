"""The cost of using a model: its number of parameters, and its milliseconds per row."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from tuner.case.contract import shape_of
from tuner.data.splits import everything
from tuner.errors import CaseError
from tuner.training.blame import blame
from tuner.training.inference import Fitted, applied_by
from tuner.training.learner import Learner
from tuner.training.randomness import undisturbed

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.plan import Plan

WARM_UP, TIMES = 5, 30


def parameters_of(case: Case, hyperparameters: Hyperparameters, data: Dataset) -> int:
    """Count the parameters of a model, trained and frozen ones.

    Raises:
        CaseError: it cannot be built.
    """
    try:
        with undisturbed():
            model = case.build(hyperparameters, shape_of(data))
    except Exception as error:
        raise CaseError(f"case {case.name!r}: build fails: {blame(error)}") from error
    return sum(weight.numel() for weight in model.parameters())


def latency_of(case: Case, hyperparameters: Hyperparameters, data: Dataset, plan: Plan) -> float:
    """Measure the milliseconds of an untrained model for one row, on this machine.

    It is the median of thirty measurements, with the plan's precision and the scaling of rows: the
    duration of one call of `tuner.Model.predict`, without reading the file.

    Raises:
        CaseError: it cannot be built or applied.
    """
    row = data.development.features[:1]
    try:
        with undisturbed():
            (fold,) = everything(data.development)
            learner = Learner.make(case, hyperparameters, data, fold, 0)
            fitted = Fitted(
                learner.network.to(plan.device).eval(),
                learner.features,
                learner.targets,
                applied_by(case, hyperparameters),
            )
            taken = [_milliseconds(fitted, row, plan) for _ in range(WARM_UP + TIMES)]
    except Exception as error:
        raise CaseError(f"case {case.name!r}: its model fails: {blame(error)}") from error
    return statistics.median(taken[WARM_UP:])


def _milliseconds(fitted: Fitted, row: Tensor, plan: Plan) -> float:
    began = time.perf_counter()
    fitted.outputs(row, plan).cpu()  # waits for a GPU
    return 1000 * (time.perf_counter() - began)
