"""Section "What does it still get wrong?": the errors of the best on the test split."""

from __future__ import annotations

from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from tuner.evidence.rows.doubt import MOST
from tuner.language import joined, phrase, said, translated
from tuner.report.wording import BLANK, code, count, in_turn, number, per_cent, significant, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]

HEADING = said("## What does it still get wrong?")
MOST_CLASSES = 30  # rows of a table
MOST_SUSPECTS = 20  # rows of a table; report.json has more
PLAIN_LETTERS = 0x024F  # the last Latin character; the plot's font may lack later ones


def errors_section(facts: Facts, plots: Sequence[str]) -> str:
    """Return the section: the confused classes, or the size of the errors of a regression."""
    found = facts["mistakes"]
    if not found:
        return ""
    if "classes" not in found:
        return _residuals(facts)
    captions = {
        "confusion.svg": phrase(
            "Confusion matrix: true classes in rows, predicted ones in columns"
        ),
        "mistakes.svg": phrase("The most confident mistakes"),
    }
    pictures = [f"![{captions[name]}]({name})" for name in plots if name in captions]
    shown = found["mistakes"] and "mistakes.svg" in plots
    text = joined(
        phrase(
            "Counts are the sum over {models}, one per seed.",
            models=count(found["models"], "model"),
        ),
        phrase(
            "The pictures are the mistakes that the first seed's model was most confident about."
        )
        if shown
        else "",
    )
    parts = [
        translated(HEADING),
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
    return phrase(
        "**It always answers {name}**: it has only learnt which class is most common.",
        name=code(name),
    )


def _pairs(found: Facts) -> str:
    """Return the classes that are confused most often."""
    classes, counts = found["classes"], found["confusion"]
    pairs = sorted(
        (-counts[row][column], classes[row], classes[column])
        for row in range(len(classes))
        for column in range(len(classes))
        if row != column and counts[row][column]
    )[:3]
    if not pairs:
        return phrase("It makes no mistake on the test rows.")
    named = [
        phrase(
            "{true} taken for {guess}: {times}", true=code(true), guess=code(guess), times=-times
        )
        for times, true, guess in pairs
    ]
    return phrase("Confused most often: {named}.", named=in_turn(named))


def _classes(found: Facts) -> str:
    """Return a table of the recall of each class, with the number that a plot may show for it."""
    classes, counts, recall = found["classes"], found["confusion"], found["recall"]
    if len(classes) > MOST_CLASSES:
        return ""
    rows = [
        [str(place), code(name), f"{sum(row):,}", BLANK if share is None else per_cent(share, 1)]
        for place, (name, row, share) in enumerate(zip(classes, counts, recall, strict=True), 1)
    ]
    header = [
        phrase("no."),
        phrase("class"),
        phrase("test rows, over all models"),
        phrase("recognised"),
    ]
    parts = [table(header, rows, left=2)]
    if any(ord(sign) > PLAIN_LETTERS for name in classes for sign in name):
        parts.append(
            phrase(
                "Where no font on this machine has the letters of a name, a picture shows the "
                "number in the first column."
            )
        )
    return "\n\n".join(parts)


def _labels(found: Facts) -> str:
    """Return a table of the recall and precision of each label."""
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
    header = [phrase("no."), phrase("label"), phrase("test rows, over all models")]
    header += [phrase("found"), phrase("said"), phrase("rightly")]
    missed = sorted((one["right"] - one["rows"], one["label"]) for one in found["labels"])[:3]
    vain = sorted((one["right"] - one["said"], one["label"]) for one in found["labels"])[:3]
    told = joined(
        phrase("Missed most often: {named}.", named=_often(missed)) if missed[0][0] else "",
        phrase("Predicted wrongly most often: {named}.", named=_often(vain)) if vain[0][0] else "",
    )
    parts = [told or phrase("It makes no mistake on the test rows.")]
    if len(rows) <= MOST_CLASSES:
        parts.append(table(header, rows, left=2))
    return "\n\n".join(parts)


def _often(ranked: Sequence[tuple[int, str]]) -> str:
    return in_turn(
        [
            phrase("{name} {times:,} times", name=code(name), times=-times)
            for times, name in ranked
            if times
        ]
    )


def _suspects(found: Facts) -> str:
    """Return the test rows whose label nearly all models contradict; older studies have none."""
    suspects = found.get("suspects")
    if suspects is None:
        return ""
    if not suspects:
        return phrase(
            "No label looks wrong: nowhere do nearly all models contradict a label with enough "
            "confidence."
        )
    rows = [
        [
            code(one["file"]) if one["file"] else f"{one['row'] + 1:,}",
            code(one["label"]),
            code(one["said"]),
            per_cent(one["probability"], 0),
            phrase("{some} of {all}", some=one["models"], all=found["models"]),
        ]
        for one in suspects[:MOST_SUSPECTS]
    ]
    header = [phrase("file") if suspects[0]["file"] else phrase("test row"), phrase("label")]
    header += [phrase("models say"), phrase("mean probability"), phrase("models against the label")]
    told = joined(
        phrase(
            "**Is the label wrong?** Nearly all models contradict {labels} of the test rows, with "
            "a mean probability of {most} or more. Look at these first.",
            labels=count(len(suspects), "label"),
            most=per_cent(MOST),
        ),
        _sure(found),
        phrase("The first {count} are shown.", count=MOST_SUSPECTS)
        if len(suspects) > MOST_SUSPECTS
        else "",
    )
    return f"{told}\n\n{table(header, rows, left=3)}"


def _sure(found: Facts) -> str:
    """Return how many confident answers are wrong, estimated from the models' probabilities."""
    sure = found.get("sure")
    if not sure:
        return phrase("Even such confident models are sometimes wrong.")
    return phrase(
        "Even such confident models are sometimes wrong: by their own probabilities, {wrong} of "
        "their {answers:,} confident answers are.",
        wrong=significant(sure["wrong"], 2),
        answers=sure["answers"],
    )


def _residuals(facts: Facts) -> str:
    found, target = facts["mistakes"], facts["data"].get("target")
    off = [guess - true for guess, true in zip(found["predicted"], found["true"], strict=True)]
    mean, spread, largest = fmean(off), pstdev(off), max(map(abs, off))
    decimals = max(0, len(significant(spread, 2).partition(".")[2]))
    text = phrase(
        "The first seed's model on {rows}: its errors have a mean of {mean} and a standard "
        "deviation of {std}; the largest is {largest}. These are in standardised units of the "
        "target (1 is its standard deviation).",
        rows=count(len(off), "test row"),
        mean=number(mean, decimals),
        std=number(spread, decimals),
        largest=number(largest, decimals),
    )
    own = ""
    if target:
        own = phrase(
            "In the target's own units, the standard deviation of the errors is {std} and the "
            "largest error {largest}.",
            std=significant(spread * target["std"], 3),
            largest=significant(largest * target["std"], 3),
        )
    caption = phrase("Predicted against true values, and residuals")
    return f"{translated(HEADING)}\n\n{joined(text, own)}\n\n![{caption}](mistakes.svg)"
