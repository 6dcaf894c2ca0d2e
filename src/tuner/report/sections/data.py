"""What data was it: source, splits, and how often the test split was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.sections.loop import is_of_loop
from tuner.report.wording import code, count, sentence, significant, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

MOST_COLUMNS = 60
MOST_SAID = 600  # letters


def data_section(facts: Facts) -> str:
    """Return what data it was, how it was split, and how often the test split was opened."""
    data, sizes = facts["data"], facts["data"]["sizes"]
    if is_of_loop(facts):
        lines = [
            "- The loop finds its data by itself, so nothing is known of it here: neither its rows "
            "nor whether they have changed.",
            *(_opened(facts) if facts["test_openings"] else ["- It has no test rows."]),
        ]
        return "## What data was it?\n\n" + "\n".join(lines)
    split = f"{sizes['training']:,} to train and {sizes['validation']:,} to validate"
    if sizes.get("folds", 1) > 1:
        split = f"{sizes['folds']} folds, each with {split}"
    lines = [
        f"- {code(data['name'])}: {code(data['source'])}",
        f"- {count(sizes['development'], 'development row')} ({split}), "
        f"{count(sizes['test'], 'test row')}",
        *_opened(facts),
    ]
    if target := data.get("target"):
        lines.append(
            f"- The target has a mean of {significant(target['mean'], 3)} and a standard deviation "
            f"of {significant(target['std'], 3)} (its own units)."
        )
    lines += [f"- {sentence(note)}" for note in data.get("table", {}).get("notes", [])]
    lines += [f"- {sentence(remark)}" for remark in facts.get("remarks") or []]
    lines.append(f"- SHA-256 of the data as the model sees it: {code(data['fingerprint'][:16])}…")
    return "## What data was it?\n\n" + "\n".join(lines) + _columns(data) + _inspection(data)


def _columns(data: Facts) -> str:
    """Return what each column of a table was taken as; empty for other data."""
    found = data.get("table")
    if not found:
        return ""
    shown = found["columns"][:MOST_COLUMNS]
    rows = [
        [code(one["name"], 60), one["kind"], one["why"], f"{one['missing']:,}"] for one in shown
    ]
    text = table(["column", "taken as", "why", "missing"], rows, left=3)
    left = len(found["columns"]) - len(shown)
    more = f"\n\nThere are {count(left, 'column')} more; report.json names them." if left else ""
    tail = " It has a long tail, which is straightened in each fold." if found["skewed"] else ""
    target = f"The target is {code(found['target']['name'])}, {found['target']['why']}.{tail}"
    return f"\n\n{target} The columns:\n\n{text}{more}"


def _inspection(data: Facts) -> str:
    """Return what was found in the files of the data; empty where nobody has looked."""
    found = data.get("inspection")
    if not found:
        return ""
    lines = [f"- {subject}: {code(said, MOST_SAID)}" for subject, said in found]
    return "\n\nWhat was found in the files, before anything was trained:\n\n" + "\n".join(lines)


def _opened(facts: Facts) -> list[str]:
    openings = facts["test_openings"]
    if not openings:
        return ["- The test split was never opened."]
    times = "; ".join(f"{one['when']} ({one['reason']})" for one in openings)
    if len(openings) == 1:
        return [f"- The test split was opened once, after the search: {times}."]
    if all(one.get("look", 1) > 1 for one in openings[1:]):
        return [
            f"- The test split was opened twice, after the search: {times}.",
            "- Both looks were planned before the first, and nothing but how many models meet the "
            "test hung on what it showed.",
        ]
    return [
        f"- The test split was opened {len(openings)} times: {times}.",
        "- **Only the first opening saw an untouched test split.** Somebody who knew its scores "
        "may have been guided by them when the search continued.",
    ]
