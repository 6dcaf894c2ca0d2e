"""Predicts for files, and writes the predictions as text for people or JSON for machines."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tuner.bundle.sheets import Sheets
from tuner.bundle.tables import Table
from tuner.data.room import rows_at_a_time
from tuner.errors import DataError, TunerError, UsageError, all_refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from tuner.bundle.bundle import Bundle

ADDED, PROBABILITY = "prediction", "probability"
OURS = "tuner"  # prefix of the added names, if the model has a column of that name
BETWEEN = "|"  # separates labels
SHOWN = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})  # in a name: a file is one line
ROWS = 5000  # in memory at a time, approximately; fewer large pictures


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction of a model for one row.

    Attributes:
        value: the most probable class; the labels, separated by |; or the number in the target's
            own units.
        probabilities: of each class or label; empty for regression.
        labels: predicted labels, if a row may have several; None if it may not.
    """

    value: str | float
    probabilities: dict[str, float]
    labels: tuple[str, ...] | None = None

    @property
    def probability(self) -> float | None:
        """Probability of the predicted class; None for labels and for a number."""
        if not self.probabilities or self.labels is not None:
            return None
        return self.probabilities[str(self.value)]

    def facts(self) -> dict[str, object]:
        """Return the prediction for JSON."""
        if self.labels is not None:
            return {"labels": list(self.labels), "probabilities": self.probabilities}
        if not self.probabilities:
            return {ADDED: self.value}
        return {
            "class": self.value,
            PROBABILITY: self.probability,
            "probabilities": self.probabilities,
        }

    def cells(self) -> list[object]:
        """Return the prediction for a table."""
        if self.probability is None:
            return [self.value]
        return [self.value, f"{self.probability:.6f}"]


def predict(bundle: Bundle, features: Tensor, names: Sequence[str]) -> list[Prediction]:
    """Apply the model to unscaled features: (N, C, H, W) uint8 or (N, F) floating point.

    Args:
        names: name of each row in error messages.

    Raises:
        DataError: the model's output for a row is not finite.
    """
    outputs = finite_outputs(bundle, features, names)
    classes = bundle.interface.classes
    if not classes:
        return [
            Prediction(value, {}) for value in bundle.fitted.targets.undo(outputs)[:, 0].tolist()
        ]
    if bundle.interface.several:
        return [_labelled(classes, row) for row in outputs.double().sigmoid().tolist()]
    found = []
    for row in outputs.double().softmax(dim=1).tolist():
        probabilities = dict(zip(classes, row, strict=True))
        found.append(Prediction(max(probabilities, key=probabilities.__getitem__), probabilities))
    return found


def _labelled(classes: Sequence[str], shares: Sequence[float]) -> Prediction:
    probabilities = dict(zip(classes, shares, strict=True))
    said = tuple(name for name, share in probabilities.items() if share > 0.5)
    return Prediction(BETWEEN.join(said), probabilities, said)


def finite_outputs(bundle: Bundle, features: Tensor, names: Sequence[str]) -> Tensor:
    """Return the model's outputs (N, outputs) on the processor; arguments as in `predict`.

    Raises:
        DataError: an output is not finite.
    """
    outputs = bundle.fitted.outputs(features, bundle.plan).cpu()
    finite = outputs.isfinite().all(dim=1)
    if not finite.all():
        raise DataError(
            f"the model's output for {names[int(finite.int().argmin())]} is not a finite number: "
            "the input is too far from what the model has seen, or its weights are damaged. Look "
            "at the input; if it is sound, retrain the model"
        )
    return outputs


def predict_files(
    bundle: Bundle, read: Callable[[Path], Tensor], paths: Sequence[Path], *, as_json: bool
) -> str:
    """Predict one file after the other, a line each: file, class, probability, tab-separated.

    Args:
        read: reads one file into a row of features.

    Raises:
        DataError: a file cannot be read; the message names all of them, and nothing is predicted.
    """
    predictions: list[Prediction] = []
    refused: list[TunerError] = []
    at_a_time = _rows_at_a_time(bundle)
    for start in range(0, len(paths), at_a_time):
        some, rows = paths[start : start + at_a_time], list[torch.Tensor]()
        for path in some:
            with _noting(refused):
                rows.append(read(path))
        if not refused:
            predictions += predict(bundle, torch.stack(rows), [str(path) for path in some])
    if refused:
        raise all_refused(refused)
    pairs = list(zip(paths, predictions, strict=True))
    if as_json:
        return _json([{"file": str(path), **prediction.facts()} for path, prediction in pairs])
    lines = []
    for path, prediction in pairs:
        fields = [str(path).translate(SHOWN), str(prediction.value).translate(SHOWN)]
        if prediction.probability is not None:
            fields.append(f"{prediction.probability:.4f}")
        lines.append("\t".join(fields) + "\n")
    return "".join(lines)


def predict_tables(bundle: Bundle, paths: Sequence[Path], *, as_json: bool) -> str:
    """Predict the rows of CSV files, and return the files with added predictions.

    A column `prediction` is added, and for classes a column `probability`, that of the predicted
    class. They are called `tuner prediction` and so on if the model's own table has such a column.
    JSON has the probabilities of all classes. Several files need the same header; their rows are
    written under one.

    Raises:
        UsageError: a file is not such a table; the message names file, line and column.
        DataError: several are not; the message names them all.
    """
    added, tables = _added(bundle), list[Table | Sheets]()
    refused: list[TunerError] = []
    for path in paths:
        with _noting(refused):
            tables.append(_opened(bundle, path, added))
    if refused:
        raise all_refused(refused)
    header = tables[0].header
    for table in tables:
        if table.header != header:
            raise UsageError(
                f"{table.path} has other columns than {paths[0]}; predict one file at a time"
            )
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*header, *added])
    facts: list[dict[str, object]] = []
    number = 0
    for table in tables:
        with _noting(refused):
            for cells, features in table.parts(_rows_at_a_time(bundle)):
                if refused:
                    continue
                names = [f"row {number + place} of the input" for place in range(1, len(cells) + 1)]
                for row, prediction in zip(cells, predict(bundle, features, names), strict=True):
                    number += 1
                    if as_json:
                        facts.append({"row": number, **prediction.facts()})
                    else:
                        writer.writerow([*row, *prediction.cells()])
    if refused:
        raise all_refused(refused)
    return _json(facts) if as_json else written.getvalue()


@contextmanager
def _noting(refused: list[TunerError]) -> Iterator[None]:
    """Note a refused file instead of raising its error, so that the others are read too."""
    try:
        yield
    except TunerError as error:
        refused.append(error)


def _added(bundle: Bundle) -> tuple[str, ...]:
    """Return the names of the added columns, which no column of the model has."""
    interface = bundle.interface
    one_class = interface.classes and not interface.several
    needed = set(interface.columns)
    if interface.table is not None:
        needed = {column.name for column in interface.table.columns}
    return tuple(
        f"{OURS} {name}" if name in needed else name
        for name in ((ADDED, PROBABILITY) if one_class else (ADDED,))
    )


def _opened(bundle: Bundle, path: Path, added: tuple[str, ...]) -> Table | Sheets:
    """Open a table like the model's own: numbers only, or like the file it was trained on."""
    interface = bundle.interface
    if interface.table is not None:
        return Sheets(path, interface.table, added)
    return Table(path, interface.columns, added)


def _rows_at_a_time(bundle: Bundle) -> int:
    """Return a multiple of whole batches, so that results do not depend on where parts end."""
    batch = bundle.plan.evaluation_batch
    return max(1, rows_at_a_time(bundle.interface.row, ROWS) // batch) * batch


def _json(facts: list[dict[str, object]]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
