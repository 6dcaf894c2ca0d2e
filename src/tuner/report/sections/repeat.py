"""Section "How can I repeat it?": the commands, the machine, and the versions."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from tuner.case.reference import as_words
from tuner.evidence.rounds.race import ROUNDS
from tuner.evidence.statistics.looks import Plan
from tuner.language import phrase
from tuner.naming import option_words
from tuner.report.sections.loop import is_of_loop
from tuner.report.wording import assignments, code, count, in_a_row, shell
from tuner.study.dashboard import dashboard_command
from tuner.study.typed_command import ACCEPT_CHANGES, TypedCommand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]

ELSEWHERE = "storage-again"  # a new folder, so that the study starts from the beginning
# Options of a run that its repeat does not need, or has with other values.
OF_ITS_OWN_RUN = (
    *("--storage", "--home", "--timeout", "--budget", "--seeds", "--workers", "--try"),
    ACCEPT_CHANGES,
)


def repeat_section(facts: Facts) -> str:
    """Return the section: the command that repeats the study, and the machine it ran on."""
    browse = dashboard_command(facts["storage"], facts["artifacts"], facts["where"])
    parts = [
        phrase("## How can I repeat it?"),
        *_again(facts),
        phrase("To browse every trial:"),
        shell(browse),
        _machine(facts),
    ]
    return "\n\n".join(part for part in parts if part)


def _again(facts: Facts) -> list[str]:
    """Return the command that repeats the study, and how similar its result will be."""
    if facts.get("shuffled"):
        return [
            phrase(
                "To repeat a placebo, repeat its original study first. Then run `tuner placebo` "
                "for it, with the same `--trials`."
            )
        ]
    return [_only_similar(facts) or _the_same(facts), shell(repeat_command(facts))]


def _the_same(facts: Facts) -> str:
    if parent := facts.get("parent"):
        return phrase(
            "This command makes the same study again, under another name and beside study "
            "{parent}, because it begins with the trials of that study. If these have not "
            "changed, it gives the same scores bit for bit on a machine and versions like these.",
            parent=code(parent["study"]),
        )
    return phrase(
        "This command makes the same study again, in its own folder. On a machine and versions "
        "like these it gives the same scores, bit for bit."
    )


def _only_similar(facts: Facts) -> str:
    """Return why no command repeats the study exactly; an empty string if one does."""
    if facts["order"] == "arrival" and (facts["manifest"]["workers"] or 1) > 1:
        return phrase(
            "This command makes a similar study, not the same one: with `--order arrival` the "
            "speed of the workers decides which trials come next."
        )
    # Reports of earlier versions lack `search_workers`.
    if len(numbers := facts.get("search_workers", [])) > 1:
        return phrase(
            "This command makes a similar study, not the same one: the number of workers changed "
            "while it searched ({numbers}). How a trial is drawn and pruned depends on how many "
            "run at once.",
            numbers=_several([str(number) for number in numbers]),
        )
    if facts.get("continued_after_its_end"):
        return phrase(
            "This command makes a similar study, not the same one: this search had ended and was "
            "then continued, for example with more `--trials`. The added trials began after all "
            "earlier ones had ended, so they were drawn and pruned with more results than in a "
            "single search."
        )
    if models := _planned_for_later_test(facts):
        return phrase(
            "This command makes a similar study, not the same one: the test rows had been used "
            "before, so {models} models per arm were planned. A new folder does not know of "
            "that, and plans {usual}.",
            models=_several([str(count) for count in models]),
            usual=_several([str(count) for count in Plan.of(1).models]),
        )
    if _was_raced_again(facts):
        return phrase(
            "This command makes a similar study, not the same one: the tested models are those "
            "of an earlier run with another `--seeds` or `--budget`, and the race was run again "
            "after that."
        )
    if facts["limits"] and facts["limits"]["limits"].get("latency_ms") is not None:
        return phrase(
            "This command makes a similar study, not the same one: the time for one row is "
            "measured again, so it may leave out other configurations."
        )
    if facts.get("changes_accepted"):
        return phrase(
            "This command makes a similar study, not the same one: this study was continued "
            "after a change (`--accept-changes`), and a new study has the change from the start."
        )
    if _was_told_later(facts):
        return phrase(
            "This command makes a similar study, not the same one: a configuration was added "
            "with `--try` after this study had begun, and a new study begins with it."
        )
    return ""


def _planned_for_later_test(facts: Facts) -> Sequence[int]:
    """Return the planned numbers of models, if an earlier test on these rows has changed them.

    Returns:
        Models per arm at each of the two looks; empty if the plan is the usual one.
    """
    plan = (facts["confirmation"] or {}).get("plan")
    if not plan or len(plan["models"]) == 1 or plan["models"] == list(Plan.of(1).models):
        return ()
    models: Sequence[int] = plan["models"]
    return models


def _asked_models(facts: Facts) -> int | None:
    """Return the `--seeds` of a confirmation; None if two looks were planned."""
    confirmation = facts["confirmation"]
    plan = confirmation.get("plan")
    if plan and not is_of_loop(facts):
        return int(plan["models"][0]) if len(plan["models"]) == 1 else None
    return int(confirmation["fewest"])  # the fewest calls; a loop may be called more often


def _was_raced_again(facts: Facts) -> bool:
    """Whether the race had another number of rounds than a run with this test plan would have."""
    confirmation = facts["confirmation"]
    if not confirmation or not confirmation.get("plan"):
        return False
    asked = _asked_models(facts)
    rounds: int = confirmation["fewest"]
    return rounds != (ROUNDS if asked is None else asked)


def _was_told_later(facts: Facts) -> bool:
    """Whether a configuration of `--try` was added in a later run than the first."""
    first, *later = facts["sessions"] or [{}]
    told_at_once = TypedCommand.read(first.get("command") or "").values_of("--try")
    return bool(later) and len(told_at_once) < len(facts.get("tries") or ())


def _way(plan: Facts) -> str:
    return f"{plan.get('precision')}{', channels last' if plan.get('channels_last') else ''}"


def _several(names: Sequence[str]) -> str:
    text = names[0]
    for name in names[1:]:
        text = phrase("{names} and {last}", names=text, last=name)
    return text


def repeat_command(facts: Facts) -> str:
    """Return the command that makes the same study in an empty folder, with as many workers.

    A study that begins with trials of another study needs that study. The command then keeps the
    folder, and gives the new study another name.
    """
    command = _typed(facts).without(*OF_ITS_OWN_RUN)
    for one in facts.get("tries") or ():
        command = command.with_("--try", assignments(one["values"]))
    limited = facts["outlook"]["more_trials"] == "limited"
    if not facts["stopped"] or facts["budget"] or limited:
        total = facts["trials"]["total"] or 1
        command = command.without("--trials").with_("--trials", total)
    limits = facts["limits"]
    if limits and (cost := limits["limits"].get("cost")) is not None:
        command = command.without("--max-cost").with_("--max-cost", f"{cost:g}")
    confirmation = facts["confirmation"]
    if not confirmation:
        command = command.with_("--seeds", 0)
    elif (asked := _asked_models(facts)) is not None:
        command = command.with_("--seeds", asked)
    if workers := facts["manifest"]["workers"]:
        command = command.with_("--workers", workers)
    if facts.get("parent"):
        beside = command.without("--name").followed_by(*shlex.split(facts["where"]))
        return str(beside.with_("--name", f"{facts['study']}-again"))
    return str(command.with_("--home", ELSEWHERE))


def study_command(facts: Facts, *, confirm: bool = False) -> str:
    """Return the command that continues the study where it is.

    Args:
        confirm: whether to remove `--seeds 0`, so that the study is confirmed.
    """
    command = _typed(facts)
    if confirm and command.value_of("--seeds") == "0":
        return str(command.without("--seeds"))
    return str(command)


def _typed(facts: Facts) -> TypedCommand:
    """Return the study command as last typed, or one made from the study's settings if unknown."""
    typed = facts["manifest"]["command"]
    if typed:
        return TypedCommand.read(typed)
    words = ["tuner", "study", *as_words(facts["reference"])]
    words += option_words("--name", facts["study"])
    return TypedCommand((*words, "--seed", str(facts["seed"]), *shlex.split(facts["where"])))


def _machine(facts: Facts) -> str:
    """Return the machine of the last session, its settings, and the versions."""
    manifest = facts["manifest"]
    if not manifest["versions"]:
        return ""
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    lines = [
        phrase(
            "- {processor}, {cores}, {memory} GiB of memory, {platform}",
            processor=manifest["processor"],
            cores=count(manifest["cores"], "core"),
            memory=manifest["memory_gib"],
            platform=manifest["platform"],
        ),
        phrase(
            "- Device {device}, {precision}, {workers} with {threads} each",
            device=manifest.get("device"),
            precision=_way(manifest),
            workers=count(manifest["workers"] or 1, "worker"),
            threads=count(manifest.get("threads") or 1, "thread"),
        ),
        f"- {versions}",
    ]
    lines += _notes(manifest)
    begin = phrase("It ran on:")
    return f"{begin}\n\n" + "\n".join(lines)


def _notes(manifest: Facts) -> list[str]:
    """Return notes on GPUs, a cluster, and what may prevent an exact repeat."""
    notes = []
    if cards := manifest.get("cards"):
        notes.append(
            phrase(
                "- {gpus}: {names}; driver {driver}, CUDA {cuda}, cuDNN {cudnn}",
                gpus=count(len(cards["names"]), "GPU"),
                names=", ".join(sorted(set(cards["names"]))),
                driver=cards["driver"],
                cuda=cards["cuda"],
                cudnn=cards["cudnn"],
            )
        )
    if operations := manifest.get("not_repeatable"):
        notes.append(
            phrase(
                "- PyTorch has no deterministic algorithm on this GPU for {operations}, so a "
                "repeat may differ in its last digits.",
                operations=in_a_row(operations),
            )
        )
    if cluster := manifest["cluster"]:
        notes.append(
            phrase(
                "- The trainings ran on a Ray cluster of {nodes} with {processors}; the machine "
                "named first is the coordinator's.",
                nodes=count(cluster["nodes"], "node"),
                processors=_several(cluster["processors"]),
            )
        )
    if not manifest["same_machine_throughout"]:
        notes.append(
            phrase(
                "- **This is the machine of the last session. An earlier one had another machine "
                "or other versions** (all are in report.json), so expect small differences."
            )
        )
    return notes
