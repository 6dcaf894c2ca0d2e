"""Where the results come from, and where to go from here: sections of report.md."""

from __future__ import annotations

import shlex
from typing import Any

from tuner.report.wording import code, count, shell


def data_section(facts: dict[str, Any]) -> str:
    """Return what data it was, how it was split, and how often the test split was opened."""
    data, openings = facts["data"], facts["test_openings"]
    sizes = data["sizes"]
    folds = sizes.get("folds", 1)
    split = f"{sizes['training']:,} to train and {sizes['validation']:,} to validate"
    if folds > 1:
        split = f"{folds} folds of {split}"
    lines = [
        f"- {code(data['name'])}: {code(data['source'])}",
        f"- SHA-256 of the data as the model sees it: {code(data['fingerprint'][:16])}…",
        f"- {count(sizes['development'], 'development row')} ({split}), "
        f"{count(sizes['test'], 'test row')}",
    ]
    if not openings:
        lines.append("- The test split was never opened.")
    else:
        times = "; ".join(f"{one['when']} ({one['reason']})" for one in openings)
        often = "once" if len(openings) == 1 else f"{len(openings)} times"
        lines.append(f"- The test split was opened {often}: {times}.")
    if len(openings) > 1:
        lines.append(
            "- **Only the first opening saw an untouched test split**: whoever knew its scores "
            "when the search went on may have been guided by them."
        )
    return "## Data\n\n" + "\n".join(lines)


def machine_section(facts: dict[str, Any]) -> str:
    """Return the machine, how it was used, and the versions; of the last session."""
    manifest = facts["manifest"]
    if not manifest["versions"]:
        return ""
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    lines = [
        f"- {manifest['processor']}, {count(manifest['cores'], 'core')}, "
        f"{manifest['memory_gib']} GiB of memory, {manifest['platform']}",
        f"- Device {manifest.get('device')}, {_way(manifest)}, "
        f"{count(manifest['workers'] or 1, 'worker')} with "
        f"{count(manifest.get('threads') or 1, 'thread')} each",
        f"- {versions}",
    ]
    if cluster := manifest["cluster"]:
        lines.append(
            f"- The trainings ran on a Ray cluster of {count(cluster['nodes'], 'node')} with "
            f"{' and '.join(cluster['processors'])}; the machine named first is the coordinator's."
        )
    if not manifest["same_machine_throughout"]:
        lines.append(
            "- **This is the machine of the last session; an earlier one had another machine or "
            "other versions** (all are in report.json), so small differences are to be expected "
            "when it is repeated."
        )
    return "## What it ran on\n\n" + "\n".join(lines)


def _way(plan: dict[str, Any]) -> str:
    return f"{plan.get('precision')}{', channels last' if plan.get('channels_last') else ''}"


def commands_section(facts: dict[str, Any]) -> str:
    """Return what to type next."""
    storage, study = facts["storage"], facts["study"]
    where = f" {facts['where']}" if facts["where"] else ""
    if facts["reference"].endswith(".py"):
        where += f" --case {shlex.quote(facts['reference'])}"
    name = shlex.quote(study) if not study.startswith("-") else f"-- {shlex.quote(study)}"
    repeat = facts["manifest"]["command"] or study_command(facts)
    parts = ["## Go on from here"]
    pair = facts["comparison"]["best_vs_baseline"]
    if pair and pair["verdict"] == "worse":
        parts += [
            "Train the baseline again and keep the model:",
            shell(f"python -m tuner.retrain{where} --arm baseline {name}"),
        ]
    elif facts["arms"]:
        kept = "keep the model" if pair else "keep the model, which nothing has confirmed"
        parts += [
            f"Train the best again and {kept}:",
            shell(f"python -m tuner.retrain{where} {name}"),
        ]
    ablation = facts["ablation"]
    if ablation and not ablation["complete"]:
        parts += [
            "Go on to measure which change bought it:",
            shell(f"python -m tuner.ablate{where} --seeds {ablation['rounds']} {name}"),
        ]
    elif "baseline" in facts["arms"] and not ablation:
        parts += [
            "Measure which change bought it:",
            shell(f"python -m tuner.ablate{where} {name}"),
        ]
    timed = (
        " (a session ended by its --timeout may stop elsewhere)" if "--timeout" in repeat else ""
    )
    by_chance = facts["order"] == "arrival" and (facts["manifest"]["workers"] or 1) > 1
    again = (
        "this command with another --storage makes another study, because --order arrival lets "
        "the speed of the workers decide"
        if by_chance
        else "this command with another --storage searches the same trials, and on a machine and "
        f"versions like these comes to the same scores{timed}"
    )
    parts += [
        "Browse every trial:",
        shell(shlex.join(["optuna-dashboard", storage, "--artifact-dir", facts["artifacts"]])),
        f"Make it again: {again}. With this storage it goes on where the study stopped.",
        shell(repeat),
    ]
    return "\n\n".join(parts)


def study_command(facts: dict[str, Any]) -> str:
    """Return the command that made the study, as far as the study itself knows it."""
    words = ["python", "-m", "tuner.study", facts["reference"], "--name", facts["study"]]
    words += ["--seed", str(facts["seed"])]
    return " ".join(filter(None, (shlex.join(words), facts["where"])))
