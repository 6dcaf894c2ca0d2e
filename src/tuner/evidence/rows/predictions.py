"""Predictions for the test rows, stored so that later comparisons need no new opening.

They are stored in the study of the trainings after the search, packed: a class as its number, or 0
and 1 for each label, and -1 if the model is right; a number as float32. Both compress well if
models agree.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.evidence.statistics.grouped import numbered
from tuner.study.schema import ROW_LOSSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from numpy.typing import NDArray

    from tuner.data.scaling import Scaler
    from tuner.evidence.statistics.grouped import Groups

TARGETS = "test_targets"  # of the test rows
PREDICTIONS = "test_predictions:"  # followed by a trial's number or a name: its predictions
PROBABILITIES = "test_probabilities:"  # the same for probabilities, if the metric needs them
RIGHT = -1


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of one configuration's models for the test rows.

    Attributes:
        seeds: of the models.
        values: (seeds, rows): classes as int64, or numbers in standardised units as float32; or
            (seeds, rows, labels) of 0 and 1.
        probabilities: (seeds, rows, classes), float32; None if they were not stored.
    """

    seeds: tuple[int, ...]
    values: NDArray[np.generic]
    probabilities: NDArray[np.generic] | None = None

    def outputs(self) -> NDArray[np.float64] | None:
        """Return outputs (seeds, rows, outputs) of models with these predictions.

        None if only the classes are known, and not their probabilities.
        """
        if np.issubdtype(self.values.dtype, np.floating):
            return self.values[:, :, None].astype(np.float64)
        least = np.finfo(np.float64).tiny
        if self.values.ndim == 3:
            shares = self.values if self.probabilities is None else self.probabilities
            yes, no = (np.maximum(one, least) for one in (shares, 1.0 - shares))  # type: ignore[operator]
            return np.log(yes) - np.log(no)  # type: ignore[no-any-return]
        if self.probabilities is None:
            return None
        return np.log(np.maximum(self.probabilities.astype(np.float64), least))


def keep_targets(
    evidence: optuna.Study,
    identity: str,
    targets: NDArray[np.generic],
    scaler: Scaler | None = None,
    groups: Groups | None = None,
    *,
    in_time: bool = False,
) -> None:
    """Store the test targets: (rows,) classes or numbers in standardised units, or (rows, labels).

    Args:
        evidence: the study of the trainings after the search.
        identity: of the test rows.
        scaler: the scaler that standardised them.
        groups: group of each row (rows,), if some rows belong together.
        in_time: whether rows are in the order of time.
    """
    entry = {
        "rows": identity,
        "scale": scaler and {"mean": scaler.mean.item(), "std": scaler.std.item()},
        "groups": None if groups is None else packed(numbered(groups)),
        "in_time": in_time,
    }
    evidence.set_user_attr(TARGETS, {**entry, **packed(targets)})


def keep_predictions(
    evidence: optuna.Study, trial: int | str, found: Predictions, targets: NDArray[np.generic]
) -> None:
    """Store the predictions of models of a trial's configuration, replacing earlier ones.

    Args:
        trial: its number; or the name of a rival.
    """
    values = found.values
    if not np.issubdtype(values.dtype, np.floating):
        values = np.where(values == targets, RIGHT, values)
    entry = {"seeds": list(found.seeds), **packed(values)}
    if found.probabilities is not None:
        evidence.set_user_attr(f"{PROBABILITIES}{trial}", packed(found.probabilities))
    evidence.set_user_attr(f"{PREDICTIONS}{trial}", entry)


def kept_targets(attributes: Mapping[str, Any]) -> NDArray[np.generic] | None:
    """Return the test targets that are stored in an evidence study's attributes.

    (rows,), or (rows, labels) of 0 and 1.
    """
    entry = attributes.get(TARGETS)
    return None if entry is None else unpacked(entry)


def kept_scale(attributes: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return mean and standard deviation of the targets in their own units; None if unscaled."""
    scale = (attributes.get(TARGETS) or {}).get("scale")
    return scale and (scale["mean"], scale["std"])


def kept_groups(attributes: Mapping[str, Any]) -> Groups | None:
    """Return the group of each test row (rows,), from zero; None if rows are not grouped."""
    groups = (attributes.get(TARGETS) or {}).get("groups")
    return groups and unpacked(groups).astype(np.int64)


def kept_in_time(attributes: Mapping[str, Any]) -> bool:
    """Whether test rows are in the order of time; older studies did not store it."""
    return bool((attributes.get(TARGETS) or {}).get("in_time"))


def kept_predictions(
    attributes: Mapping[str, Any], trial: int | str, targets: NDArray[np.generic]
) -> Predictions | None:
    """Return the predictions of models of a trial's configuration, if they are stored.

    Args:
        attributes: of an evidence study.
        trial: its number; or the name of a rival.
        targets: the stored ones.
    """
    entry = attributes.get(f"{PREDICTIONS}{trial}")
    if entry is None:
        return None
    values = unpacked(entry)
    if not np.issubdtype(values.dtype, np.floating):
        values = np.where(values == RIGHT, targets, values)
    shares = attributes.get(f"{PROBABILITIES}{trial}")
    return Predictions(tuple(entry["seeds"]), values, shares and unpacked(shares))


def packed(values: NDArray[np.generic]) -> dict[str, Any]:
    """Return numbers in their stored form: floats as float32, integers as int16 or int32."""
    if np.issubdtype(values.dtype, np.floating):
        stored = values.astype("<f4")
    else:
        small = not values.size or abs(values).max() <= np.iinfo(np.int16).max
        stored = values.astype("<i2" if small else "<i4")
    packed = zlib.compress(np.ascontiguousarray(stored).tobytes(), level=9)
    return {
        "type": stored.dtype.str,
        "shape": list(stored.shape),
        "zlib": base64.b64encode(packed).decode("ascii"),
    }


def unpacked(entry: Mapping[str, Any]) -> NDArray[np.generic]:
    """Return the numbers that `packed` has stored."""
    raw = zlib.decompress(base64.b64decode(entry["zlib"]))
    found = np.frombuffer(raw, dtype=entry["type"]).reshape(entry["shape"])
    return found if entry["type"].endswith("f4") else found.astype(np.int64)


def row_losses(attributes: Mapping[str, Any], trial: int | str) -> NDArray[np.float64] | None:
    """Return the losses of models of a trial's configuration on each test row, (seeds, rows).

    Args:
        attributes: of the study with the calls after a search.

    Returns:
        None if the loop gave no losses.
    """
    entry = attributes.get(f"{ROW_LOSSES}{trial}")
    return None if entry is None else unpacked(entry).astype(np.float64)
