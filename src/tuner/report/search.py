"""The search in numbers and pictures: a section of report.md."""

from __future__ import annotations

from typing import Any

from tuner.report.wording import code, count, duration, setting

MOST_REASONS = 8


def search_section(facts: dict[str, Any], plots: list[str]) -> str:
    """Return the section: plots first, then how many trials, how long, and with what."""
    captions = {
        "history.svg": "Optimisation history: validation of every trial, best so far, baseline",
        "learning_curves.svg": "Learning curves of the arms: validation and training by epoch",
    }
    pictures = [f"![{captions[name]}]({name})" for name in plots if name in captions]
    lines = [
        _trials(facts),
        _stopped(facts),
        _best(facts),
        _time(facts),
        _saving(facts),
        *_failures(facts),
    ]
    lines += [f"- Sampler: {facts['sampler']}", f"- Pruner: {facts['pruner']}"]
    fixed = ", ".join(f"{code(name)} = {setting(value)}" for name, value in facts["fixed"].items())
    lines.append(f"- Seed {facts['seed']}" + (f"; not searched: {fixed}" if fixed else ""))
    return "\n\n".join(["## The search", *pictures, "\n".join(line for line in lines if line)])


def _trials(facts: dict[str, Any]) -> str:
    trials = facts["trials"]
    line = (
        f"- {count(trials['total'], 'trial')}: {trials['complete']} complete, "
        f"{trials['pruned']} pruned, {trials['failed']} failed"
    )
    if trials["unfinished"]:
        line += (
            f"; {trials['unfinished']} more not finished: the study was interrupted, or goes on "
            "right now"
        )
    return line


def _stopped(facts: dict[str, Any]) -> str:
    stopped = facts["stopped"]
    return f"- Ended by `--trials auto` {stopped['reason']}" if stopped else ""


def _best(facts: dict[str, Any]) -> str:
    if "best" not in facts["arms"]:
        return "- No trial is complete, so there is no best"
    number = facts["arms"]["best"]["trial"]
    same = [
        name
        for name in ("baseline", "recipe")
        if facts["arms"].get(name, {}).get("trial") == number
    ]
    return f"- Best: trial {number}" + (f", which is the {same[0]}" if same else "")


def _time(facts: dict[str, Any]) -> str:
    wall = facts["wall_seconds"]
    if wall["sessions"] == 0:
        return ""
    parts = []
    if wall["search"] is not None:
        parts.append(f"search {duration(wall['search'])}")
    if wall["confirmation"] is not None:
        parts.append(f"confirmation {duration(wall['confirmation'])}")
    parts.append(f"all trials together {duration(wall['all_trials'])}")
    line = f"- Time: {', '.join(parts)}, in {count(wall['sessions'], 'session')}"
    if wall["sessions_without_time"]:
        line += f" ({wall['sessions_without_time']} interrupted, and not in the search time)"
    return line


def _saving(facts: dict[str, Any]) -> str:
    done, whole = facts["work"]["done"], facts["work"]["without_pruning_at_most"]
    if not done or not whole or not facts["trials"]["pruned"]:
        return ""
    return f"- Pruning saved up to {1 - done / whole:.0%} of the work of letting every trial end"


def _failures(facts: dict[str, Any]) -> list[str]:
    failures = sorted(facts["trials"]["failures"], key=lambda one: -one["count"])
    lines = []
    for one in failures[:MOST_REASONS]:
        trials = ", ".join(map(str, one["trials"][:10])) + (", …" if one["count"] > 10 else "")
        noun = "trial" if one["count"] == 1 else "trials"
        lines.append(f"- Failed, {noun} {trials}: {code(one['reason'])}")
    if len(failures) > MOST_REASONS:
        lines.append(f"- … and for {len(failures) - MOST_REASONS} more reasons, in report.json")
    return lines
