"""What a report says in other words where a loop of the user's own was searched, and no case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.metric import LOOP
from tuner.language import phrase
from tuner.report.wording import arm_word, code, listed, title_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]

MOST_FILES = 3  # that are named: the first show what is meant


def is_of_loop(facts: Facts) -> bool:
    """Whether the study is of a loop of the user's own."""
    return facts.get("task") == LOOP


def has_test(facts: Facts) -> bool:
    """Whether the scores that decide are on test rows: a loop may have none."""
    return not is_of_loop(facts) or bool(facts["test_openings"])


def on_test(facts: Facts, title: str) -> str:
    """Write the name of a score that decides: of a metric, or a word for one."""
    metric = title_in_words(title)
    return phrase("test {metric}", metric=metric) if has_test(facts) else metric


def where_the_space_is(facts: Facts) -> str:
    """Say where the ranges of hyperparameters are written."""
    return phrase("the loop") if is_of_loop(facts) else phrase("the case's `suggest`")


def new_trainings(facts: Facts) -> str:
    """Say what differs from one round to the next."""
    return phrase("fresh seeds") if is_of_loop(facts) else phrase("fresh seeds and folds")


def overwritten(names: Sequence[str]) -> str:
    """Say what comes of files that several calls use, and what to do."""
    return phrase(
        "Several calls use the same files: {files}. Calls run at the same time, so one may read "
        "what another has written, and report a score that is not its own. Write such files to "
        "`tuner.folder()`: each call has its own. Data that the first call has made may stay",
        files=_first_of(names),
    )


def _first_of(names: Sequence[str]) -> str:
    """Write the first few names, and how many more there are."""
    shown = [code(name) for name in names[:MOST_FILES]]
    if more := len(names) - len(shown):
        shown.append(phrase("{count} more", count=more))
    return listed(shown)


def remarks_on_loop(facts: Facts) -> list[str]:
    """Say first what a loop has told that decides what its scores are worth."""
    told = [
        phrase(
            "> **About the constraints:** the {arm} breaks {names}: the loop gave a value above "
            "0. It is compared, but it cannot be the best.",
            arm=arm_word(arm),
            names=listed([code(name) for name in broken]),
        )
        for arm, broken in facts.get("broken_constraints", {}).items()
    ]
    if names := facts.get("shared_files"):
        told.append(
            phrase("> **About the files of the loop:** {remark}.", remark=overwritten(names))
        )
    return told
