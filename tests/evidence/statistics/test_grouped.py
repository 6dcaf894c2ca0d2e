"""Rows of a group count as one: every statement about a gain holds for new groups."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
import torch
from scipy.stats import sem

from tests.evidence import rates
from tests.evidence.rates import draws
from tests.evidence.rows.test_moments import TRUTH, said
from tests.evidence.worlds import SIZES, equal_on_new_groups
from tuner.case.metric import ACCURACY, MAE
from tuner.case.scorers import named
from tuner.data.examples import Examples
from tuner.evidence.certainty_in_words import certainty_in_words
from tuner.evidence.rows.ensembles import ensemble_facts
from tuner.evidence.rows.moments import MOMENTS, keep_moments
from tuner.evidence.rows.predictions import (
    keep_predictions,
    keep_targets,
    kept_groups,
    packed,
    unpacked,
)
from tuner.evidence.rows.rowwise import Kept, Rule, by_row
from tuner.evidence.statistics.certainty import (
    expected_certainty,
    guessed_components,
    measured_certainty,
)
from tuner.evidence.statistics.components import Components
from tuner.evidence.statistics.crossed import compare_rows
from tuner.evidence.statistics.grouped import (
    by_group,
    count,
    error_of_mean,
    evenness,
    numbered,
    widening,
)
from tuner.evidence.statistics.looks import WHOLE
from tuner.evidence.statistics.resampling import compare_scores
from tuner.evidence.statistics.scores import macro_f1

if TYPE_CHECKING:
    from tuner.evidence.statistics.components import Array
    from tuner.evidence.statistics.grouped import Groups


@pytest.mark.parametrize("sizes", SIZES)
def test_equal_arms_are_rarely_told_apart_on_new_groups(sizes: str) -> None:
    """If rows count singly, 7 to 55 of 100 verdicts are wrong (studies/verdict/groups.py).

    If all groups count as equal in size, one large group made 25 of 100 wrong.
    """
    found = rates.of_groups(sizes, worlds=150, as_one=True)
    assert found.share("better") + found.share("worse") <= 0.05
    assert found.coverage >= 0.95


def test_a_gain_on_all_groups_is_still_seen() -> None:
    draw, seen = draws("gain on groups"), 0
    for _ in range(60):
        one, other, groups = equal_on_new_groups(draw, np.full(40, 10))
        worse = np.maximum(one, draw.random(one.shape) < 0.25)
        seen += compare_rows(worse, other, groups=groups).verdict == "better"
    assert seen / 60 >= 0.9


def test_one_large_group_counts_as_few_of_one_size() -> None:
    alike, large = np.repeat(np.arange(16), 5), np.repeat(np.arange(16), [150, *[5] * 15])
    assert (widening(alike), evenness(alike)) == pytest.approx((1.0, 1.0))
    assert evenness(large) * 15 == pytest.approx(225**2 / (150**2 + 15 * 25) - 1)
    draw, said, off = draws("one large"), [], []
    for _ in range(2_000):  # groups whose means have the same spread
        values = draw.normal(0, 1, 16)[large]
        said.append((error_of_mean(values, large) or 0.0) ** 2)
        off.append(values.mean() ** 2)
    assert np.mean(said) == pytest.approx(np.mean(off), rel=0.1)


def arms(rows: int = 60) -> tuple[Array, Array]:
    draw = draws("two arms", rows)
    return tuple((draw.random((6, rows)) < level).astype(float) for level in (0.4, 0.25))  # type: ignore[return-value]


def test_groups_of_one_are_rows() -> None:
    one, other = arms()
    assert np.allclose(by_group(one, np.arange(60)), one)
    found, known = compare_rows(one, other, groups=np.arange(60)), compare_rows(one, other)
    assert (found.groups, found.units, known.groups, known.units) == (60, 60, None, 60)
    assert found.interval == pytest.approx(known.interval)
    assert found.p_value == pytest.approx(known.p_value)


@pytest.mark.parametrize("times", [2, 7])
def test_rows_that_are_copied_tell_nothing_new(times: int) -> None:
    one, other = arms()
    groups = np.repeat(np.arange(60), times)
    found = compare_rows(one[:, groups], other[:, groups], groups=groups)
    known = compare_rows(one, other)
    assert (found.rows, found.groups) == (60 * times, 60)
    assert found.gain == pytest.approx(known.gain)
    assert found.interval == pytest.approx(known.interval)
    assert found.degrees == pytest.approx(known.degrees)


def test_so_it_is_with_a_metric_that_no_row_has_by_itself() -> None:
    draw = draws("scores of groups")
    truth = draw.integers(3, size=80).astype(float)
    one, other = (np.where(draw.random((4, 80)) < right, truth, 0.0) for right in (0.5, 0.7))
    groups = np.repeat(np.arange(80), 3)
    known = compare_scores(macro_f1, one, other, truth, resamples=300)
    found = compare_scores(
        macro_f1,
        one[:, groups],
        other[:, groups],
        truth[groups],
        groups=groups,
        resamples=300,
    )
    assert (found.rows, found.groups) == (240, 80)
    assert found.interval == pytest.approx(known.interval)
    alone = compare_scores(macro_f1, one, other, truth, groups=np.zeros(80, dtype=np.int64))
    assert (alone.verdict, alone.interval, alone.groups) == ("no proven gain", None, 1)


def test_a_mean_of_one_group_has_no_error() -> None:
    values = np.array([1.0, 2.0, 4.0])
    assert error_of_mean(values, None) == pytest.approx(sem(values))
    assert error_of_mean(values, np.zeros(3, dtype=np.int64)) is None
    assert error_of_mean(values[:1], None) is None
    found = compare_rows(np.eye(4, 3), np.eye(4, 3) + 1, groups=np.zeros(3, dtype=np.int64))
    assert (found.interval, found.groups, found.rows) == (None, 1, 3)


def test_groups_of_other_sizes_have_the_variance_of_a_ratio() -> None:
    """Over many draws, the mean over rows varies as much as is estimated from a single one."""
    draw, means, errors = draws("ratio"), [], []
    for _ in range(2_000):
        sizes = draw.integers(1, 10, 60)
        groups = np.repeat(np.arange(60), sizes)
        values = 2 + draw.normal(0, 1, 60)[groups] + 0.1 * sizes[groups]
        values += draw.normal(0, 1, len(groups))
        means.append(values.mean())
        errors.append(error_of_mean(values, groups) or 0.0)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.07)


@pytest.mark.parametrize("alike", [0.0, 0.3, 1.0])
def test_before_a_test_the_error_lies_between_what_groups_and_what_rows_give(alike: float) -> None:
    """The rows of a group are drawn with this correlation."""
    groups, size = 40, 5
    draw, means = draws(f"alike {alike}"), []
    for _ in range(4_000):
        shared = np.repeat(draw.normal(0, math.sqrt(alike), groups), size)
        means.append(np.mean(shared + draw.normal(0, math.sqrt(1 - alike), groups * size)))
    of_a_row = Components(rows=1.0, seeds=(0.0, 0.0), interaction=(0.0, 0.0), unseen=0.0)
    found = expected_certainty(of_a_row, groups, 6, grouped=True, members=groups * size)
    assert found.smallest_apart is not None
    assert found.smallest is not None
    true = np.std(means) * found.smallest * math.sqrt(groups)  # the gain of that standard error
    expected = {0.0: found.smallest_apart, 1.0: found.smallest}
    if alike in expected:
        assert true == pytest.approx(expected[alike], rel=0.05)
    assert found.smallest_apart * 0.95 < true < found.smallest * 1.05


def test_before_a_test_of_groups_both_ends_are_told() -> None:
    components = guessed_components(0.2, spread=None)
    text = certainty_in_words(
        expected_certainty(components, 12, 6, grouped=True, members=100), "{:.2f}".format
    )
    rows, groups = (expected_certainty(components, n, 6).smallest for n in (100, 12))
    assert text == (
        f"With 12 groups of test rows and 6 seeds, a gain under {groups:.2f} will often be missed "
        f"if all rows of a group are the same, and one under {rows:.2f} if they are as different "
        "as any."
    )
    alone = certainty_in_words(
        expected_certainty(components, 99, 6, grouped=True, members=100), "{:.1f}".format
    )
    assert alone.endswith("seeds, a gain under 0.1 will often be missed.")


def test_what_would_help_is_told_in_groups() -> None:
    one, other = arms()
    groups = np.repeat(np.arange(12), 5)
    found = measured_certainty(compare_rows(one, other, groups=groups))
    assert found is not None
    text = certainty_in_words(
        replace(found, wanted=0.01, rows_needed=900, seeds_needed=None), "{:.3f}".format
    )
    assert text.startswith("With 12 groups of test rows and 6 seeds, a gain under ")
    assert text.endswith("use 900 groups of test rows; more seeds alone cannot help enough.")
    text = certainty_in_words(
        replace(found, wanted=0.01, rows_needed=None, seeds_needed=90), "{:.3f}".format
    )
    assert text.endswith("use 90 seeds; more groups alone cannot help enough.")


def test_what_is_said_of_an_ensemble_allows_for_groups() -> None:
    outputs = [torch.randn(40, 1, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    joint, groups = torch.stack(outputs).mean(dim=0), torch.arange(40) // 2

    def error(times: int, groups: torch.Tensor | None) -> float:
        rows = torch.arange(40).repeat_interleave(times)
        test = Examples(features=torch.zeros(len(rows), 1), targets=torch.zeros(len(rows), 1))
        found = ensemble_facts(
            [MAE], joint[rows], [one[rows] for one in outputs], replace(test, groups=groups), None
        )
        assert found is not None
        return float(found["standard_error"])

    assert error(3, torch.arange(40).repeat_interleave(3)) == pytest.approx(error(1, None))
    assert error(3, None) < error(1, None)
    assert error(1, groups) > 0


WEAK, STRONG = said(1.0, 4), said(3.0, 4)


def study_of(groups: Groups | None) -> optuna.Study:
    study = optuna.create_study()
    keep_targets(study, "rows", TRUTH, None, groups)
    for trial, models in ((3, WEAK), (5, STRONG)):
        keep_predictions(study, trial, models, TRUTH)
    return study


def kept_of(study: optuna.Study) -> Kept:
    found = Kept.among(study.user_attrs)
    assert found is not None
    return found


def kept(groups: Groups | None) -> Kept:
    return kept_of(study_of(groups))


@pytest.mark.parametrize("name", ["accuracy", "roc_auc"])
def test_what_was_kept_is_compared_by_groups(name: str) -> None:
    metric = ACCURACY if name == "accuracy" else named(name, "classification")
    rule = Rule(WHOLE, exact=True)
    pairs = [
        by_row(kept(groups), (3, 5), metric, rule, further=True)
        for groups in (None, np.arange(60) // 10 + 7)
    ]
    assert pairs[0] is not None
    assert pairs[1] is not None
    assert [pair["groups"] for pair in pairs if pair] == [None, 6]
    assert [pair["rows"] for pair in pairs if pair] == [60, 60]
    assert pairs[0]["gain"] == pytest.approx(pairs[1]["gain"])
    assert pairs[0]["standard_error"] != pytest.approx(pairs[1]["standard_error"])
    assert pairs[1]["certainty"].startswith("With 6 groups of test rows and 4 seeds")
    assert {one["groups"] for one in pairs[1]["also"].values()} == {6}
    same = by_row(kept(np.arange(60) // 10), (3, 3), metric, rule, further=False)
    assert same is not None
    assert same["groups"] == 6


def test_groups_are_kept_as_they_are_however_many() -> None:
    assert numbered(np.array([9, 4, 9, 100])).tolist() == [1, 0, 1, 2]
    assert count(np.array([1, 0, 1, 2])) == 3
    many = np.arange(70_000)
    assert (unpacked(packed(many)) == many).all()
    assert packed(np.arange(7))["type"] == "<i2"
    study = optuna.create_study()
    keep_targets(study, "rows", np.zeros(70_000, dtype=np.int64), None, many[::-1])
    found = kept_groups(study.user_attrs)
    assert found is not None
    assert (found == many[::-1]).all()
    assert kept(None).knows_groups
    assert kept(None).groups is None


def test_moments_that_were_kept_by_rows_are_not_taken_for_groups() -> None:
    metric, rule = named("roc_auc", "classification"), Rule(WHOLE, exact=True)
    by_rows = kept(None)
    told = Kept({**by_rows.attributes, **groups_of(kept(np.arange(60) // 10))}, TRUTH, {})
    found = by_row(told, (3, 5), metric, rule, further=False)
    known = by_row(kept(np.arange(60) // 10), (3, 5), metric, rule, further=False)
    assert found == known


def test_moments_that_were_kept_as_if_groups_were_of_one_size_are_not_taken() -> None:
    metric, rule = named("roc_auc", "classification"), Rule(WHOLE, exact=True)
    study = study_of(np.repeat(np.arange(6), [35, 5, 5, 5, 5, 5]))
    keep_moments(study, metric, (3, 5))
    known = by_row(kept_of(study), (3, 5), metric, rule, further=False)
    (name,) = (name for name in study.user_attrs if name.startswith(MOMENTS))
    before = study.user_attrs[name]
    del before["moments"]["evenness"]
    study.set_user_attr(name, {**before, "moments": {**before["moments"], "differences": 0.0}})
    assert by_row(kept_of(study), (3, 5), metric, rule, further=False) == known


def groups_of(found: Kept) -> dict[str, Any]:
    return {"test_targets": found.attributes["test_targets"]}
