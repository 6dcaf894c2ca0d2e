"""The first screen: verdict, how sure it is, what changed, and how to use the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, phrase, said
from tuner.report.facts.steps import can_be_told
from tuner.report.known import DATA, known
from tuner.report.sections.choice import chosen_arm, how_to_use, reason
from tuner.report.sections.guesses import best_is_guess, is_guess
from tuner.report.sections.loop import remarks_on_loop
from tuner.report.sections.repeat import study_command
from tuner.report.sections.rivals import rivals_verdict
from tuner.report.sections.sureness import how_sure
from tuner.report.sections.units import in_target_units
from tuner.report.sections.verdict import (
    is_unconfirmed,
    most_of_it,
    recipe_verdict,
    verdict,
)
from tuner.report.wording import (
    BLANK,
    arm_word,
    code,
    count,
    in_turn,
    sentence,
    setting,
    shell,
    table,
)
from tuner.study.schema import AcceptedChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

MOST_SHOWN = 6  # hyperparameters; more would not fit on one screen


def first(facts: Facts) -> str:
    """Return the summary for a reader in a hurry; it has no second-level heading."""
    answer = verdict(facts)
    more = joined(in_target_units(facts), recipe_verdict(facts), rivals_verdict(facts))
    parts = [
        _stand_in(facts),
        phrase("# Study {name}", name=code(facts["study"])),
        _remarks(facts),
        phrase("**{answer}** {more}", answer=answer, more=more) if more else f"**{answer}**",
        phrase("**How sure:** {how_sure}", how_sure=how_sure(facts)),
        _how_to_confirm(facts),
        _what_changed(facts),
        _use(facts),
    ]
    return "\n\n".join(part for part in parts if part)


def _stand_in(facts: Facts) -> str:
    missing = facts["data"]["stands_in_for"]
    if not missing:
        return ""
    name = facts["data"]["name"].upper()
    return phrase(
        "> **THIS IS NOT {loud}. The data of {missing} could not be downloaded, so this study uses "
        "a stand-in, {name}.**\n"
        "> No figure below says anything about {missing}. The stand-in: {source}.",
        loud=missing.upper(),
        missing=code(missing),
        name=name,
        source=code(known(facts["data"]["source"], DATA)),
    )


def _remarks(facts: Facts) -> str:
    """Return the remarks that come first: on the data, the loop, and accepted changes."""
    told = [
        phrase("> **About the data:** {remark}", remark=sentence(known(one, DATA)))
        for one in facts.get("remarks") or []
    ]
    told += remarks_on_loop(facts)
    if facts.get("made_up"):
        told.append(
            phrase(
                "> **About the baseline:** none was given, so it is the middle of each range. To "
                "compare with what you have, add `--baseline NAME=VALUE` and a new `--name`."
            )
        )
    if accepted := facts.get("changes_accepted"):
        several = accepted if isinstance(accepted, list) else [accepted]
        told.append(
            phrase(
                "> **This study was continued after a change** (`--accept-changes`), so its "
                "trials may not be comparable: {changes}.",
                changes=in_turn([*map(_in_words, several)]),
            )
        )
    return "\n>\n".join(told)


def _in_words(change: Any) -> str:
    """Return what has changed, in words; earlier versions stored it in other forms."""
    if isinstance(change, dict) and AcceptedChange.__required_keys__ <= change.keys():
        what, was, now = (code(str(change[name])) for name in ("what", "was", "now"))
        return phrase(
            "{what} was {was}, and is {now} since {when}",
            what=what,
            was=was,
            now=now,
            when=change["when"],
        )
    if isinstance(change, dict):
        return ", ".join(f"{name} {code(str(value))}" for name, value in change.items())
    return code(str(change))


def _how_to_confirm(facts: Facts) -> str:
    if not is_unconfirmed(facts):
        return ""
    told = phrase(
        "To confirm it, run this. It trains the arms again on fresh seeds, then opens the test "
        "split."
    )
    return f"{told}\n\n{shell(study_command(facts, confirm=True))}"


def _what_changed(facts: Facts) -> str:
    """Return a table of the few hyperparameters that matter, for the baseline and the best."""
    arms = facts["arms"]
    if not {"baseline", "best"} <= arms.keys():
        return ""
    was, now = (arms[name]["hyperparameters"] for name in ("baseline", "best"))
    differing = [name for name in now if setting(was.get(name, BLANK)) != setting(now[name])]
    trial = arms["best"]["trial"]
    if not differing:
        return phrase(
            "**What changed:** nothing. The best trial has the baseline's hyperparameters."
        )
    names, why = _that_matter(facts, differing)
    shown = names[:MOST_SHOWN]
    told = {"trial": trial, "hyperparameters": count(len(differing), "hyperparameter")}
    text = joined(
        phrase(
            "**What changed:** trial {trial}, a guess, differs from the baseline in "
            "{hyperparameters}.",
            **told,
        )
        if is_guess(facts, trial)
        else phrase(
            "**What changed:** trial {trial} differs from the baseline in {hyperparameters}.",
            **told,
        ),
        phrase("It was tried before the search, and nothing in the search ranked above it.")
        if best_is_guess(facts)
        else "",
        most_of_it(facts),
        phrase(
            "The table shows {which}; the others are below.", which=phrase(why, count=len(shown))
        )
        if len(shown) < len(differing)
        else "",
    )
    rows = [[code(name), setting(was.get(name, BLANK)), setting(now[name])] for name in shown]
    header = [phrase("hyperparameter"), arm_word("baseline"), arm_word("best")]
    return f"{text}\n\n{table(header, rows)}"


def _that_matter(facts: Facts, differing: list[str]) -> tuple[list[str], str]:
    """Return the changed hyperparameters, the most important first, and how the order is known."""
    ablation, importance = facts["ablation"], facts["importance"]
    if ablation and ablation["path"] and can_be_told(ablation):
        enough = (ablation["smallest"] or {}).get("changes", [])
        steps = [step for step in ablation["path"] if step["change"] in differing]
        if enough:
            names = [step["change"] for step in steps if step["change"] in enough]
            follows = [
                one
                for step in steps
                if step["change"] in enough
                for one in step["follows"]
                if one in differing
            ]
            return list(dict.fromkeys((*names, *follows))), said("the smallest change worth making")
        if ablation["complete"]:
            return [step["change"] for step in steps], said("the {count} that help most")
    if importance and importance["final"]:
        known = importance["final"]["hyperparameters"]
        ranks = {one["name"]: -one["importance"] for one in known}
        ranked = sorted(differing, key=lambda name: ranks.get(name, 0.0))
        if any(one["evidence"] and one["name"] in ranked[:MOST_SHOWN] for one in known):
            return ranked, said("the {count} with the highest importance in the search")
        return ranked, said(
            "the {count} with the highest importance in the search, which may be chance"
        )
    return differing, said("the first {count}")


def _use(facts: Facts) -> str:
    if chosen_arm(facts) is None:
        return ""
    told = phrase("**How to use the model:** {reason}", reason=reason(facts))
    return f"{told}\n\n{how_to_use(facts)}"
