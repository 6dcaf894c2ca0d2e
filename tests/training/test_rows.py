"""Rows on their device, here `meta`, which has no numbers and needs no GPU."""

from __future__ import annotations

import gc
from weakref import ref

import torch

from tests.made_up import made_up
from tuner.case.loading import load_case
from tuner.data.splits import KFold, folds
from tuner.training.learner import make_learners
from tuner.training.networks import Alone
from tuner.training.rows import Rows, copied

META, CPU = torch.device("meta"), torch.device("cpu")


def test_pixels_lie_on_a_card_once_for_all_learners() -> None:
    case, data = load_case("mnist"), made_up("mnist")
    learners = make_learners(case, case.baseline, data, folds(data.development, KFold(3), 0), 0)
    one, other = (
        Rows.load(data, [learner], META, Alone(learner.network).side_by_side)
        for learner in learners[:2]
    )
    assert one.features is other.features
    assert one.features.device == META
    assert one.targets is not other.targets


def test_a_copy_goes_with_the_last_who_uses_it() -> None:
    rows = torch.rand(3, 2)
    first = copied(rows, META)
    known = ref(first)
    assert copied(rows, META) is first
    del first
    gc.collect()
    assert known() is None
    assert copied(rows, META).device == META


def test_other_rows_and_other_devices_have_copies_of_their_own() -> None:
    rows, others = torch.rand(3, 2), torch.rand(3, 2)
    first = copied(rows, META)
    assert copied(rows, CPU) is rows
    assert copied(others, META) is not first
    assert copied(rows, META) is not first, "the last alone is known: a process trains on one"


def test_rows_in_the_place_of_others_are_not_taken_for_them() -> None:
    """The id of an object is reused once the object is gone."""
    kept = []
    for count in range(2, 50):
        rows = torch.rand(count, 2)
        kept.append(copied(rows, META))
        assert kept[-1].shape == (count, 2)
        del rows
