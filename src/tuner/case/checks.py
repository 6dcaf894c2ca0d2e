"""Checks a case when it is made: each message names the fault and what would be accepted."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from inspect import get_annotations
from typing import TYPE_CHECKING, Any

from tuner.case.hyperparameters import Hyperparameters
from tuner.case.values import fault_of_value
from tuner.errors import CaseError

if TYPE_CHECKING:
    from tuner.case.contract import Case

TASKS = ("classification", "multilabel", "regression")


def check_case(case: Case) -> None:
    """Refuse a case that the trainer could not use.

    Raises:
        CaseError: a field of the case violates its contract.
    """
    if case.task not in TASKS:
        near = get_close_matches(str(case.task), TASKS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise CaseError(
            f"case {case.name!r}: its task is {case.task!r}{hint} it has to be "
            f"{' or '.join(map(repr, TASKS))}"
        )
    for arm in ("baseline", "recipe"):
        value = getattr(case, arm)
        if not (is_dataclass(value) and isinstance(value, Hyperparameters)):
            raise CaseError(
                f"case {case.name!r}: {arm} is {value!r}; it has to be an instance of a frozen "
                "dataclass derived from tuner.Hyperparameters"
            )
        _check_fields(case, arm, value)
    _check_guesses(case)
    _check_functions(case)
    if case.points_per_epoch < 1:
        raise CaseError(f"case {case.name!r}: points_per_epoch has to be 1 or more")


def _check_guesses(case: Case) -> None:
    """Refuse guesses that are not hyperparameters of the case."""
    if case.guesses is None:
        return
    kind, given = type(case.baseline), case.guesses
    if not isinstance(given, list | tuple):
        raise CaseError(
            f"case {case.name!r}: guesses is {given!r}; write a list of configurations: "
            f"guesses=[{kind.__name__}(...)]"
        )
    for place, one in enumerate(given):
        if type(one) is not kind:
            raise CaseError(
                f"case {case.name!r}: guesses[{place}] is {one!r}; it has to be a "
                f"{kind.__name__}, as the baseline is"
            )
        _check_fields(case, f"guesses[{place}]", one)


def _check_functions(case: Case) -> None:
    """Refuse functions of training that contradict each other, and weights without classes."""
    if case.step is not None and (case.loss is not None or case.class_weights is not None):
        raise CaseError(
            f"case {case.name!r}: `step` computes the loss itself; leave out loss and class_weights"
        )
    if case.cuda_graph and case.optimizer is not None:
        raise CaseError(
            f"case {case.name!r}: cuda_graph is for tuner's own optimizers; leave out "
            "cuda_graph or optimizer"
        )
    if case.class_weights is not None and case.task != "classification":
        raise CaseError(f"case {case.name!r}: class_weights are for a classification")
    if isinstance(case.class_weights, Mapping | Set):
        raise CaseError(
            f"case {case.name!r}: class_weights is {case.class_weights!r}; write one number for "
            "each class, in the order of the classes: (1.0, 9.0)"
        )
    for name in ("initialise", "augment", "loss", "optimizer", "step", "read"):
        function = getattr(case, name)
        if function is not None and not callable(function):
            raise CaseError(f"case {case.name!r}: {name} is {function!r}; it has to be a function")


def _check_fields(case: Case, arm: str, value: Any) -> None:
    """Refuse fields that are not those of a dataclass, or that JSON would change."""
    for kind in type(value).__mro__[: type(value).__mro__.index(Hyperparameters)]:
        if get_annotations(kind) and "__dataclass_fields__" not in vars(kind):
            raise CaseError(
                f"case {case.name!r}: {kind.__name__} has fields of its own and is not a "
                "dataclass, so they would be ignored; add the decorator above it: "
                "@dataclass(frozen=True, slots=True, kw_only=True)"
            )
    for field in fields(value):
        got = getattr(value, field.name)
        if wrong := fault_of_value(field.name, got):
            raise CaseError(f"case {case.name!r}: {arm}.{wrong}")
