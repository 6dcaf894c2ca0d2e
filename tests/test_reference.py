"""On the real data: sizes, plausible baselines, and a whole study by its command."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tuner.case.loading import load_case
from tuner.case.metric import ACCURACY
from tuner.data.sources.folders import Folders
from tuner.data.splits import everything, folds
from tuner.training.fitting import fit
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.data.dataset import Dataset
    from tuner.training.inference import Fitted

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mnist(real_data: Path) -> Dataset:
    return load_case("mnist").load(Folders(given=real_data))


@pytest.fixture(scope="module")
def flowers(real_data: Path) -> Dataset:
    return load_case("flowers").load(Folders(given=real_data))


def counts(targets: torch.Tensor) -> list[int]:
    return torch.bincount(targets).tolist()


def trained(reference: str, data: Dataset, **changes: Any) -> Fitted:
    """Return the baseline trained on all development data."""
    case = load_case(reference)
    running = fit(
        case,
        replace(case.baseline, **changes),
        data,
        everything(data.development),
        seed=0,
        plan=Plan.for_machine(images=True),
    )
    while True:
        try:
            next(running)
        except StopIteration as end:
            (model,) = end.value
            fitted: Fitted = model
            return fitted


def test_mnist_is_the_real_one(mnist: Dataset) -> None:
    test = mnist.test.open(lambda: None)
    assert (mnist.name, mnist.stands_in_for) == ("mnist", None)
    assert mnist.classes == tuple("0123456789")
    assert (mnist.row_shape, mnist.development.features.dtype) == ((1, 28, 28), torch.uint8)
    assert (len(mnist.development), len(test)) == (60_000, 10_000)
    # The counts published by LeCun, Cortes and Burges.
    assert counts(mnist.development.targets) == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949
    ]  # fmt: skip
    assert counts(test.targets) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    (fold,) = folds(mnist.development, mnist.validation, 0)
    assert (len(fold.training), len(fold.validation)) == (55_000, 5_000)
    assert not set(fold.training.tolist()) & set(fold.validation.tolist())


def test_flowers_are_the_five_largest_classes(flowers: Dataset) -> None:
    test = flowers.test.open(lambda: None)
    assert (flowers.name, flowers.stands_in_for) == ("flowers", None)
    assert len(flowers.classes) == 5
    assert (flowers.row_shape, flowers.development.features.dtype) == ((3, 64, 64), torch.uint8)
    assert (len(flowers.development), len(test)) == (100, 983)
    assert counts(flowers.development.targets) == [20] * 5
    assert counts(test.targets) == [238, 231, 176, 174, 164]  # 20 fewer than each class has
    parts = folds(flowers.development, flowers.validation, 0)
    assert [(len(part.training), len(part.validation)) for part in parts] == [(80, 20)] * 5
    assert sorted(torch.cat([part.validation for part in parts]).tolist()) == list(range(100))


def test_no_test_image_is_a_development_image(mnist: Dataset, flowers: Dataset) -> None:
    for data in (mnist, flowers):
        seen = {row.numpy().tobytes() for row in data.development.features}
        test = data.test.open(lambda: None)
        assert not any(row.numpy().tobytes() in seen for row in test.features)


def test_the_mnist_baseline_trains_to_what_is_known_of_it(mnist: Dataset) -> None:
    plan = Plan.for_machine(images=True)
    test = mnist.test.open(lambda: None)
    model = trained("mnist", mnist, epochs=1)
    found = ACCURACY.score(model.outputs(test.features, plan).cpu(), test.targets).item()
    assert found > 0.97


def test_the_flowers_baseline_trains_to_what_is_known_of_it(flowers: Dataset) -> None:
    plan = Plan.for_machine(images=True)
    test = flowers.test.open(lambda: None)
    model = trained("flowers", flowers)
    found = ACCURACY.score(model.outputs(test.features, plan).cpu(), test.targets).item()
    assert 0.45 < found < 0.80


def test_a_study_of_flowers_ends_with_a_report(real_data: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "tuner.study",
            "flowers",
            "--trials",
            "2",
            "--seeds",
            "1",
            "--data-dir",
            str(real_data),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    folder = tmp_path / "storage" / "reports" / "flowers"
    assert (folder / "report.md").read_text().startswith("# ")
    report = json.loads((folder / "report.json").read_text())
    assert report["data"]["sizes"]["test"] == 983
    assert (report["trials"]["total"], report["trials"]["complete"]) == (2, 2)
    for arm in ("baseline", "recipe", "best"):
        assert report["arms"][arm]["test"]["accuracy"]["mean"] > 0.4
