"""Checks requests as the command line checks options, before they are queued."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from tuner.case.assignments import is_whole, parse_assignments, split_pairs
from tuner.case.metric_names import check_metric
from tuner.case.reference import door_of, options_of
from tuner.depot.contract import MOST_MODELS
from tuner.errors import UsageError, unknown_name
from tuner.language import said
from tuner.naming import folder_name
from tuner.seeds import LARGEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.serve.shelf.cases import Shelf
    from tuner.serve.tables import Kind

MOST_TRIALS, MOST_SEEDS, MOST_SECONDS = 100_000, 1000, 10**9
MOST_PARAMETERS = 10**12
LONGEST_LIST = 100  # of fixed values, or of configurations to try
LONGEST_TEXT = 2000
ROUNDS = 5  # of an ablation, as in `tuner ablate`
ARMS = ("best", "baseline", "recipe")
ORDERS, PRECISIONS = ("work", "arrival"), ("float32", "bfloat16")
KNOWN = {
    *("case", "name", "trials", "seeds", "seed", "timeout", "fix", "tries"),
    *("order", "precision", "metric", "max_parameters", "max_latency_ms", "max_cost"),
    *("accept_changes", "budget"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """A job to be queued.

    Attributes:
        options: by name, as in `job_command`.
    """

    kind: Kind
    study: str
    case: str
    options: Mapping[str, Any] = field(default_factory=dict)


def study_request(asked: Mapping[str, Any], shelf: Shelf) -> Request:
    """Return a person's request for a study: a case of the shelf, and options of the search.

    Raises:
        UsageError: a name, a value or an option is invalid.
    """
    for name in asked:
        if name not in KNOWN:
            raise unknown_name("option", "options", str(name), KNOWN)
    case = _text("case", asked.get("case") or "")
    shelf.reference(case)
    name = _text("name", asked.get("name") or name_of(case))
    study = folder_name(name, said("Choose another name"))
    options: dict[str, Any] = {
        "trials": whole("trials", asked.get("trials", 50), 1, MOST_TRIALS),
        "seed": whole("seed", asked.get("seed", 0), 0, LARGEST),
        "fix": _texts("fix", asked.get("fix", [])),
        "tries": _texts("tries", asked.get("tries", [])),
    }
    if asked.get("seeds") not in (None, ""):
        options["seeds"] = whole("seeds", asked["seeds"], 0, MOST_SEEDS)
    options |= _rarer(asked)
    if "metric" in options and not shelf.is_own(case):  # a user's file may have metrics of its own
        check_metric(options["metric"])
    space = shelf.space(case)
    if space is not None:
        parse_assignments(space, options["fix"])
    for tried in options["tries"]:
        check_try(shelf, case, tried)
    return Request("study", study, case, options)


def name_of(case: str) -> str:
    """Return the default name of a study: that of its case or of its data.

    >>> name_of("images --data uploads/roses.v2")
    'roses'
    """
    return case if door_of(case) is None else name_of_data(options_of(case).get("data", ""))


def name_of_data(data: str) -> str:
    """Return the name of data, without its folder and its suffix."""
    return PurePosixPath(data).name.partition(".")[0]


def _rarer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the less common options, each only if it is given."""
    given = {name: value for name, value in asked.items() if value is not None}
    found: dict[str, Any] = {}
    for name in ("timeout", "budget"):
        if name in given:
            found[name] = whole(name, given[name], 1, MOST_SECONDS)
    for name, values in (("order", ORDERS), ("precision", PRECISIONS)):
        if name in given:
            found[name] = _one_of(name, given[name], values)
    if "metric" in given:
        found["metric"] = _named("metric", given["metric"])
    if "max_parameters" in given:
        limit = whole("max_parameters", given["max_parameters"], 1, MOST_PARAMETERS)
        found["max_parameters"] = limit
    for name in ("max_latency_ms", "max_cost"):
        if name in given:
            found[name] = _above_zero(name, given[name])
    if given.get("accept_changes", False) is not False:
        found["accept_changes"] = True
    return found


def retrain_request(
    study: str,
    reference: str,
    arm: object,
    shelf: Shelf,
    models: object = 1,
    only: Sequence[str] = (),
) -> Request:
    """Return a person's request for a model.

    Args:
        reference: stored reference to the study's case.
        models: number of models to keep as one, an ensemble.
        only: names of changes of the best, if the model is the baseline with these alone.

    Raises:
        UsageError: there is no such arm, the case is not on the shelf, too many models are asked
            for, or another arm than the best is to have only some changes.
    """
    if arm not in ARMS:
        raise unknown_name("arm", "arms", str(arm), ARMS)
    options: dict[str, Any] = {"arm": arm, "models": whole("models", models, 1, MOST_MODELS)}
    if only:
        if arm != "best":
            raise UsageError(said("only the best has changes to choose from; leave out the arm"))
        options["only"] = list(only)
    return Request("retrain", study, shelf.name_of(reference), options)


def ablation_request(
    study: str, reference: str, shelf: Shelf, seeds: object, budget: object
) -> Request:
    """Return a person's request to measure which change made the difference.

    Args:
        reference: stored reference to the study's case.
        seeds: number of rounds, each with its own seed and fold.
        budget: seconds after which no new training starts; None: until all is measured.

    Raises:
        UsageError: the case is not on the shelf, or a number is invalid.
    """
    options = {"seeds": whole("seeds", seeds, 1, MOST_SEEDS)}
    if budget is not None:
        options["budget"] = whole("budget", budget, 1, MOST_SECONDS)
    return Request("ablate", study, shelf.name_of(reference), options)


def check_try(shelf: Shelf, case: str, typed: object) -> str:
    """Refuse a configuration outside the case's search space, as far as the space is known.

    Raises:
        UsageError: it is outside.
    """
    text = _text("try", typed)
    space = shelf.space(case)
    if space is not None:
        parse_assignments(space, split_pairs(text), "--try")
    return text


def whole(name: str, value: object, least: int, most: int) -> int:
    """Return a value as an integer.

    Raises:
        UsageError: it is not an integer, or out of range.
    """
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not is_whole(number, least, most):
        raise UsageError(
            said(
                "{name}: got {value!r}; it takes a whole number, {least} to {most}",
                name=name,
                value=value,
                least=least,
                most=most,
            )
        )
    return number


def seconds_of(minutes: object) -> int:
    """Return the seconds of a time in minutes, as forms ask for it.

    Raises:
        UsageError: it is not a whole number of minutes, or too many.
    """
    return 60 * whole("minutes", minutes, 1, MOST_SECONDS // 60)


def _one_of(name: str, value: object, values: Sequence[str]) -> str:
    if value not in values:
        raise UsageError(
            said(
                "{name}: got {value!r}; it takes one of {values}",
                name=name,
                value=value,
                values=", ".join(values),
            )
        )
    return str(value)


def _named(name: str, value: object) -> str:
    text = _text(name, value)
    if not text.strip():
        raise UsageError(said("{name}: got {value!r}; it takes a name", name=name, value=value))
    return text


def _above_zero(name: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not 0 < number < math.inf:
        raise UsageError(
            said("{name}: got {value!r}; it takes a number above zero", name=name, value=value)
        )
    return number


def _texts(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > LONGEST_LIST:
        raise UsageError(
            said(
                "{name} takes a list of at most {longest_list} texts like NAME=VALUE",
                name=name,
                longest_list=LONGEST_LIST,
            )
        )
    return [_text(name, one) for one in value]


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise UsageError(
            said(
                "{name}: it takes a text of at most {longest_text} printable characters",
                name=name,
                longest_text=LONGEST_TEXT,
            )
        )
    return value
