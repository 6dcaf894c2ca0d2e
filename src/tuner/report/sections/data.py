"""Section "What data was it?": source, splits, and how often the test split was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, nphrase, phrase, said, translated
from tuner.report.known import DATA, known
from tuner.report.recalling import recalled
from tuner.report.sections.coverage import IN_TIME
from tuner.report.sections.loop import is_of_loop
from tuner.report.wording import code, count, in_turn, sentence, significant, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

MOST_COLUMNS = 60
MOST_SAID = 600  # characters of one finding
# Sentences that earlier versions stored. They stand here so that the catalogues contain them.
OF_BEFORE = (said("final evaluation of {trials} arms on {seeds} seeds"),)
# The sources of the shipped cases, for the catalogues. They are not marked with `said` in the files
# of the cases, because a study checks that the source code of its case has not changed.
SHIPPED = (
    said(
        "made by sklearn.datasets.make_regression(1000, 10, random_state=42), split 80/20 with "
        "random_state=42"
    ),
    said(
        "Oxford Flowers-102, its five largest classes at 64x64: the official train and val images "
        "to develop on, the official test images to test"
    ),
    said("MNIST, 60,000 images to develop on and 10,000 to test"),
    said(
        "scikit-learn's handwritten digits (UCI), 1,797 images of 8x8 scaled up to 28x28, because "
        "MNIST is not here and could not be downloaded"
    ),
    said(
        "five kinds of flowers drawn by tuner's own generator, because Flowers-102 is not here and "
        "could not be downloaded"
    ),
)
SUBJECTS = {
    "pictures": said("pictures"),
    "left out": said("left out"),
    "unreadable": said("unreadable"),
    "sizes": said("sizes"),
    "modes": said("modes"),
    "orientation": said("orientation"),
    "transparent": said("transparent"),
    "animated": said("animated"),
    "target": said("target"),
    "copies": said("copies"),
    "copies across parts": said("copies across parts"),
    "copies with another class": said("copies with another class"),
    "split": said("split"),
    "read as": said("read as"),
}
KINDS = {
    "number": said("number"),
    "category": said("category"),
    "date": said("date"),
    "yes or no": said("yes or no"),
    "left out": said("left out"),
}


def data_section(facts: Facts) -> str:
    """Return the section: the data, its splits, and the openings of the test split."""
    data, sizes = facts["data"], facts["data"]["sizes"]
    if is_of_loop(facts):
        lines = [
            phrase(
                "- The loop loads its own data, so tuner does not know its rows, or whether they "
                "have changed."
            ),
            *(_opened(facts) if facts["test_openings"] else [phrase("- It has no test rows.")]),
        ]
        return f"{phrase('## What data was it?')}\n\n" + "\n".join(lines)
    lines = [
        f"- {code(data['name'])}: {code(known(data['source'], DATA))}",
        _split(sizes, in_time=(data.get("validation") or {}).get("kind") == IN_TIME),
        *_opened(facts),
    ]
    if target := data.get("target"):
        lines.append(
            phrase(
                "- The target has a mean of {mean} and a standard deviation of {std} (its own "
                "units).",
                mean=significant(target["mean"], 3),
                std=significant(target["std"], 3),
            )
        )
    lines += [f"- {sentence(known(note, DATA))}" for note in data.get("table", {}).get("notes", [])]
    lines += [f"- {sentence(known(remark, DATA))}" for remark in facts.get("remarks") or []]
    lines.append(
        phrase(
            "- SHA-256 of the data as the model sees it: {fingerprint}…",
            fingerprint=code(data["fingerprint"][:16]),
        )
    )
    heading = phrase("## What data was it?")
    return f"{heading}\n\n" + "\n".join(lines) + _columns(data) + _inspection(data)


def _split(sizes: Facts, *, in_time: bool) -> str:
    """Return the number of rows, and how many of them a fold has.

    Args:
        sizes: numbers of rows: `development`, `training`, `validation` and `test`; and `folds`.
        in_time: whether each fold trains only on rows earlier than those it validates on.
    """
    told = {
        "development": count(sizes["development"], "development row"),
        "training": sizes["training"],
        "validation": sizes["validation"],
        "test": count(sizes["test"], "test row"),
    }
    if in_time:
        return phrase(
            "- {development} in the order of time ({folds} folds: each validates on about "
            "{validation:,}, and trains on all before them; the first on {training:,}), {test}",
            **told,
            folds=sizes["folds"],
        )
    if sizes.get("folds", 1) > 1:
        return phrase(
            "- {development} ({folds} folds, each with {training:,} to train and {validation:,} to "
            "validate), {test}",
            **told,
            folds=sizes["folds"],
        )
    return phrase(
        "- {development} ({training:,} to train and {validation:,} to validate), {test}", **told
    )


def _columns(data: Facts) -> str:
    """Return the type that each column of a table was given; an empty string for other data."""
    found = data.get("table")
    if not found:
        return ""
    shown = found["columns"][:MOST_COLUMNS]
    rows = [
        [
            code(one["name"], 60),
            translated(KINDS.get(one["kind"], one["kind"])),
            known(one["why"], DATA),
            f"{one['missing']:,}",
        ]
        for one in shown
    ]
    header = [phrase("column"), phrase("taken as"), phrase("why"), phrase("missing")]
    left = len(found["columns"]) - len(shown)
    more = nphrase(
        "There are {count:,} column more; report.json names them.",
        "There are {count:,} columns more; report.json names them.",
        left,
        count=left,
    )
    told = joined(
        phrase(
            "The target is {name}, {why}.",
            name=code(found["target"]["name"]),
            why=known(found["target"]["why"], DATA),
        ),
        phrase("It has a long tail, so each fold transforms it.") if found["skewed"] else "",
        phrase("The columns:"),
    )
    return f"\n\n{told}\n\n{table(header, rows, left=3)}" + (f"\n\n{more}" if left else "")


def _inspection(data: Facts) -> str:
    """Return what was found in the data files; an empty string if they were not inspected."""
    found = data.get("inspection")
    if not found:
        return ""
    lines = [
        phrase(
            "- {subject}: {told}",
            subject=translated(SUBJECTS.get(subject, subject)),
            told=code(known(told, DATA), MOST_SAID),
        )
        for subject, told in found
    ]
    begin = phrase("What was found in the files, before anything was trained:")
    return f"\n\n{begin}\n\n" + "\n".join(lines)


def _opened(facts: Facts) -> list[str]:
    openings = facts["test_openings"]
    if not openings:
        return [phrase("- The test split was never opened.")]
    times = in_turn(
        [
            phrase("{when} ({reason})", when=one["when"], reason=recalled(one["reason"]))
            for one in openings
        ]
    )
    if len(openings) == 1:
        return [phrase("- The test split was opened once, after the search: {times}.", times=times)]
    if all(one.get("look", 1) > 1 for one in openings[1:]):
        return [
            phrase("- The test split was opened twice, after the search: {times}.", times=times),
            phrase(
                "- Both looks were planned before the first. Its result decided only whether "
                "more models were tested."
            ),
        ]
    return [
        phrase(
            "- The test split was opened {count} times: {times}.",
            count=len(openings),
            times=times,
        ),
        phrase(
            "- **Only the first opening saw an untouched test split.** Somebody who knew its "
            "scores may have been guided by them when the search continued."
        ),
    ]
