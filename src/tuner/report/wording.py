"""Numbers, names and commands as a person would write them, safe inside Markdown."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.metric import Metric

BLANK = "–"  # noqa: RUF001  # an en dash, where a table has nothing to say
MOST_DECIMALS = 6


def loss(metric: Metric, score: float) -> float:
    """Return the score as it is written, turned so that less is better: accuracy becomes error."""
    return metric.factor * metric.loss(score)


def level_of(metric: Metric, score: float) -> float:
    """Return a score as a sentence has it: of a metric with a loss a row that, else the score."""
    return metric.factor * (score if metric.rows is None else metric.loss(score))


def difference(metric: Metric, value: float, *others: float) -> str:
    """Write a difference of scores with its unit, as fine as the smallest of `others` needs."""
    decimals = decimals_of_differences(metric, *(others or (value,)))
    return number(metric.factor * value, decimals) + metric.unit_of_difference


def decimals_of_differences(metric: Metric, *values: float) -> int:
    """How many decimals a column of differences of scores is written with."""
    scaled = [metric.factor * value for value in values if abs(value) > 1e-12]
    return decimals_for(*scaled, least=1) + (not metric.per_cent)


def per_cent(share: float, decimals: int = 0) -> str:
    """Write a share between 0 and 1: 97 %."""
    return f"{number(100 * share, decimals)} %"


def p_value(value: float) -> str:
    """Write the p-value of a test."""
    return f"p = {value:.3f}" if value >= 0.001 else "p < 0.001"


def number(value: float, decimals: int) -> str:
    """Write a number with a true minus sign; a zero has none."""
    text = f"{value:.{decimals}f}" if abs(value) < 1e6 else f"{value:.3g}"
    zero = not text.strip("-0.")
    return text.lstrip("-") if zero else text.replace("-", "−", 1)  # noqa: RUF001


def significant(value: float, digits: int) -> str:
    """Write a number with so many significant digits, without an exponent where it can."""
    if value == 0 or not 1e-6 < abs(value) < 1e9:
        return f"{value:.{digits}g}"
    return number(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def listed(names: Sequence[str]) -> str:
    """Write names as in a sentence: a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def decimals_for(*values: float, least: int = 0) -> int:
    """How many decimals show the smallest of the values (zeros apart) with one digit at least."""
    sizes = [abs(value) for value in values if value]
    needed = -math.floor(math.log10(min(sizes))) if sizes else 0
    return min(max(needed, least), MOST_DECIMALS)


def mean_and_std(metric: Metric, summary: Mapping[str, Any]) -> str:
    """Write `mean ± std`, or the mean alone where there is only one value."""
    return means_and_stds(metric, [summary])[0]


def means_and_stds(metric: Metric, summaries: Sequence[Mapping[str, Any] | None]) -> list[str]:
    """Write `mean ± std` of each, all with the same decimals; a blank where there is no mean."""
    known = [one for one in summaries if one is not None and one["mean"] is not None]
    decimals = max((_decimals_of(metric, one) for one in known), default=0)
    means = [metric.factor * one["mean"] for one in known]
    apart = max(means, default=0.0) - min(means, default=0.0)
    if apart and not metric.per_cent and not any(one["std"] for one in known):
        decimals = max(decimals, decimals_for(apart / 10))  # nothing else says how fine to write
    return [
        _mean_and_std(metric, one, decimals) if one is not None and one in known else BLANK
        for one in summaries
    ]


def _decimals_of(metric: Metric, summary: Mapping[str, Any]) -> int:
    """Two digits of a small mean and of its deviation; of a share, at most two decimals."""
    factor = metric.factor
    mean: float = factor * summary["mean"]
    std: float = factor * (summary["std"] or 0.0)
    if metric.per_cent:
        return min(max(decimals_for(std, least=1), 1), 2)
    return max(decimals_for(std) + 1 if std else 0, decimals_for(mean) + (abs(mean) < 10))


def _mean_and_std(metric: Metric, summary: Mapping[str, Any], decimals: int) -> str:
    factor, unit = metric.factor, metric.unit
    mean, std = number(factor * summary["mean"], decimals), summary["std"]
    if std is None:
        return f"{mean}{unit}"
    return f"{mean} ± {number(factor * std, decimals)}{unit}"


def duration(seconds: float | None) -> str:
    """Write seconds as a person would: 8.1 s, 13 min 32 s, 2 h 5 min."""
    if seconds is None:
        return BLANK
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def rest_in_words(changes: int) -> str:
    """Name the changes that an ablation did not take one by one."""
    return "the last change" if changes == 1 else f"the other {changes} changes together"


def count(how_many: int, noun: str) -> str:
    """Write a number with its noun: 1 seed, 5 seeds."""
    return f"{how_many:,} {noun}{'' if how_many == 1 else 's'}"


def setting(value: Any) -> str:
    """Write the value of a hyperparameter; report.json has all the digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def code(text: str, limit: int = 300) -> str:
    """Write text of a user as one code span, in which no Markdown takes effect."""
    line = " ".join(text.split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if "`" in line or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(text: str) -> str:
    """Keep a table's column from ending inside the text."""
    return text.replace("|", r"\|")


def sentence(text: str) -> str:
    """Begin with a capital, and end with a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def as_clause(text: str) -> str:
    """Write a sentence as it follows a colon."""
    return text[:1].lower() + text[1:]


def table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Write a table whose first `left` columns are aligned to the left, the others to the right."""
    rules = ["---" if column < left else "---:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in [header, rules, *rows])


def shell(command: str) -> str:
    """Write a command as a block to copy."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", command)), default=0))
    return f"{fence}sh\n{command}\n{fence}"
