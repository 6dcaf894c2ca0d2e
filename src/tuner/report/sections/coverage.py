"""What an interval covers: the luck of training, the choice of the test rows, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.reference import door_of, options_of
from tuner.language import joined, phrase
from tuner.report.sections.loop import has_test, is_of_loop
from tuner.report.wording import per_cent

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

IN_TIME = "TimeFolds"  # name of a split scheme; importing its class would import PyTorch


def covered(facts: Facts, pair: Facts) -> str:
    """Return what an interval covers, and how much seeds and rows add to the uncertainty."""
    if not has_test(facts):
        return phrase(
            "This covers the luck of training. The scores are on the validation rows that the "
            "search has seen, so new rows are not covered: add a function `test` to the file."
        )
    if not pair.get("rows"):
        if is_of_loop(facts):
            return phrase(
                "This covers the luck of training, not the choice of the test rows: return a score "
                "for each row from `test`, and it will."
            )
        return phrase(
            "This covers the luck of training, not the choice of the {rows:,} test rows.",
            rows=facts["data"]["sizes"]["test"],
        )
    text = _covered_by_groups(pair) if pair.get("groups") else _covered_by_rows(facts, pair)
    looks = pair.get("looks") or 1
    used = phrase(
        "The test rows have been used {looks} times, and the interval is wider for that.",
        looks=looks,
    )
    up = phrase("**These test rows are used up**: find new ones before you trust another verdict.")
    return joined(text, used if looks > 1 else "", up if pair.get("used_up") else "")


def _covered_by_rows(facts: Facts, pair: Facts) -> str:
    told = {"rows": pair["rows"]}
    rows, seeds = pair.get("share_of_rows"), pair.get("share_of_seeds")
    if rows is not None and seeds is not None:
        text = phrase(
            "This covers new trainings and new test rows (there were {rows:,}); {of_rows} of the "
            "uncertainty comes from the rows and {of_seeds} from the seeds.",
            of_rows=per_cent(rows),
            of_seeds=per_cent(seeds),
            **told,
        )
    else:
        text = phrase("This covers new trainings and new test rows (there were {rows:,}).", **told)
    if pair.get("in_time"):
        alike = phrase(
            "Rows that follow each other in time may be alike, and the interval allows for that. "
            "It is still too narrow where a model is right or wrong for a tenth of the test on end."
        )
        return joined(text, alike)
    if (facts["data"].get("validation") or {}).get("kind") == IN_TIME:
        alike = phrase(
            "**But each row counts by itself**, though rows that follow each other in time may be "
            "alike: where a model is right or wrong for a while on end, the interval is far too "
            "narrow, and a gain can be called proven that is chance."
        )
        return joined(text, alike)
    door = door_of(facts["reference"])
    if pair.get("knows_groups", True) or not door or "group" not in options_of(facts["reference"]):
        return text
    counted = phrase(
        "**But each row counts by itself**, though rows of one `--group` may be alike: if they "
        "are, the interval is too narrow. New studies count a group as one: run this study again "
        "with another `--name`."
    )
    return joined(text, counted)


def _covered_by_groups(pair: Facts) -> str:
    told = {"rows": pair["rows"], "groups": pair["groups"]}
    rows, seeds = pair.get("share_of_rows"), pair.get("share_of_seeds")
    if rows is None or seeds is None:
        return phrase(
            "This covers new trainings and new groups of test rows (there were {groups:,}, of "
            "{rows:,} rows): rows of a group count as one.",
            **told,
        )
    return phrase(
        "This covers new trainings and new groups of test rows (there were {groups:,}, of {rows:,} "
        "rows): rows of a group count as one. {of_rows} of the uncertainty comes from the groups "
        "and {of_seeds} from the seeds.",
        of_rows=per_cent(rows),
        of_seeds=per_cent(seeds),
        **told,
    )
