"""What a model costs in use: its parameters, and the milliseconds that it takes for a row."""

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
    """Count the parameters of a model, trained ones and frozen ones.

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
    """Measure the milliseconds that an untrained model takes for one row, on this machine, now.

    The median of thirty, as the plan computes and with the scaling of rows: what one call of
    `tuner.Model.predict` costs, reading apart.

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
