"""What does it still get wrong? The mistakes of the best on the test split."""

from __future__ import annotations

from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from tuner.report.wording import BLANK, code, count, number, per_cent, significant, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]

HEADING = "## What does it still get wrong?"
MOST_CLASSES = 30  # in a table
MOST_SUSPECTS = 20  # in a table; report.json has more
PLAIN_LETTERS = 0x024F  # the last of Latin; a font for others may be missing


def errors_section(facts: Facts, plots: Sequence[str]) -> str:
    """Return the section: which classes are confused, or how far off the numbers are."""
    found = facts["mistakes"]
    if not found:
        return ""
    if "classes" not in found:
        return _residuals(facts)
    captions = {
        "confusion.svg": "Confusion matrix: true classes in rows, predicted ones in columns",
        "mistakes.svg": "The most confident mistakes",
    }
    pictures = [f"![{captions[name]}]({name})" for name in plots if name in captions]
    text = f"Counts are the sum over {count(found['models'], 'model')}, one per seed."
    if found["mistakes"] and "mistakes.svg" in plots:
        text += (
            " The pictures are the mistakes that the first seed's model was most confident about."
        )
    parts = [
        HEADING,
        _one_class(found),
        *([_labels(found)] if "labels" in found else [_pairs(found), _classes(found)]),
        *pictures,
        text,
        _suspects(found),
    ]
    return "\n\n".join(part for part in parts if part)


def _one_class(found: Facts) -> str:
    name = found.get("one_class")
    if not name:
        return ""
    return (
        f"**It always answers {code(name)}**: it has learnt nothing but which class is most common."
    )


def _pairs(found: Facts) -> str:
    """Name the classes that are confused most."""
    classes, counts = found["classes"], found["confusion"]
    pairs = sorted(
        (-counts[row][column], classes[row], classes[column])
        for row in range(len(classes))
        for column in range(len(classes))
        if row != column and counts[row][column]
    )[:3]
    if not pairs:
        return "It makes no mistake on the test rows."
    named = "; ".join(
        f"{code(true)} taken for {code(guess)}: {-times}" for times, true, guess in pairs
    )
    return f"Confused most often: {named}."


def _classes(found: Facts) -> str:
    """Show how many rows of each class are found, with the number a picture may show for it."""
    classes, counts, recall = found["classes"], found["confusion"], found["recall"]
    if len(classes) > MOST_CLASSES:
        return ""
    rows = [
        [str(place), code(name), f"{sum(row):,}", BLANK if share is None else per_cent(share, 1)]
        for place, (name, row, share) in enumerate(zip(classes, counts, recall, strict=True), 1)
    ]
    parts = [table(["no.", "class", "test rows, over all models", "recognised"], rows, left=2)]
    if any(ord(sign) > PLAIN_LETTERS for name in classes for sign in name):
        parts.append(
            "Where no font on this machine has the letters of a name, a picture shows the number "
            "in the first column."
        )
    return "\n\n".join(parts)


def _labels(found: Facts) -> str:
    """Show how many rows of each label are found, and how often it is said in vain."""
    rows = [
        [
            str(place),
            code(one["label"]),
            f"{one['rows']:,}",
            per_cent(one["right"] / one["rows"], 1) if one["rows"] else BLANK,
            f"{one['said']:,}",
            per_cent(one["right"] / one["said"], 1) if one["said"] else BLANK,
        ]
        for place, one in enumerate(found["labels"], 1)
    ]
    header = ["no.", "label", "test rows, over all models", "found", "said", "rightly"]
    missed = sorted((one["right"] - one["rows"], one["label"]) for one in found["labels"])[:3]
    vain = sorted((one["right"] - one["said"], one["label"]) for one in found["labels"])[:3]
    parts = [
        f"{what}: {'; '.join(f'{code(name)} {-times:,} times' for times, name in ranked if times)}."
        for what, ranked in (("Missed most often", missed), ("Said in vain most often", vain))
        if ranked[0][0]
    ]
    if not parts:
        parts = ["It makes no mistake on the test rows."]
    if len(rows) <= MOST_CLASSES:
        parts.append(f"\n\n{table(header, rows, left=2)}")
    return " ".join(parts).replace(" \n", "\n")


def _suspects(found: Facts) -> str:
    """Name the test rows that nearly all models contradict; older studies have not kept them."""
    suspects = found.get("suspects")
    if suspects is None:
        return ""
    if not suspects:
        return (
            "No label looks wrong: where nearly all models contradict a label, they are not sure "
            "enough to be believed."
        )
    rows = [
        [
            code(one["file"]) if one["file"] else f"{one['row'] + 1:,}",
            code(one["label"]),
            code(one["said"]),
            per_cent(one["probability"], 0),
            f"{one['models']} of {found['models']}",
        ]
        for one in suspects[:MOST_SUSPECTS]
    ]
    header = ["file" if suspects[0]["file"] else "test row", "label", "models say"]
    header += ["mean probability", "models against the label"]
    more = f" The first {MOST_SUSPECTS} are shown." if len(suspects) > MOST_SUSPECTS else ""
    return (
        f"**Is the label wrong?** Nearly all models contradict {count(len(suspects), 'label')} of "
        "the test rows. Among all rows that the models are this sure of, at least nine in ten do "
        f"have the label that they say. Look at these first.{more}\n\n"
        f"{table(header, rows, left=3)}"
    )


def _residuals(facts: Facts) -> str:
    found, target = facts["mistakes"], facts["data"].get("target")
    off = [guess - true for guess, true in zip(found["predicted"], found["true"], strict=True)]
    mean, spread, largest = fmean(off), pstdev(off), max(map(abs, off))
    decimals = max(0, len(significant(spread, 2).partition(".")[2]))
    text = (
        f"The first seed's model on {count(len(off), 'test row')}: its errors have a mean of "
        f"{number(mean, decimals)} and a standard deviation of {number(spread, decimals)}; the "
        f"largest is {number(largest, decimals)}. These are in standardised units of the target "
        "(1 is its standard deviation)."
    )
    if target:
        std = target["std"]
        text += (
            f" In the target's own units, the standard deviation of the errors is "
            f"{significant(spread * std, 3)} and the largest error {significant(largest * std, 3)}."
        )
    return f"{HEADING}\n\n{text}\n\n![Predicted against true values, and residuals](mistakes.svg)"
