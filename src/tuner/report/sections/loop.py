"""Wording that differs if the study is of the user's own loop instead of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.metric import LOOP
from tuner.language import phrase
from tuner.report.wording import arm_word, code, listed, title_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]

MOST_FILES = 3  # file names in a message; the first few are enough


def is_of_loop(facts: Facts) -> bool:
    """Whether the study is of a loop of the user's own."""
    return facts.get("task") == LOOP


def has_test(facts: Facts) -> bool:
    """Whether the deciding scores are on test rows; a loop may have none."""
    return not is_of_loop(facts) or bool(facts["test_openings"])


def on_test(facts: Facts, title: str) -> str:
    """Return the name of a deciding score, with "test" if it is on test rows.

    Args:
        title: of the metric, or another word for the score.
    """
    metric = title_in_words(title)
    return phrase("test {metric}", metric=metric) if has_test(facts) else metric


def where_the_space_is(facts: Facts) -> str:
    """Return where the search space is written."""
    return phrase("the loop") if is_of_loop(facts) else phrase("the case's `suggest`")


def new_trainings(facts: Facts) -> str:
    """Return what differs between rounds: the seeds, and for a case the folds too."""
    return phrase("fresh seeds") if is_of_loop(facts) else phrase("fresh seeds and folds")


def overwritten(names: Sequence[str]) -> str:
    """Return a warning about files that several calls use, and how to avoid it.

    Args:
        names: of the files.
    """
    return phrase(
        "Several calls use the same files: {files}. Calls run at the same time, so one may read "
        "what another has written, and report a score that is not its own. Write such files to "
        "`tuner.folder()`: each call has its own. Data that the first call has made may stay",
        files=_first_of(names),
    )


def _first_of(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    shown = [code(name) for name in names[:MOST_FILES]]
    if more := len(names) - len(shown):
        shown.append(phrase("{count} more", count=more))
    return listed(shown)


def remarks_on_loop(facts: Facts) -> list[str]:
    """Return remarks that come first, because they affect what the loop's scores mean."""
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
