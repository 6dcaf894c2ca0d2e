"""The cost of a training is known before it begins."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.making import STAMPS, TINY, make_brief
from tuner.engines.job import Job, Replica
from tuner.engines.worker import run
from tuner.errors import CaseError
from tuner.study.cost import Costs
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("reference", "changes"),
    [
        (TINY, {}),
        (TINY, {"width": 8, "epochs": 2}),
        (TINY, {"batch_size": 7, "dropout": 0.3, "batch_norm": True}),
        (STAMPS, {}),
        (STAMPS, {"epochs": 2, "batch_size": 8}),
    ],
)
def test_it_is_what_a_training_on_one_fold_then_computes(
    reference: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    config = make_brief(reference, tmp_path)
    hyperparameters = replace(config.case.baseline, **changes)
    job = Job(
        case=reference,
        hyperparameters=asdict(hyperparameters),
        data=config.data_folder,
        replicas=(Replica(seed=0, split_seed=0, fold=0),),
        plan=Plan(),
    )
    *_, last = run(job)
    costs = Costs(config.case, config.dataset, Plan())
    assert costs.work(hyperparameters) == pytest.approx(last.work)
    assert costs.of(config.case.baseline) == 1
    assert costs.of(replace(config.case.baseline, epochs=40)) == 40 / config.case.baseline.epochs


def test_a_model_that_cannot_be_built_is_the_fault_of_its_case(tmp_path: Path) -> None:
    config = make_brief(TINY, tmp_path)
    costs = Costs(config.case, config.dataset, Plan())
    with pytest.raises(
        CaseError, match=r"build fails: line .* MemoryError: no room for this model"
    ):
        costs.of(config.case.hyperparameters({**asdict(config.case.baseline), "breaks": True}))
