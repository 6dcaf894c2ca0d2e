"""The computation of a training, known before it begins from its shapes and settings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tuner.case.contract import shape_of
from tuner.data.splits import folds
from tuner.errors import CaseError
from tuner.training.blame import blame
from tuner.training.randomness import undisturbed
from tuner.training.work import Work

if TYPE_CHECKING:
    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.plan import Plan


class Costs:
    """The cost of configurations of a case, each as a multiple of the baseline's.

    It is the work of all epochs (`tuner.training.work`), the same on every machine. With early
    stopping, a training may cost less.

    Raises:
        CaseError: the baseline's model cannot be built.
    """

    def __init__(self, case: Case, data: Dataset, plan: Plan) -> None:
        self._case, self._data, self._plan = case, data, plan
        first, *_ = folds(data.development, data.validation, 0)
        self._rows, self._held_out = len(first.training), len(first.validation)
        self._of_baseline = self.work(case.baseline)

    def of(self, hyperparameters: Hyperparameters) -> float:
        """Return the cost of a configuration; the baseline costs 1.

        Raises:
            CaseError: its model cannot be built.
        """
        return self.work(hyperparameters) / self._of_baseline

    def work(self, hyperparameters: Hyperparameters) -> float:
        """Return the work of a training on one fold, in the unit of `Work`.

        Raises:
            CaseError: its model cannot be built.
        """
        case, data = self._case, self._data
        try:
            with undisturbed():
                model = case.build(hyperparameters, shape_of(data))
        except Exception as error:
            raise CaseError(f"case {case.name!r}: build fails: {blame(error)}") from error
        one = Work.of(case, hyperparameters, data, model, self._plan.device)
        steps = math.ceil(self._rows / hyperparameters.batch_size)
        validation = one.validation_row * self._held_out + one.validation
        epoch = one.training_row * self._rows + one.step * steps
        return hyperparameters.epochs * (epoch + min(case.points_per_epoch, steps) * validation)
