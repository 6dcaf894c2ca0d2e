"""Optuna's contract tests of a sampler, on both of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase

from tuner.search.bayesian import BayesianSampler
from tuner.search.tpe import Columns, RememberingTPESampler

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.contract
class TestSampler(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], RememberingTPESampler]:
        return lambda: RememberingTPESampler(0, Columns())


@pytest.mark.contract
class TestBayesianSampler(BasicSamplerTestCase, RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BayesianSampler]:
        return lambda: BayesianSampler(0, Columns(), startup=1)
