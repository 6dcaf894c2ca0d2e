"""Formats numbers, names and commands for people, safe inside Markdown."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from tuner.evidence.trials.diagnosis import GROUP, WORD
from tuner.language import ENGLISH, nphrase, phrase, plural, said, spoken, translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.metric import Metric

BLANK = "–"  # noqa: RUF001  # an en dash for an empty cell
MOST_DECIMALS = 6
WORDS: Mapping[str, str] = {str(label): word for label, word in WORD.items()}
ARMS = {"baseline": said("baseline"), "recipe": said("recipe"), "best": said("best")}
GUESS = said("guess")
VERDICTS = {
    "better": said("better"),
    "worse": said("worse"),
    "no proven gain": said("no proven gain"),
}
# Metrics have the same names in all languages; these are words.
TITLES = {
    "error": said("error"),
    "rows with a wrong label": said("rows with a wrong label"),
    "mean absolute error": said("mean absolute error"),
}
SMALLEST_P = 0.001  # below it, "< 0.001" is written
NOUNS = {
    "seed": plural("{count:,} seed", "{count:,} seeds"),
    "change": plural("{count:,} change", "{count:,} changes"),
    "trial": plural("{count:,} trial", "{count:,} trials"),
    "finished trial": plural("{count:,} finished trial", "{count:,} finished trials"),
    "complete trial": plural("{count:,} complete trial", "{count:,} complete trials"),
    "pruned trial": plural("{count:,} pruned trial", "{count:,} pruned trials"),
    "fold": plural("{count:,} fold", "{count:,} folds"),
    "fresh fold": plural("{count:,} fresh fold", "{count:,} fresh folds"),
    "hyperparameter": plural("{count:,} hyperparameter", "{count:,} hyperparameters"),
    "configuration": plural("{count:,} configuration", "{count:,} configurations"),
    "development row": plural("{count:,} development row", "{count:,} development rows"),
    "test row": plural("{count:,} test row", "{count:,} test rows"),
    "model": plural("{count:,} model", "{count:,} models"),
    "label": plural("{count:,} label", "{count:,} labels"),
    "session": plural("{count:,} session", "{count:,} sessions"),
    "round": plural("{count:,} round", "{count:,} rounds"),
    "worker": plural("{count:,} worker", "{count:,} workers"),
    "thread": plural("{count:,} thread", "{count:,} threads"),
    "core": plural("{count:,} core", "{count:,} cores"),
    "node": plural("{count:,} node", "{count:,} nodes"),
    "GPU": plural("{count:,} GPU", "{count:,} GPUs"),
}


def loss(metric: Metric, score: float) -> float:
    """Return the score as shown, converted so that lower is better: accuracy becomes error."""
    return metric.factor * metric.loss(score)


def level_of(metric: Metric, score: float) -> float:
    """Return a score as a sentence shows it: as a loss if the metric has losses of rows."""
    return metric.factor * (score if metric.rows is None else metric.loss(score))


def difference(metric: Metric, value: float, *others: float) -> str:
    """Return a difference of scores with its unit, as precise as the smallest of `others` needs."""
    decimals = decimals_of_differences(metric, *(others or (value,)))
    return with_unit(metric, number(metric.factor * value, decimals))


def with_unit(metric: Metric, written: str) -> str:
    """Return a number, or an interval of numbers, with the unit of a difference."""
    return phrase("{number} points", number=written) if metric.unit_of_difference else written


def between(low: str, high: str) -> str:
    """Return an interval: 0.5 to 1.0."""
    return phrase("{low} to {high}", low=low, high=high)


def title_in_words(title: str) -> str:
    """Return the name of a quantity: metrics have one name in all languages, words do not."""
    return translated(TITLES.get(title, title))


def arm_word(name: str) -> str:
    """Return the name of an arm."""
    return translated(ARMS.get(name, name))


def group_word(group: str) -> str:
    """Return the name of a group of hyperparameters."""
    return translated(GROUP.get(group, group))


def label_word(label: str) -> str:
    """Return a diagnosis in a word or two."""
    return translated(WORDS.get(label, label))


def verdict_word(verdict: str) -> str:
    """Return the verdict of a comparison of two arms in words."""
    return translated(VERDICTS.get(verdict, verdict))


def decimals_of_differences(metric: Metric, *values: float) -> int:
    """Return the number of decimals for a column of differences of scores."""
    scaled = [metric.factor * value for value in values if abs(value) > 1e-12]
    return decimals_for(*scaled, least=1) + (not metric.per_cent)


def per_cent(share: float, decimals: int = 0) -> str:
    """Return a share between 0 and 1 as per cent: 97 %."""
    return f"{number(100 * share, decimals)} %"


def p_value(value: float) -> str:
    """Return the p-value of a test."""
    return f"p = {value:.3f}" if value >= SMALLEST_P else f"p < {SMALLEST_P}"


def number(value: float, decimals: int) -> str:
    """Return a number with a true minus sign, but none on a zero."""
    text = f"{value:.{decimals}f}" if abs(value) < 1e6 else f"{value:.3g}"
    zero = not text.strip("-0.")
    return text.lstrip("-") if zero else text.replace("-", "−", 1)  # noqa: RUF001


def significant(value: float, digits: int) -> str:
    """Return a number with this many significant digits, without an exponent if possible."""
    if value == 0 or not 1e-6 < abs(value) < 1e9:
        return f"{value:.{digits}g}"
    return number(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def listed(names: Sequence[str]) -> str:
    """Return names as part of a sentence: a, b and c."""
    if len(names) == 1:
        return names[0]
    return phrase("{names} and {last}", names=in_a_row(names[:-1]), last=names[-1])


def in_a_row(names: Sequence[str]) -> str:
    """Return a list without "and": a, b, c."""
    text = names[0] if names else ""
    for name in names[1:]:
        text = phrase("{one}, {other}", one=text, other=name)
    return text


def in_turn(clauses: Sequence[str]) -> str:
    """Return clauses separated by semicolons: a; b; c."""
    text = clauses[0]
    for one in clauses[1:]:
        text = phrase("{one}; {other}", one=text, other=one)
    return text


def decimals_for(*values: float, least: int = 0) -> int:
    """Return the decimals that show the smallest value other than zero with at least one digit."""
    sizes = [abs(value) for value in values if value]
    needed = -math.floor(math.log10(min(sizes))) if sizes else 0
    return min(max(needed, least), MOST_DECIMALS)


def mean_and_std(metric: Metric, summary: Mapping[str, Any]) -> str:
    """Return `mean ± std`, or only the mean if there is a single value."""
    return means_and_stds(metric, [summary])[0]


def means_and_stds(metric: Metric, summaries: Sequence[Mapping[str, Any] | None]) -> list[str]:
    """Return `mean ± std` of each, all with the same decimals; a blank if there is no mean."""
    known = [one for one in summaries if one is not None and one["mean"] is not None]
    decimals = max((_decimals_of(metric, one) for one in known), default=0)
    means = [metric.factor * one["mean"] for one in known]
    apart = max(means, default=0.0) - min(means, default=0.0)
    if apart and not metric.per_cent and not any(one["std"] for one in known):
        decimals = max(decimals, decimals_for(apart / 10))  # without another hint of the precision
    return [
        _mean_and_std(metric, one, decimals) if one is not None and one in known else BLANK
        for one in summaries
    ]


def _decimals_of(metric: Metric, summary: Mapping[str, Any]) -> int:
    """Return the decimals for two digits of a small mean and deviation; for a share at most two."""
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
    """Return seconds in words: 8.1 s, 13 min 32 s, 2 h 5 min."""
    if seconds is None:
        return BLANK
    if seconds < 60:
        return phrase("{seconds:.1f} s", seconds=seconds)
    whole = round(seconds)
    if whole < 3600:
        return phrase("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
    minutes = round(seconds / 60)
    return phrase("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def rest_in_words(changes: int) -> str:
    """Return a name for the changes that an ablation did not take one by one."""
    if changes == 1:
        return phrase("the last change")
    return phrase("the other {count} changes together", count=changes)


def count(how_many: int, noun: str) -> str:
    """Return a number with its noun, one of `NOUNS`: 1 seed, 5 seeds."""
    return nphrase(*NOUNS[noun], how_many, count=how_many)


def setting(value: Any) -> str:
    """Return the value of a hyperparameter, rounded; report.json has all digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def assignments(values: Mapping[str, Any]) -> str:
    """Return a configuration in the notation of --try."""
    return ",".join(f"{name}={value}" for name, value in values.items())


def code(text: str, limit: int = 300) -> str:
    """Return a user's text as one code span, in which no Markdown takes effect."""
    line = " ".join(text.split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if "`" in line or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(text: str) -> str:
    """Escape a text so that it does not end a table's cell."""
    return text.replace("|", r"\|")


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning and a full stop at its end."""
    text = text[:1].upper() + text[1:]
    if text.endswith((".", "!", "?")) or (spoken() != ENGLISH and text.endswith(("。", "？"))):
        return text
    return phrase("{clause}.", clause=text)


def as_clause(text: str) -> str:
    """Return a sentence in the form in which it follows a colon."""
    return text[:1].lower() + text[1:]


def table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Return a table whose first `left` columns are left-aligned, the others right-aligned."""
    rules = ["---" if column < left else "---:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in [header, rules, *rows])


def shell(command: str) -> str:
    """Return a command as a code block."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", command)), default=0))
    return f"{fence}sh\n{command}\n{fence}"
