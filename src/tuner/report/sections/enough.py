"""Section "Was the search good enough?": the outlook, the checks, and the search in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import nphrase, phrase
from tuner.report.recalling import recalled
from tuner.report.scored import metric_in
from tuner.report.sections.guesses import guesses_in_words, is_guess
from tuner.report.sections.loop import is_of_loop
from tuner.report.sections.outlook import more_trials
from tuner.report.sections.placebo import placebo_in_words
from tuner.report.sections.pruning import pruning_cost
from tuner.report.wording import (
    arm_word,
    assignments,
    code,
    count,
    duration,
    in_a_row,
    means_and_stds,
    per_cent,
    sentence,
    setting,
    title_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]

MOST_REASONS = 8


def enough_section(facts: Facts, plots: Sequence[str]) -> str:
    """Return the section: the answer, the checks, the plots, and the search in numbers.

    Args:
        plots: file names of the plots that were drawn.
    """
    captions = {
        "history.svg": phrase(
            "Optimisation history: validation of every trial, best so far, baseline"
        ),
        "learning_curves.svg": phrase(
            "Learning curves of the arms: validation and training by epoch"
        ),
    }
    pictures = [f"![{captions[name]}]({name})" for name in plots if name in captions]
    lines = [
        _trials(facts),
        _taken_over(facts),
        _stopped(facts),
        _best(facts),
        _guesses(facts),
        _time(facts),
        _saving(facts),
        *_failures(facts),
        *_tries(facts),
        phrase("- Sampler: {sampler}", sampler=recalled(str(facts["sampler"]))),
        phrase("- Pruner: {pruner}", pruner=recalled(str(facts["pruner"]))),
        _seed(facts),
    ]
    parts = [
        phrase("## Was the search good enough? Would more trials help?"),
        more_trials(facts),
        _checks(facts),
        pruning_cost(facts),
        placebo_in_words(facts),
        *pictures,
        "\n".join(line for line in lines if line),
    ]
    return "\n\n".join(part for part in parts if part)


def _checks(facts: Facts) -> str:
    """Return one line per check, first those that give advice."""
    checks = [one for one in facts["health"] if one["name"] != "progress"]  # see `more_trials`
    checks.sort(key=lambda one: bool(one["good"]))
    return "\n".join(
        f"- {sentence(recalled(one['found']))}"
        if one["good"]
        else "- "
        + phrase(
            "**{found}** {advice}",
            found=sentence(recalled(one["found"])),
            advice=sentence(recalled(one["advice"])),
        )
        for one in checks
    )


def _trials(facts: Facts) -> str:
    trials = facts["trials"]
    line = phrase(
        "- {trials}: {complete} complete, {pruned} pruned (ended early), {failed} failed",
        trials=count(trials["total"], "trial"),
        complete=trials["complete"],
        pruned=trials["pruned"],
        failed=trials["failed"],
    )
    if trials.get("passed_over"):
        line = phrase(
            "{line}; {count} more not trained: their models are over a limit",
            line=line,
            count=trials["passed_over"],
        )
    if trials["unfinished"]:
        line = phrase(
            "{line}; {count} more not finished: the search was stopped, or is running now",
            line=line,
            count=trials["unfinished"],
        )
    return line


def _taken_over(facts: Facts) -> str:
    """Return how many trials came from another study; an empty string if none did."""
    parent = facts.get("parent")
    if not parent:
        return ""
    return nphrase(
        "- {count} of these trials was taken over from study {name} (`--from`)",
        "- {count} of these trials were taken over from study {name} (`--from`)",
        parent["taken"],
        count=parent["taken"],
        name=code(parent["study"]),
    )


def _stopped(facts: Facts) -> str:
    stopped, budget = facts["stopped"], facts["budget"]
    if stopped and budget:
        return phrase(
            "- The number of trials came from a time budget of {budget} (`--budget`). Under *How "
            "can I repeat it?* is the command that makes the same study without a clock, bit for "
            "bit",
            budget=duration(budget["seconds"]),
        )
    if not stopped or facts["outlook"]["more_trials"] == "limited":  # see `more_trials`
        return ""
    return phrase("- Stopped by `--trials auto` {reason}", reason=recalled(stopped["reason"]))


def _best(facts: Facts) -> str:
    if "best" not in facts["arms"]:
        if facts["limits"] and facts["trials"]["complete"]:
            return phrase("- No complete trial is within the limits, so there is no best trial")
        return phrase("- No trial is complete, so there is no best trial")
    number = facts["arms"]["best"]["trial"]
    same = [
        name
        for name in ("baseline", "recipe")
        if facts["arms"].get(name, {}).get("trial") == number
    ]
    if is_guess(facts, number):
        return phrase("- Best: trial {number}, which is a guess", number=number)
    if same:
        return phrase(
            "- Best: trial {number}, which is the {arm}", number=number, arm=arm_word(same[0])
        )
    return phrase("- Best: trial {number}", number=number)


def _guesses(facts: Facts) -> str:
    told = guesses_in_words(facts) if "best" in facts["arms"] else ""
    return f"- {told}" if told else ""


def _time(facts: Facts) -> str:
    wall = facts["wall_seconds"]
    if wall["sessions"] == 0:
        return ""
    parts = []
    if wall["search"] is not None:
        parts.append(phrase("search {time}", time=duration(wall["search"])))
    if wall["confirmation"] is not None:
        parts.append(phrase("confirmation {time}", time=duration(wall["confirmation"])))
    if wall["audit"] is not None and facts["audit"]:
        parts.append(
            phrase("pruned trials trained to their end {time}", time=duration(wall["audit"]))
        )
    parts.append(phrase("all trials together {time}", time=duration(wall["all_trials"])))
    told = {"times": in_a_row(parts), "sessions": count(wall["sessions"], "session")}
    if later := wall.get("cut_off_after_search"):  # missing in older reports
        return phrase(
            "- Time: {times}, in {sessions} (without interrupted work: {count} times in the "
            "search, {later} times after it)",
            **told,
            count=wall["sessions_without_time"],
            later=later,
        )
    if wall["sessions_without_time"]:
        return phrase(
            "- Time: {times}, in {sessions} ({count} of them interrupted, and not part of the "
            "search time)",
            **told,
            count=wall["sessions_without_time"],
        )
    return phrase("- Time: {times}, in {sessions}", **told)


def _saving(facts: Facts) -> str:
    done, whole = facts["work"]["done"], facts["work"]["without_pruning_at_most"]
    if not done or not whole or not facts["trials"]["pruned"] or is_of_loop(facts):
        return ""
    return phrase(
        "- Pruning saved up to {share} of the work of training every trial to its end",
        share=per_cent(1 - done / whole),
    )


def _failures(facts: Facts) -> list[str]:
    failures = sorted(facts["trials"]["failures"], key=lambda one: -one["count"])
    lines = []
    for one in failures[:MOST_REASONS]:
        trials = ", ".join(map(str, one["trials"][:10])) + (", …" if one["count"] > 10 else "")
        lines.append(
            nphrase(
                "- Failed, trial {trials}: {reason}",
                "- Failed, trials {trials}: {reason}",
                one["count"],
                trials=trials,
                reason=code(one["reason"]),
            )
        )
    if len(failures) > MOST_REASONS:
        more = len(failures) - MOST_REASONS
        lines.append(phrase("- {more} more reasons are in report.json", more=more))
    return lines


def _tries(facts: Facts) -> list[str]:
    """Return the results of the configurations that the user asked for."""
    metric = metric_in(facts)
    lines = []
    for one in facts.get("tries") or []:
        typed = assignments(one["values"])
        lines.append(
            phrase(
                "- Your own configuration, trial {trial} ({typed}): {came_to}",
                trial=one["trial"],
                typed=code(typed),
                came_to=_came_to(metric, one),
            )
        )
    return lines


def _came_to(metric: Metric, tried: Facts) -> str:
    """Return how a trial ended, and its score; for a pruned trial, the score when it was pruned."""
    if tried["state"] == "fail":
        return phrase("failed")
    if tried["state"] in {"waiting", "running"}:
        return phrase("not finished yet")
    if tried["score"] is None:
        return phrase("pruned before its first score")
    (score,) = means_and_stds(metric, [{"mean": tried["score"], "std": None}])
    told = {"metric": title_in_words(metric.title), "score": score}
    if tried["state"] == "pruned":
        return phrase("pruned (ended early) at validation {metric} {score}", **told)
    return phrase("validation {metric} {score}", **told)


def _seed(facts: Facts) -> str:
    fixed = [f"{code(name)} = {setting(value)}" for name, value in facts["fixed"].items()]
    if not fixed:
        return phrase("- Seed {seed}", seed=facts["seed"])
    return phrase("- Seed {seed}; not searched: {fixed}", seed=facts["seed"], fixed=in_a_row(fixed))
