"""The tiny case with slow trainings, so that a fault can hit one while it runs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.cases import tiny

if TYPE_CHECKING:
    from torch import nn

    from tests.cases.tiny import TinyHyperparameters
    from tuner import Shape


def build(hyperparameters: TinyHyperparameters, shape: Shape) -> nn.Module:
    """Make the untrained network, slowly."""
    time.sleep(0.1)
    return tiny.build(hyperparameters, shape)


CASE = replace(tiny.CASE, build=build)
