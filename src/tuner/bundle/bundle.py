"""Rebuilds a saved model: one network, or several that are applied as one, an ensemble."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import torch

from tuner.bundle.interface import Interface
from tuner.bundle.manifest import WEIGHTS, manifest_there
from tuner.case.loading import load_named_case
from tuner.case.source import Source, source_of
from tuner.case.space import check_inside
from tuner.depot.contract import MANIFEST
from tuner.errors import BundleError, CaseError
from tuner.evidence.rows.ensembles import Ensemble, of_each
from tuner.files import read_whole
from tuner.training.inference import Fitted, applied_by
from tuner.training.plan import Plan, Precision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from tuner.case.contract import Case, Hyperparameters


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle.

    Attributes:
        manifest: the facts that were saved with the weights.
        plan: how to compute here, in the precision of the training.
        case: for which the model was trained; it may have a `read` of its own.
        remark: what a person should know before trusting its predictions; None for nothing.
    """

    manifest: Mapping[str, Any]
    interface: Interface
    fitted: Fitted
    plan: Plan
    case: Case
    remark: str | None = None


def open_bundle(folder: Path, case_file: str | None = None) -> Bundle:
    """Rebuild the model of a bundle, which another process may replace meanwhile.

    Args:
        case_file: for a bundle of a user's own case, the path of that case's file. It is never read
            from the bundle: a bundle from a stranger must not choose what code is run.

    Raises:
        BundleError: the bundle is damaged, or its case is not available.
        OSError: it is replaced each time that it is read.
    """
    return read_whole(folder, partial(_opened, folder, case_file))


def _opened(folder: Path, case_file: str | None) -> Bundle:
    manifest = manifest_there(folder)
    try:
        # Correct checksums prove nothing: their author may have written anything else too.
        interface = Interface.read(manifest)
        plan = _plan(manifest["plan"], images=interface.kinds == (torch.uint8,))
        case = load_named_case(manifest["case"], manifest["reference"], case_file)
        remark = _changes_of_code(manifest, case_file)
        hyperparameters = case.hyperparameters(manifest["hyperparameters"])
        if case.accepts and (wrong := case.accepts(interface.columns)):
            raise BundleError(f"the model of {folder} cannot be used: {wrong}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{folder / MANIFEST} is not a bundle's manifest: {error!r}") from error
    try:
        # A stranger's bundle may ask for a billion layers; what the case's own search can draw is
        # safe.
        check_inside(case, hyperparameters, "its configuration")
    except CaseError as error:
        raise BundleError(
            f"the search of case {case.name!r} cannot draw the configuration of {folder}, so it is "
            "not built; use the version of the case that made it"
        ) from error
    try:
        model = _built(case, hyperparameters, interface).to(plan.device)
    except Exception as error:
        raise BundleError(f"the model of {folder} cannot be built: {error}") from error
    applied = applied_by(case, hyperparameters)
    if applied is not None and interface.models > 1:
        applied = of_each(applied, interface.task)
    fitted = Fitted.load(model, folder / WEIGHTS, interface.row, interface.table, applied)
    return Bundle(manifest, interface, fitted, plan, case, remark)


def _changes_of_code(manifest: Mapping[str, Any], case_file: str | None) -> str | None:
    """Return which of the user's files have changed since; None if none have, or it is unknown.

    The weights may fit a model that computes something else, so no other check would notice.
    """
    if case_file is None or "source" not in manifest:  # an older bundle does not store it
        return None
    changed = source_of(case_file).changed_since(Source(**manifest["source"]))
    if not changed:
        return None
    return (
        f"the code of its case has changed since the model was saved, in {', '.join(changed)}. "
        "If that changes how rows are read or what the model computes, its answers are wrong: "
        "use the files as they were, or retrain it"
    )


def _built(case: Case, hyperparameters: Hyperparameters, interface: Interface) -> nn.Module:
    """Build the untrained model, of one network or of several."""
    made = [case.build(hyperparameters, interface.shape) for _ in range(interface.models)]
    return made[0] if len(made) == 1 else Ensemble(made, interface.task)


def _plan(stored: Mapping[str, Any], *, images: bool) -> Plan:
    """Return a plan for this machine, with the precision of the training."""
    precision, channels_last = stored["precision"], stored["channels_last"]
    if precision not in get_args(Precision) or channels_last not in {False, images}:
        raise ValueError(f"the plan {stored}")
    here = Plan.for_machine(images=images)
    return replace(here, precision=precision, channels_last=channels_last)
