"""600 of California's blocks of houses in 5 folds, in the search space of `housing`.

Made to compare searches on data that no shipped case has. Its test rows are never opened.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from tuner import Examples, KFold, make_dataset
from tuner.cases import housing

if TYPE_CHECKING:
    from tuner import Dataset, Folders

FILE = "california_housing/california_housing.csv"  # 8 columns and the price of 20,640 blocks
DEVELOPMENT, TEST = 600, 200


def load(folders: Folders) -> Dataset:
    """Draw rows to develop on, and others as a test."""
    rows = np.genfromtxt((folders.given or folders.own) / FILE, delimiter=",", skip_header=1)
    drawn = rows[np.random.default_rng(0).permutation(len(rows))[: DEVELOPMENT + TEST]]
    features, targets = torch.from_numpy(drawn).float().split((8, 1), dim=1)
    development, test = (
        Examples(features=features[part], targets=targets[part] / 1e5)
        for part in (slice(DEVELOPMENT), slice(DEVELOPMENT, None))
    )
    return make_dataset(
        name="small-houses",
        source="California housing (StatLib): 800 of 20,640 blocks",
        development=development,
        test=test,
        validation=KFold(5),
        columns=tuple(f"x{number}" for number in range(8)),
    )


CASE = replace(housing.CASE, name="small_houses", load=load)
