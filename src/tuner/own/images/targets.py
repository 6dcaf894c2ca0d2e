"""Targets of pictures in a CSV file: classes with one spelling each, or numbers to measure."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from tuner.errors import DataError
from tuner.own.spelling import check_words, one_spelling

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuner.own.images.given import Given
    from tuner.own.images.listing import Picture

# From this many different numbers on, numbers are targets to measure, not classes.
MOST_CLASSES_OF_NUMBERS = 20


def with_numbers(
    given: Given,
    image: int,
    separator: str,
    rows: Sequence[Sequence[str]],
    targets: Sequence[str | None],
) -> list[str | None]:
    """Return the target of each row, by the rules of a table: among numbers, NA means no target.

    The same holds among yes and no; among other words, NA is a class. Numbers to measure get a
    decimal point; a class gets one spelling.

    Args:
        image: index of the column of files.
        separator: of the cells.
        rows: their cells.
        targets: of the rows, as in the file; None for a row without one.

    Raises:
        DataError: classes differ only in case or spaces.
    """
    from tuner.data.sources.cells import MARKS  # imports pyarrow
    from tuner.data.sources.kinds import PAIRS, WRITTEN

    known = {
        text
        for row, text in zip(rows, targets, strict=True)
        if text is not None and row[image].strip() and text.lower() not in MARKS
    }
    if regression := given.task == "regression":  # a word among them is refused later, with its row
        forms = list(map(re.compile, WRITTEN.values()))
        known = {text for text in known if any(form.match(text) for form in forms)}
    form = _form_of(separator, rows, sorted(known))
    pair = {text.casefold() for text in known} in map(set, PAIRS)
    if not known or (form is None and not regression and not pair):
        check_words(str(given.target), Counter(text for text in targets if text is not None))
        return list(targets)
    found = [None if text is None or text.lower() in MARKS else text for text in targets]
    point = {text: _with_point(text, form or "") for text in known}
    if regression or (given.task is None and not pair and is_numeric(list(point.values()))):
        return [None if text is None else point.get(text, text) for text in found]
    counts = Counter(text for text in found if text is not None)

    def meaning(text: str) -> str | float | None:
        return text.casefold() if pair else _number(point.get(text, text))

    spelling = one_spelling(counts, meaning)
    return [None if text is None else spelling[text] for text in found]


def _form_of(separator: str, rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> str | None:
    """Return the notation of numbers, as in `tuner.data.sources.kinds`; None if not all fit one."""
    import pyarrow as pa

    from tuner.data.sources.kinds import file_has_decimal_commas, form_of

    columns = (
        pa.array([cell.strip() for cell in column], pa.string())
        for column in (numbers, *zip(*rows, strict=True))
    )
    commas = file_has_decimal_commas(columns, separator)
    if not commas and all(_number(text) is not None for text in numbers):
        return ""
    return form_of(pa.array(numbers, pa.string()), commas=commas)


def _with_point(text: str, form: str) -> str:
    """Return a number with a decimal point and without separators of thousands."""
    if form == ",":
        return text.replace(".", "").replace(",", ".")
    return text.replace(",", "") if form else text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def is_numeric(targets: Sequence[str]) -> bool:
    """Whether targets are numbers to measure, and not classes named by numbers.

    They are if all are numbers, and one has a decimal point or there are more than
    MOST_CLASSES_OF_NUMBERS different ones. An infinite number is not a class either: `as_numbers`
    refuses it.
    """
    numbers = [number for text in targets if (number := _number(text)) is not None]
    if len(numbers) < len(targets):
        return False
    whole = all(number.is_integer() for number in numbers)
    return not whole or len(set(numbers)) > MOST_CLASSES_OF_NUMBERS


def as_numbers(data: Path, pictures: Sequence[Picture]) -> list[float]:
    """Return the targets as numbers.

    Raises:
        DataError: one is not a finite number; its picture is named.
    """
    found = []
    for one in pictures:
        number = _number(one.target)
        if number is None or math.isinf(number):
            raise DataError(
                f"{data}: the target of {one.name} is {one.target!r}, which is not a number; fix "
                "it, or ask for --task classification"
            )
        found.append(number)
    return found
