from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.samplers import RandomSampler

from tests.evidence.rates import draws
from tests.making import TINY
from tuner.case.loading import case_names, load_case
from tuner.evidence.ablation.changes import Change, Mixture, group_of
from tuner.evidence.ablation.path import Ablation, OutOfTime, facts_of_ablation
from tuner.evidence.jobs import Configuration
from tuner.evidence.rounds.paired import compare_rounds
from tuner.evidence.statistics.comparison import paired_gains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.contract import Case
    from tuner.evidence.ablation.path import InRounds, Subset
    from tuner.evidence.statistics.comparison import Direction


def configuration(values: Mapping[str, Any], epochs: int | None = None) -> Configuration:
    return Configuration(dict(values), epochs or values["epochs"], "")


def mixture(case: Case, **best: Any) -> Mixture:
    baseline = asdict(case.baseline)
    return Mixture(case, configuration(baseline), configuration({**baseline, **best}))


@pytest.mark.parametrize("reference", [*case_names(), TINY])
def test_nothing_taken_is_the_baseline_and_everything_is_the_best(reference: str) -> None:
    case = load_case(reference)
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    for _ in range(50):
        best = asdict(case.suggest(study.ask()))
        mixed = Mixture(case, configuration(asdict(case.baseline)), configuration(best))
        assert mixed.configuration(()).hyperparameters == asdict(case.baseline)
        assert mixed.configuration(mixed.changes).hyperparameters == best
        for name in mixed.changes:
            one = mixed.configuration({name}).hyperparameters
            assert one[name] == best[name]
            others = mixed.changes.keys() - {name} - mixed.changes[name].follows.keys()
            assert all(one[other] == getattr(case.baseline, other) for other in others)


def test_what_is_conditional_moves_together() -> None:
    case = load_case(TINY)
    mixed = mixture(case, step_lr=True, step_size=2, width=8)
    assert mixed.changes == {
        "step_lr": Change("step_lr", False, True, "training", {"step_size": 2}),
        "width": Change("width", 4, 8, "structure", {}),
    }
    with_schedule = mixed.configuration({"step_lr"}).hyperparameters
    assert (with_schedule["step_lr"], with_schedule["step_size"]) == (True, 2)
    assert with_schedule["width"] == 4


def test_a_range_that_a_change_makes_narrower_is_kept_to() -> None:
    case = load_case("mnist")
    mixed = mixture(case, convolutions=2, width=24, depth=3)
    assert mixed.changes["convolutions"].follows == {"width": 24}
    both = mixed.configuration({"convolutions", "depth"}).hyperparameters
    assert (both["convolutions"], both["width"], both["depth"]) == (2, 24, 3)
    assert mixed.configuration({"width"}).hyperparameters["convolutions"] == 1


def test_a_condition_that_ends_takes_its_dependents_away() -> None:
    case = load_case(TINY)
    with_schedule = {**asdict(case.baseline), "step_lr": True, "step_size": 2}
    mixed = Mixture(case, configuration(with_schedule), configuration(asdict(case.baseline)))
    assert set(mixed.changes) == {"step_lr"}
    assert mixed.configuration({"step_lr"}).hyperparameters == asdict(case.baseline)


def test_a_training_is_as_long_as_the_arm_whose_epochs_it_has() -> None:
    case = load_case(TINY)
    baseline = asdict(case.baseline)
    longer = Mixture(
        case,
        configuration(baseline, epochs=3),
        configuration({**baseline, "epochs": 6, "width": 8}, epochs=5),
    )
    lengths = [longer.configuration(one).epochs for one in ([], ["width"], ["epochs"])]
    assert lengths == [3, 3, 5]
    equal = Mixture(
        case,
        configuration(baseline, epochs=3),
        configuration({**baseline, "dropout": 0.5, "width": 8}, epochs=4),
    )
    assert equal.configuration(["width"]).epochs == 4


def test_groups() -> None:
    names = ("learning_rate", "augmentation", "batch_norm", "of_my_own")
    assert [group_of(name) for name in names] == ["training", "data", "structure", "structure"]


def changes(*names: str, **groups: str) -> dict[str, Change]:
    groups = {**dict.fromkeys(names, "training"), **groups}
    return {name: Change(name, 0, 1, group, {}) for name, group in groups.items()}  # type: ignore[arg-type]


class Effects:
    """Scores subsets of changes by the sum of their effects, and counts the requests."""

    def __init__(self, effects: Mapping[str, float | None], at_most: int | None = None) -> None:
        self.effects, self.at_most = effects, at_most
        self.asked: list[tuple[frozenset[str], int]] = []

    def __call__(self, subsets: Sequence[Subset], index: int) -> list[float | None]:
        found: list[float | None] = []
        for subset in subsets:
            if len(self.asked) == self.at_most:
                raise OutOfTime
            self.asked.append((subset, index))
            effects = [self.effects[name] for name in subset]
            known = [effect for effect in effects if effect is not None]
            found.append(0.5 + 0.01 * index + sum(known) if len(known) == len(effects) else None)
        return found


def test_the_path_takes_what_helps_most_first() -> None:
    effects = Effects({"a": 0.01, "b": 0.2, "c": 0.1, "d": -0.05})
    ablation = Ablation(changes(*"abcd"), 3, "maximize", effects)
    ablation.walk()
    singles = [index for subset, index in effects.asked if len(subset) == 1]
    assert [singles.count(index) for index in range(3)] == [4, 2, 1], "half is dropped each round"
    ablation.run()
    assert ablation.path == ["b", "c"], "the others bring nothing worth a step"
    assert facts_of_ablation(ablation, 0, 7)["rest"] == ["a", "d"]
    assert ablation.complete
    assert ablation.gain(frozenset("b")) == pytest.approx(0.2)
    assert ablation.gain(frozenset("bc"), over=frozenset("b")) == pytest.approx(0.1)
    assert ablation.gain(frozenset("abcd"), over=frozenset("acd")) == pytest.approx(0.2)
    assert len(effects.asked) == len(set(effects.asked)), "nothing is measured twice"


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_less_is_better_when_minimizing(direction: Direction) -> None:
    sign = 1 if direction == "maximize" else -1
    ablation = Ablation(
        changes("a", "b"), 2, direction, Effects({"a": sign * 0.1, "b": sign * 0.2})
    )
    ablation.run()
    assert ablation.path == ["b", "a"]
    assert ablation.gain(frozenset("ab")) == pytest.approx(0.3)


def test_a_change_that_diverges_by_itself_is_not_taken_first() -> None:
    class Alone(Effects):
        def __call__(self, subsets: Sequence[Subset], index: int) -> list[float | None]:
            found = super().__call__(subsets, index)
            diverges = frozenset("a")
            return [None if one == diverges else f for one, f in zip(subsets, found, strict=True)]

    ablation = Ablation(changes("a", "b"), 2, "maximize", Alone({"a": 0.2, "b": 0.1}))
    ablation.run()
    assert ablation.path == ["b", "a"]
    assert ablation.gain(frozenset("a")) == -float("inf")
    assert ablation.enough == frozenset("ab")


def test_a_best_that_diverges_has_nothing_to_explain() -> None:
    ablation = Ablation(changes("a", "b"), 2, "maximize", Effects({"a": None, "b": -0.2}))
    ablation.run()
    assert (ablation.path, ablation.enough, ablation.complete) == ([], None, True)


def test_the_smallest_change_worth_making() -> None:
    ablation = Ablation(
        changes("a", "b", "c"), 2, "maximize", Effects({"a": 0.002, "b": 0.3, "c": 0.1})
    )
    ablation.run()
    assert ablation.enough == frozenset("bc")


def test_a_dear_change_is_left_out_where_cheaper_ones_do() -> None:
    class EitherDoes(Effects):
        def __call__(self, subsets: Sequence[Subset], index: int) -> list[float | None]:
            super().__call__(subsets, index)
            levels = {frozenset("w"): 0.3, frozenset("l"): 0.25, frozenset("wl"): 0.31}
            return [
                0.5 + levels.get(subset & {"w", "l"}, 0.0) + (0.2 if "a" in subset else 0.0)
                for subset in subsets
            ]

    ablation = Ablation(
        changes(w="structure", l="training", a="data"),
        2,
        "maximize",
        EitherDoes({"w": 0, "l": 0, "a": 0}),
    )
    ablation.run()
    assert ablation.path == ["w", "a"]
    # w and a together give 0.50 of 0.51; without w it would be 0.20, without a 0.30.
    assert ablation.enough == frozenset("wa")


def test_no_gain_has_no_smallest_change() -> None:
    ablation = Ablation(changes("a", "b"), 2, "maximize", Effects({"a": -0.1, "b": -0.2}))
    ablation.run()
    assert ablation.enough is None


def test_a_budget_ends_it_and_what_was_measured_is_told() -> None:
    ablation = Ablation(
        changes("a", "b", "c"), 2, "maximize", Effects({"a": 0.1, "b": 0.3, "c": 0.2}, at_most=10)
    )
    ablation.run()
    assert not ablation.complete
    facts = facts_of_ablation(ablation, 0, 7)
    assert facts["path"] == ["b"]
    assert len(facts["path_scores"]) == 2
    assert (facts["complete"], facts["smallest"], facts["without"]) == (False, None, {})


def test_what_is_certain_is_trained_at_once_and_told_where_the_time_ran_out() -> None:
    trained: set[tuple[Subset, int]] = set()
    waits: list[set[tuple[Subset, int]]] = []
    effects = Effects({"a": 0.1, "b": 0.3, "c": 0.2})

    def ahead(certain: InRounds, likely: InRounds) -> None:
        assert not likely
        if len({subset for subset, _ in certain}) == 1:
            return
        waits.append(set(certain) - trained)
        left = [one for one in certain if one not in trained]
        trained.update(left if len(waits) == 1 else [left[0], *left[2:]])  # one is missing

    def score(subsets: Sequence[Subset], index: int) -> list[float | None]:
        wanted = {(one, index) for one in subsets}
        if len(waits) == 2 and not wanted <= trained:
            raise OutOfTime
        trained.update(wanted)
        return effects(subsets, index)

    ablation = Ablation(changes(*"abc"), 2, "maximize", score, ahead=ahead)
    ablation.run()
    ends: tuple[Subset, Subset] = (frozenset(), frozenset("abc"))
    assert waits[0] == {(end, index) for end in ends for index in range(2)}, "all at once"
    assert len(waits[1]) == 3, "two without b, one without c, which was tried on the path"
    assert ablation.path == ["b", "c", "a"]
    assert not ablation.complete
    without = facts_of_ablation(ablation, 0, 7)["without"]
    assert list(without) == ["a", "c"], "those that have all their rounds"


def test_all_that_is_trained_at_once_is_wanted() -> None:
    effects = Effects({"a": 0.01, "b": 0.2, "c": 0.1, "d": -0.05})
    certain: list[InRounds] = []
    likely: list[InRounds] = []

    def ahead(first: InRounds, second: InRounds) -> None:
        certain.append(first)
        likely.append(second)

    ablation = Ablation(changes(*"abcd"), 4, "maximize", effects, ahead=ahead)
    ablation.run()
    alone = Ablation(changes(*"abcd"), 4, "maximize", Effects(effects.effects))
    alone.run()
    assert facts_of_ablation(ablation, 0, 7) == facts_of_ablation(alone, 0, 7)
    assert {one for several in certain for one in several} <= set(effects.asked)
    assert [(frozenset("b"), 2), (frozenset("b"), 3)] in certain, "two of four, one of two, alone"
    assert [(frozenset("c"), index) for index in (1, 2, 3)] in likely, "perhaps c alone is enough"


def test_what_promises_most_is_tried_first_and_the_rest_only_where_that_fails() -> None:
    names = "abcdefghij"
    effects = Effects({**dict.fromkeys(names, 0.001), "i": 0.3, "j": 0.2})

    def singles(promising: str) -> set[str]:
        effects.asked.clear()

        def promise(subset: Subset) -> float:
            return sum((len(promising) - promising.index(name)) for name in subset)

        ablation = Ablation(changes(*names), 2, "maximize", effects, promise=promise)
        ablation.run()
        assert ablation.path == ["i", "j"]
        assert ablation.enough == frozenset("ij")
        return {name for subset, _ in effects.asked if len(subset) == 1 for name in subset}

    assert singles("ijabcdefgh") == set("ijab")
    assert singles("abcdefghij") == set(names), "a wrong promise costs trainings, no more"


def test_the_worse_half_is_dropped_after_a_share_of_its_training() -> None:
    effects = Effects({"a": 0.001, "b": 0.2, "c": 0.1, "d": 0.05})
    probed: list[set[Subset]] = []

    def probe(subsets: Sequence[Subset]) -> list[float | None]:
        probed.append(set(subsets))
        return [sum(effects.effects[name] or 0 for name in subset) / 2 for subset in subsets]

    ablation = Ablation(changes(*"abcd"), 2, "maximize", effects, probe=probe)
    ablation.run()
    assert ablation.path == ["b", "c", "d"]
    assert probed == [set(map(frozenset, "abcd")), set(map(frozenset, ("ba", "bc", "bd")))]
    singles = {subset for subset, _ in effects.asked if len(subset) == 1}
    assert singles == {frozenset("b"), frozenset("c")}


class Noisy(Effects):
    """The effect of c differs from fold to fold; the others are constant."""

    def __call__(self, subsets: Sequence[Subset], index: int) -> list[float | None]:
        found = super().__call__(subsets, index)
        noise = (0.06, -0.05, 0.05)[index]
        return [
            one if one is None else one + noise * ("c" in subset)
            for one, subset in zip(found, subsets, strict=True)
        ]


def test_it_ends_where_what_is_left_cannot_be_told_from_nothing() -> None:
    effects = Noisy({"a": 0.3, "b": 0.01, "c": 0.02})
    ablation = Ablation(changes(*"abc"), 3, "maximize", effects, held_out=0.25)
    ablation.run()
    assert ablation.path == ["a"]
    assert ablation.enough == frozenset("a")
    assert ablation.gain(frozenset("a")) < 0.95 * ablation.gain(frozenset("abc"))


def test_a_change_that_is_clearly_needed_is_not_left_out_in_every_round() -> None:
    effects = Effects({"a": 0.3, "b": 0.2, "c": 0.1})
    ablation = Ablation(changes(*"abc"), 5, "maximize", effects)
    ablation.run()
    without_a = [index for subset, index in effects.asked if subset == frozenset("bc")]
    assert ablation.enough == frozenset("abc")
    assert len(without_a) == 5, "measured for what is lost without it"
    effects = Effects({"a": 0.3, "b": 0.2, "c": 0.1, "d": 0.001})
    ablation = Ablation(changes(*"abcd"), 5, "maximize", effects)
    ablation.run()
    without_a = [index for subset, index in effects.asked if subset == frozenset("bc")]
    assert ablation.enough == frozenset("abc")
    assert without_a == [0, 1]


def test_what_is_said_of_changes_beside_the_smallest_holds() -> None:
    """Paired by fold, although the baseline varies 8 times as much as all others.

    Earlier, the width of the whole gain's interval decided. Then in half of these studies, what the
    folds can tell was reported as unknown.
    """
    draw, held, proven, wrong = draws("others"), 0, 0, 0
    for _ in range(40):
        effects = draw.exponential(size=8) ** 2
        added = dict(zip("abcdefgh", effects / effects.sum(), strict=True))

        def score(subsets: Sequence[Subset], _index: int, added: Any = added) -> list[float | None]:
            spread = (0.02 if subset else 0.16 for subset in subsets)
            means = (sum(added[name] for name in subset) for subset in subsets)
            return [mean + draw.normal(0, by) for mean, by in zip(means, spread, strict=True)]

        ablation = Ablation(changes(*added), 5, "maximize", score)
        ablation.run()
        facts = facts_of_ablation(ablation, 0, 1)
        pair = facts["smallest_scores"], facts["whole"]
        low, high = compare_rounds(paired_gains(*pair, "maximize"), 0.25).interval or (0.0, 0.0)
        truth = 1 - sum(added[name] for name in facts["smallest"])
        held += low - 1e-9 <= truth <= high
        proven += low > 0
        wrong += low > 0 and truth <= 0
    assert held >= 34
    assert proven >= 8
    assert wrong == 0
