from __future__ import annotations

import math
import random
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from tuner.errors import StudyError
from tuner.evidence.rounds.race import Coming, Race, Ranking, race
from tuner.study import designing
from tuner.study.design import RaceRules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.evidence.statistics.comparison import Direction

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
    rules: RaceRules | None = None,
    searched: Mapping[int, Sequence[float]] | None = None,
) -> Race:
    """A race of trials with normal scores around these means; None diverges."""
    draw = random.Random(seed)

    def score(trials: Sequence[int], _index: int) -> list[float | None]:
        if entered is not None:
            entered.append(tuple(trials))
        levels = [means[trial] for trial in trials]
        return [None if level is None else draw.gauss(level, noise) for level in levels]

    rules = rules or RaceRules.before(len(candidates), fewest)
    return race(candidates, BASELINE, [RECIPE], rules, direction, score, searched=searched)


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


@pytest.mark.parametrize("rounds", [1, 2, 5, 6, 10])
def test_it_ends_after_the_rounds_asked_for(rounds: int) -> None:
    found = run_race(dict.fromkeys((0, 1, 7, 8, 9), 0.5), noise=0.1, fewest=rounds)
    assert len(found.scores[BASELINE]) == rounds


def test_a_baseline_that_wins_is_compared_with_nothing() -> None:
    found = run_race({0: 0.9, 1: 0.5, 8: 0.5}, candidates=(0, 8), noise=0.01)
    assert (found.winner, len(found.scores[0])) == (0, 6)


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
    assert found.scores[1] == [None] * DEFAULT_SEEDS


def test_a_baseline_that_diverges_now_and_then_is_compared_and_does_not_win() -> None:
    def score(trials: Sequence[int], index: int) -> list[float | None]:
        return [None if trial == 0 and index % 2 else 1.0 - trial / 10 for trial in trials]

    found = race([7, 8], 0, [], RaceRules.before(2, 6), "maximize", score)
    assert found.winner == 7
    assert found.scores[0] == [1.0, None, 1.0, None, 1.0, None]


@pytest.mark.parametrize("bad", [{0}, {2}, {5}, {0, 1, 4}])
def test_a_seed_with_which_nobody_comes_to_a_score_is_left_out(bad: set[int]) -> None:
    def score(trials: Sequence[int], index: int) -> list[float | None]:
        return [None if index in bad else 0.5 + trial / 100 for trial in trials]

    found = race([7, 8, 9], BASELINE, [RECIPE], RaceRules.before(3, 6), "maximize", score)
    assert found.winner == 9
    assert found.scores[BASELINE] == [0.5] * (6 - len(bad))
    with pytest.raises(StudyError, match="no candidate has a score"):
        race([7], 0, [], RaceRules.before(1, 2), "maximize", lambda trials, _: [None] * len(trials))


@pytest.mark.parametrize(
    ("means", "message"),
    [
        ({0: None, 1: 0.5, 7: 0.5, 8: 0.6, 9: 0.7}, "the baseline has no score"),
        ({0: 0.5, 1: 0.5, 7: None, 8: None, 9: None}, "no candidate has a score"),
    ],
)
def test_nothing_left_to_compare(means: dict[int, float | None], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        run_race(means)


@pytest.mark.parametrize("diverging", [(), (7,)])
@pytest.mark.parametrize(
    "rules",
    [
        *(RaceRules.before(3, rounds) for rounds in (1, 2, 6)),
        *(designing.ON_FOLDS, designing.ON_ONE_PART, designing.ON_STACKS),
    ],
)
@pytest.mark.parametrize("candidates", [(8,), (8, 0), (8, 7, 0), (9, 7, 8)])
def test_what_is_trained_ahead_is_what_the_rounds_need(
    rules: RaceRules, candidates: tuple[int, ...], diverging: tuple[int, ...]
) -> None:
    trained, needed, waits = set[tuple[int, int]](), set[tuple[int, int]](), list[bool]()

    def ahead(coming: Coming) -> None:
        waits.append(not trained.issuperset(coming.now))
        trained.update(coming.now)
        assert trained.isdisjoint(coming.later)

    def score(trials: Sequence[int], index: int) -> list[float | None]:
        needed.update((trial, index) for trial in trials)
        assert needed <= trained
        return [None if trial in diverging else trial / 10 for trial in trials]

    race(candidates, BASELINE, [RECIPE], rules, "maximize", score, ahead=ahead)
    if not diverging:
        assert trained == needed
        runners = [min(places, len(candidates)) for places in rules.entered]
        alike = [len(list(rounds)) for _, rounds in groupby(runners)]
        assert sum(waits) == sum(math.ceil(n / 2) for n in alike), "two rounds go at once"


SIX = (4, 5, 6, 7, 8, 9)
ON_FOLDS = RaceRules(entered=(6, 4, 3, 2), arms=4, with_search=True)


def test_six_enter_and_the_worst_are_dropped_while_the_arms_run_four_rounds() -> None:
    entered: list[tuple[int, ...]] = []
    means = {0: 0.1, 1: 0.2, **{trial: trial / 10 for trial in SIX}}
    found = run_race(means, candidates=SIX, entered=entered, rules=ON_FOLDS)
    assert [set(trials) - {0, 1} for trials in entered] == [
        {4, 5, 6, 7, 8, 9},
        {6, 7, 8, 9},
        {7, 8, 9},
        {8, 9},
    ]
    assert all({0, 1} <= set(trials) for trials in entered)
    assert found.winner == 9


@pytest.mark.parametrize("few", [1, 2, 4])
def test_fewer_candidates_run_the_same_rounds(few: int) -> None:
    entered: list[tuple[int, ...]] = []
    means = {0: 0.1, 1: 0.2, **{trial: trial / 10 for trial in SIX}}
    found = run_race(means, candidates=SIX[:few], entered=entered, rules=ON_FOLDS)
    assert [len(set(trials) - {0, 1}) for trials in entered] == [
        min(few, places) for places in ON_FOLDS.entered
    ]
    assert found.winner == SIX[few - 1]


def test_folds_of_the_search_count_among_candidates() -> None:
    """8 is slightly better on fresh folds, but was much worse on those of the search."""
    means, searched = {0: 0.1, 1: 0.2, 8: 0.61, 9: 0.6}, {8: (0.5, 0.5), 9: (0.7, 0.7)}
    for given, winner in ((searched, 9), (None, 8)):
        found = run_race(means, candidates=(8, 9), rules=ON_FOLDS, searched=given)
        assert found.winner == winner


@pytest.mark.parametrize("arm", [BASELINE, RECIPE])
def test_folds_of_the_search_do_not_count_against_baseline_and_recipe(arm: int) -> None:
    """The candidates were chosen by these folds, and the arms were not."""
    means = {0: 0.1, 1: 0.2, 8: 0.6, 9: 0.6, arm: 0.65}
    searched = {8: (0.9, 0.9), 9: (0.9, 0.9)}
    assert run_race(means, candidates=(8, 9), rules=ON_FOLDS, searched=searched).winner == arm


def test_the_winner_meets_the_arms_on_the_rounds_that_all_were_in() -> None:
    """In older studies, the last round may have one candidate, and luck there proves nothing."""
    before = RaceRules(entered=(6, 4, 3, 2, 1), arms=4, with_search=True)
    fresh = {0: 0.62, 1: 0.2, 9: 0.6}

    def score(trials: Sequence[int], index: int) -> list[float | None]:
        return [9.0 if index == 4 else fresh[trial] for trial in trials]

    found = race([9], BASELINE, [RECIPE], before, "maximize", score)
    assert found.scores[9] == [0.6] * 4 + [9.0]
    assert found.winner == BASELINE


def test_a_race_of_fewer_rounds_is_its_beginning() -> None:
    assert ON_FOLDS.cut(2) == RaceRules(entered=(6, 4), arms=2, with_search=True)
    assert ON_FOLDS.cut(9) == ON_FOLDS
    entered: list[tuple[int, ...]] = []
    means = {0: 0.1, 1: 0.2, **{trial: trial / 10 for trial in SIX}}
    found = run_race(means, candidates=SIX, entered=entered, rules=ON_FOLDS.cut(2))
    assert [len(set(trials) - {0, 1}) for trials in entered] == [6, 4]
    assert found.winner == 9


def test_a_ranking_decides_in_place_of_the_scores_which_are_kept() -> None:
    """8 has the higher score in every round; 9 has the better (lower) surrogate."""
    scores = {0: 0.5, 1: 0.4, 7: 0.7, 8: 0.9, 9: 0.8}
    distances = {0: 0.7, 1: 0.8, 7: 0.4, 8: 0.3, 9: 0.2}

    def ranked(trials: Sequence[int], _index: int) -> list[float | None]:
        return [distances[trial] for trial in trials]

    found = race(
        (7, 8, 9),
        BASELINE,
        [RECIPE],
        RaceRules(entered=(3, 2, 2), arms=3, by_surrogate=True),
        "maximize",
        lambda trials, _: [scores[trial] for trial in trials],
        ranking=Ranking("minimize", ranked),
    )
    assert found.winner == 9
    assert found.scores == {0: [0.5] * 3, 1: [0.4] * 3, 7: [0.7], 8: [0.9] * 3, 9: [0.8] * 3}
    assert found.ranked_by == {0: [0.7] * 3, 1: [0.8] * 3, 7: [0.4], 8: [0.3] * 3, 9: [0.2] * 3}


def test_an_arm_that_is_nearer_to_the_truth_than_all_candidates_wins() -> None:
    distances = {BASELINE: 0.1, RECIPE: 0.8, 9: 0.2}
    found = race(
        [9],
        BASELINE,
        [RECIPE],
        RaceRules(entered=(1,), arms=1, by_surrogate=True),
        "maximize",
        lambda trials, _: [0.5 + 0.01 * trial for trial in trials],
        ranking=Ranking("minimize", lambda trials, _: [distances[one] for one in trials]),
    )
    assert found.winner == BASELINE
