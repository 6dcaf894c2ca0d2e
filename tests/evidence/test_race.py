from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tuner.errors import StudyError
from tuner.evidence.comparison import Direction, Verdict, compare
from tuner.evidence.race import Race, most_rounds, race

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BASELINE, RECIPE = 0, 1
RUNS = 400
DEFAULT_SEEDS = 6


def run_race(
    means: Mapping[int, float | None],
    *,
    candidates: Sequence[int] = (7, 8, 9),
    fewest: int = DEFAULT_SEEDS,
    noise: float = 0.0,
    direction: Direction = "maximize",
    seed: int = 0,
    entered: list[tuple[int, ...]] | None = None,
) -> Race:
    """A race of trials whose scores are normal around these means; None diverges."""
    draw = random.Random(seed)

    def score(trials: Sequence[int], _index: int) -> list[float | None]:
        if entered is not None:
            entered.append(tuple(trials))
        levels = [means[trial] for trial in trials]
        return [None if level is None else draw.gauss(level, noise) for level in levels]

    return race(candidates, BASELINE, [RECIPE], fewest, direction, score)


def test_the_worst_candidates_are_dropped_on_the_way() -> None:
    entered: list[tuple[int, ...]] = []
    found = run_race({0: 0.5, 1: 0.6, 7: 0.7, 8: 0.9, 9: 0.8}, entered=entered, noise=0.001)
    assert found.winner == 8
    assert [set(trials) - {0, 1} for trials in entered] == [
        {7, 8, 9},
        {7, 8, 9},
        {8, 9},
        {8, 9},
        {8},
        {8},
    ]
    assert all({0, 1} <= set(trials) for trials in entered)
    assert {trial: len(scores) for trial, scores in found.scores.items()} == {
        0: 6,
        1: 6,
        7: 2,
        8: 6,
        9: 4,
    }


def test_less_is_better_when_minimizing() -> None:
    means = {0: 0.5, 1: 0.6, 7: 0.2, 8: 0.1, 9: 0.3}
    assert run_race(means, direction="minimize", noise=0.001).winner == 8


def test_a_plain_gain_takes_no_more_rounds_than_asked_for() -> None:
    means = {0: 0.5, 1: 0.5, 7: 0.9, 8: 0.8, 9: 0.8}
    assert run_race(means, noise=0.01).rounds == 6


def test_a_doubtful_gain_takes_up_to_four_times_as_many() -> None:
    assert run_race({0: 0.5, 1: 0.5, 7: 0.5, 8: 0.5, 9: 0.5}, noise=0.1).rounds == 24
    assert most_rounds(6) == 24
    assert most_rounds(10) == 40


def test_fewer_seeds_than_prove_anything_stay_that_few() -> None:
    for fewest in (1, 2, 5):
        found = run_race(dict.fromkeys((0, 1, 7, 8, 9), 0.5), noise=0.1, fewest=fewest)
        assert found.rounds == fewest


def test_a_baseline_that_wins_is_compared_with_nothing() -> None:
    found = run_race({0: 0.9, 1: 0.5, 8: 0.5}, candidates=(0, 8), noise=0.01)
    assert (found.winner, found.rounds) == (0, 6)


def test_a_baseline_that_is_ahead_in_the_end_wins_though_the_search_had_better() -> None:
    assert run_race({0: 0.9, 1: 0.5, 7: 0.5, 8: 0.6, 9: 0.7}, noise=0.01).winner == 0


def test_a_recipe_that_is_ahead_in_the_end_wins() -> None:
    means = {0: 0.9, 1: 0.2, 7: 0.5, 8: 0.6, 9: 0.7}
    assert run_race(means, direction="minimize", noise=0.01).winner == 1


@pytest.mark.parametrize("candidates", [(7, 8, 9), (7, 8, 0)])
def test_of_equal_ones_the_baseline_wins(candidates: tuple[int, ...]) -> None:
    assert run_race(dict.fromkeys((0, 1, 7, 8, 9), 0.5), candidates=candidates).winner == 0


def test_a_candidate_that_diverges_is_dropped() -> None:
    found = run_race({0: 0.5, 1: None, 7: None, 8: 0.6, 9: None}, noise=0.01)
    assert found.winner == 8
    assert found.scores[7] == [None]
    assert found.scores[1] == [None] * found.rounds


@pytest.mark.parametrize(
    ("means", "message"),
    [
        ({0: None, 1: 0.5, 7: 0.5, 8: 0.6, 9: 0.7}, "the baseline diverged"),
        ({0: 0.5, 1: 0.5, 7: None, 8: None, 9: None}, "every candidate diverged"),
    ],
)
def test_nothing_left_to_compare(means: dict[int, float | None], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        run_race(means)


def verdicts(make_scores: Callable[[random.Random], tuple[float, float]]) -> list[Verdict]:
    """What is said of two arms whose scores are drawn so, the number of seeds included."""
    found = list[Verdict]()
    for run in range(RUNS):
        draw = random.Random(run)
        fresh = race(
            [9], BASELINE, [], DEFAULT_SEEDS, "maximize", lambda *_, draw=draw: make_scores(draw)
        )
        if fresh.winner == BASELINE:
            found.append("no proven gain")
            continue
        pairs = [make_scores(draw) for _ in range(fresh.rounds)]
        baseline, best = zip(*pairs, strict=True)
        found.append(compare(baseline, best, "maximize").verdict)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_equal_arms_are_seldom_called_better_or_worse(spread: float) -> None:
    """At most 5 % each way, with seeds that have nothing, something or nearly all in common."""

    def scores(draw: random.Random) -> tuple[float, float]:
        common = draw.gauss(0, spread)
        return common + draw.gauss(0, 1), common + draw.gauss(0, 1)

    found = verdicts(scores)
    assert found.count("better") <= 0.05 * RUNS
    assert found.count("worse") <= 0.05 * RUNS


@pytest.mark.slow
def test_equal_arms_with_coarse_and_skewed_scores() -> None:
    """Scores on twenty rows, most of them right."""

    def scores(draw: random.Random) -> tuple[float, float]:
        one, other = (sum(draw.random() < 0.9 for _ in range(20)) / 20 for _ in range(2))
        return one, other

    found = verdicts(scores)
    assert found.count("better") <= 0.05 * RUNS
    assert found.count("worse") <= 0.05 * RUNS


@pytest.mark.slow
def test_a_difference_of_one_standard_deviation_is_found() -> None:
    """In at least 80 % of runs, where the seeds have nothing in common, which is the hardest."""
    found = verdicts(lambda draw: (draw.gauss(0, 1), draw.gauss(1, 1)))
    assert found.count("better") >= 0.8 * RUNS
    assert found.count("worse") == 0
