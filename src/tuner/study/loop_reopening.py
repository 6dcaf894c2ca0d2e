"""Opens an existing study of a loop: its config, from the store and the loop's file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case.metric import LOOP
from tuner.case.reference import is_loop, parts_of_loop
from tuner.case.source import source_of
from tuner.errors import CaseError, StudyError
from tuner.own.loops.file import read_loop
from tuner.study.identity import changes_of_source
from tuner.study.loops import LoopConfig
from tuner.study.store import facts_of, readable
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import optuna

    from tuner.case.source import Source


def is_of_loop(study: optuna.Study) -> bool:
    """Whether the study is of a user's own loop, and not of a case."""
    return facts_of(study).get("task") == LOOP


def loop_config_of(study: optuna.Study, named: str | None, *, changed: bool = False) -> LoopConfig:
    """Return the config that a study of a loop was made with.

    Args:
        named: the loop's file as the user names it now, with or without its function. It is never
            read from the study: a study from a stranger must not choose what code is run.
        changed: use the file even if its code has changed since; otherwise that is an error.

    Raises:
        CaseError: the file is not named, is gone, or is not Python.
        StudyError: it has changed since.
        StoreError: the study was made by something else.
    """
    facts = facts_of(study)
    with readable(study.study_name):
        stored, function = facts["reference"], parts_of_loop(facts["reference"])[1]
        if named is None:
            raise CaseError(
                f"study {study.study_name!r} uses a loop of your own; pass its file: "
                f"--case {stored}"
            )
        reference = named if is_loop(named) else f"{Path(named)}:{function}"
        loop = read_loop(reference)
        source = source_of(reference)
        if not changed:
            _refuse_another_version(study, facts, source)
        return LoopConfig(
            reference=reference,
            source=source,
            name=facts["case"],
            metric=facts["metric"],
            direction=facts["direction"],
            baseline=facts["baseline"],
            made_up=facts["made_up"],
            recipe=facts["recipe"] or None,
            guesses=loop.guesses,
            seed=facts["seed"],
            fixed=facts["fixed"],
            order=facts["order"],
            has_test=loop.has_test,
            plan=Plan(**facts["plan"]),
            sampler=facts["sampler"],
            pruner=facts["pruner"],
            identity=facts["identity"],
        )


def _refuse_another_version(study: optuna.Study, facts: Mapping[str, Any], source: Source) -> None:
    """Refuse a loop's file that has changed since the study was made.

    Raises:
        StudyError: it has changed.
    """
    differing = list(changes_of_source(facts["source"], source))
    if differing:
        raise StudyError(
            f"study {study.study_name!r} was made with another version of its loop: "
            f"{differing[0].said}. Name the version that made it with --case, or start a new "
            "study with --name"
        )
