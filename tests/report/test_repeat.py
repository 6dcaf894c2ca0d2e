"""How to repeat a study, in its report, and the command for it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from tests.making import TINY, InterruptsAt, make_brief, make_engine, search
from tests.report.studies import add_session, facts_of, usual_study
from tuner.report.facts.sessions import was_continued_after_its_end
from tuner.report.sections.enough import enough_section
from tuner.report.sections.repeat import repeat_command, repeat_section
from tuner.study.schema import ALONGSIDE, BEGUN, ENDED, SECONDS, TAKEN

if TYPE_CHECKING:
    from pathlib import Path

SAME = "the same study again, in its own folder."
SIMILAR = "a similar study, not the same one: "
TRIED = [{"trial": 7, "values": {"lr": 0.02, "name": "a b"}, "state": "complete", "score": 0.7}]


@pytest.fixture
def facts(tmp_path: Path) -> dict[str, Any]:
    return facts_of(usual_study(tmp_path, trials=12), tmp_path)


def said(facts: dict[str, Any]) -> str:
    return " ".join(repeat_section(facts).split())


def test_a_study_of_one_run_is_made_again(facts: dict[str, Any]) -> None:
    assert SAME in said(facts)
    assert SIMILAR not in said(facts)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"limits": {"limits": {"latency_ms": 5.0}, "arms": {}}}, "the time for one row is"),
        ({"changes_accepted": ["its case"]}, "this study was continued after a change"),
        ({"continued_after_its_end": True}, "this search had ended"),
    ],
)
def test_what_no_command_makes_again_is_not_promised(
    facts: dict[str, Any], changes: dict[str, Any], why: str
) -> None:
    facts["manifest"]["command"] += " --accept-changes"
    text = said(facts | changes)
    assert "flowers --trials 12 --seeds" in text
    assert SIMILAR + why in text
    assert "bit for bit" not in text


@pytest.mark.parametrize(
    ("models", "rounds", "same"),
    [([4, 8], 6, True), ([4], 4, True), ([12], 12, True), ([5, 10], 6, False)],
)
def test_models_that_were_planned_for_a_further_test_are_not_those_of_a_new_folder(
    facts: dict[str, Any], models: list[int], rounds: int, *, same: bool
) -> None:
    facts["confirmation"] |= {"plan": {"models": models}, "fewest": rounds}
    text = said(facts)
    assert (SAME in text) == same
    assert (SIMILAR + "the test rows had been used before, so 5 and 10" in text) == (not same)


@pytest.mark.parametrize(
    ("models", "rounds", "seeds"), [([4], 6, "4"), ([4, 8], 4, None), ([12], 6, "12")]
)
def test_a_race_that_was_held_again_beside_an_earlier_test_is_told(
    facts: dict[str, Any], models: list[int], rounds: int, seeds: str | None
) -> None:
    """For example if a `--budget` left time for four models, and the next run had no budget."""
    facts["confirmation"] |= {"plan": {"models": models}, "fewest": rounds}
    assert SIMILAR + "the tested models are those of an earlier run" in said(facts)
    words = shlex.split(repeat_command(facts))
    assert (words[words.index("--seeds") + 1] if "--seeds" in words else None) == seeds


@pytest.mark.parametrize(
    ("commands", "same"),
    [
        (["tuner study a --try lr=0.02,name=x"], True),
        (["tuner study a --try=lr=0.02", "tuner study a --trials 20"], True),
        (["tuner study a", "tuner study a --try lr=0.02"], False),
        ([None, None], False),
    ],
)
def test_a_configuration_that_was_told_later_makes_another_study(
    facts: dict[str, Any], commands: list[str | None], *, same: bool
) -> None:
    facts |= {"tries": TRIED, "sessions": [{"command": one} for one in commands]}
    facts["manifest"]["command"] = commands[-1]
    assert (SAME in said(facts)) == same
    assert (SIMILAR + "a configuration was added with `--try`" in said(facts)) == (not same)
    words = shlex.split(repeat_command(facts))
    assert words.count("--try") == 1
    assert words[words.index("--try") + 1] == "lr=0.02,name=a b"


def trial(
    number: int,
    begun: float,
    ended: float,
    beside: tuple[int, ...] = (),
    facts: dict[str, Any] | None = None,
) -> FrozenTrial:
    """A trial with its virtual times; the trials `beside` it were running when it ended."""
    alongside = {ALONGSIDE: {str(one): 1 for one in beside}} if beside else {}
    made = create_trial(
        state=TrialState.COMPLETE,
        value=0.5,
        user_attrs={BEGUN: begun, ENDED: ended, SECONDS: 1.0, **alongside, **(facts or {})},
    )
    made.number = number
    return made


TO_ITS_END = [trial(0, 0, 5, (1,)), trial(1, 0, 9, (2,)), trial(2, 5, 12)]
MORE = [trial(3, 12, 15, (4,)), trial(4, 12, 20)]


@pytest.mark.parametrize(
    ("trials", "workers", "continued"),
    [
        (TO_ITS_END, 2, False),
        ([*TO_ITS_END, *MORE], 2, True),
        ([trial(0, 0, 5), trial(1, 5, 9), trial(2, 9, 12)], 1, False),
        ([trial(0, 0, 5), trial(1, 0, 9), trial(2, 9, 12)], 2, False),  # of a version before
        ([*TO_ITS_END[:2], trial(2, 9, 9, (3,)), trial(3, 9, 9)], 2, False),  # failed at once
        ([trial(0, 0, 5, (), {TAKEN: {"trial": 7}}), *MORE], 2, False),  # began with another's
        (
            [trial(0, 0, 0, (), {SECONDS: 0.0}), *TO_ITS_END[:1], trial(1, 0, 9)],
            2,
            False,
        ),  # refused
    ],
)
def test_a_search_that_was_continued_after_its_end_is_known(
    trials: list[FrozenTrial], workers: int, *, continued: bool
) -> None:
    assert was_continued_after_its_end(trials, workers) == continued


@pytest.mark.slow
def test_two_workers_that_are_given_a_larger_total_are_told_from_an_interrupt(
    tmp_path: Path,
) -> None:
    config, engine = make_brief(TINY, tmp_path), make_engine(2)
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("continued", "interrupted")]
    try:
        search(urls[0], config, 5, engine=engine)
        continued = search(urls[0], config, 10, engine=engine)
        for moment in (9, 20):
            with pytest.raises(KeyboardInterrupt):
                search(urls[1], config, 10, engine=engine, observer=InterruptsAt(moment))
        interrupted = search(urls[1], config, 10, engine=engine)
    finally:
        engine.close()
    assert was_continued_after_its_end(continued.get_trials(), 2)
    assert not was_continued_after_its_end(interrupted.get_trials(), 2)


def test_a_study_that_began_with_trials_of_another_is_made_beside_it(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    study.set_user_attr("parent", {"study": "old", "identity": "1", "taken": 8, "left": 2})
    add_session(study, "tuner study flowers --home elsewhere --from old --name flowers")
    facts = facts_of(study, tmp_path)
    text = said(facts)
    assert (
        "under another name and beside study `old`, because it begins with the trials of that "
        "study." in text
    )
    words = shlex.split(repeat_command(facts))
    assert words[words.index("--from") + 1] == "old"
    assert words[words.index("--home") + 1] == tmp_path.as_posix()
    assert words.count("--name") == 1
    assert words[-1] == "flowers-again"
    assert words.count("--home") == 1
    assert "- 8 of these trials were taken over from study `old` (`--from`)" in (
        enough_section(facts, ())
    )
