from __future__ import annotations

import pytest
import torch

from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples
from tuner.data.shuffling import shuffled
from tuner.data.splits import KFold


def dataset(targets: torch.Tensor, groups: torch.Tensor | None) -> Dataset:
    rows = Examples(
        features=torch.arange(len(targets))[:, None].float(), targets=targets, groups=groups
    )
    return make_dataset(
        name="patients",
        source="made up",
        classes=("ill", "well"),
        columns=("number",),
        development=rows,
        test=Examples(features=rows.features[:4], targets=rows.targets[:4]),
        validation=KFold(4),
    )


@pytest.mark.parametrize("grouped", [False, True])
def test_targets_are_mixed_and_nothing_else(grouped: bool) -> None:
    targets, groups = torch.arange(200) % 2, torch.arange(200) // 10
    own = dataset(targets, groups if grouped else None)
    found = shuffled(own, 3).development
    assert found.features.equal(own.development.features)
    assert found.targets.bincount().equal(targets.bincount())
    assert 60 < int((found.targets != targets).sum()) < 140
    assert found.targets.equal(shuffled(own, 3).development.targets)
    assert not found.targets.equal(shuffled(own, 4).development.targets)


@pytest.mark.parametrize("uneven", [False, True])
def test_targets_of_a_group_stay_together(uneven: bool) -> None:
    """Forty patients, each ill or well in all rows: a score depends on 40 values, not 400."""
    sizes = torch.tensor([4, 16] * 20 if uneven else [10] * 40)
    groups = torch.arange(40).repeat_interleave(sizes)
    rows = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    groups = groups[rows]
    found = shuffled(dataset(groups % 2 if not uneven else groups // 2 % 2, groups), 0).development
    shares = torch.stack([found.targets[groups == one].double().mean() for one in range(40)])
    spread = shares.var().item()
    assert spread == pytest.approx(0.25, abs=0.1 if uneven else 0.01), "0.025 by single rows"
