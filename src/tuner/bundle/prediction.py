"""Files in, predictions out, as text for people or JSON for machines."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tuner.data.images import read_image
from tuner.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from tuner.bundle.bundle import Bundle

ADDED = "prediction"
LARGEST = torch.finfo(torch.float32).max


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one row.

    Attributes:
        value: the most probable class, or the number in the target's own units.
        probabilities: of each class; empty for regression.
    """

    value: str | float
    probabilities: dict[str, float]

    @property
    def probability(self) -> float | None:
        """Of the predicted class."""
        return self.probabilities[str(self.value)] if self.probabilities else None

    def facts(self) -> dict[str, object]:
        """Return the prediction for JSON."""
        if not self.probabilities:
            return {ADDED: self.value}
        return {
            "class": self.value,
            "probability": self.probability,
            "probabilities": self.probabilities,
        }


def predict(bundle: Bundle, features: Tensor) -> list[Prediction]:
    """Apply the model to unscaled features: (N, C, H, W) uint8 or (N, F) floating point.

    Raises:
        DataError: what the model gives for a row is not finite.
    """
    outputs = bundle.fitted.outputs(features, bundle.plan).cpu()
    finite = outputs.isfinite().all(dim=1)
    if not finite.all():
        raise DataError(
            f"the model gives no finite number for row {int(finite.int().argmin()) + 1} of "
            f"{len(finite)}: the row is too far from what the model has seen, or its weights are "
            "no numbers; look at the row, else retrain the model"
        )
    classes = bundle.interface.classes
    if not classes:
        return [
            Prediction(value, {}) for value in bundle.fitted.targets.undo(outputs)[:, 0].tolist()
        ]
    found = []
    for row in outputs.double().softmax(dim=1).tolist():
        probabilities = dict(zip(classes, row, strict=True))
        found.append(Prediction(max(probabilities, key=probabilities.__getitem__), probabilities))
    return found


def predict_images(bundle: Bundle, paths: Sequence[Path], *, as_json: bool) -> str:
    """Predict image files, a line each: file, class and probability, separated by tabs.

    Raises:
        DataError: a file cannot be read as an image; it is named, and nothing is predicted.
    """
    channels, height, width = bundle.interface.shape.inputs
    images = torch.stack([read_image(path, (channels, height, width)) for path in paths])
    predictions = predict(bundle, images)
    if as_json:
        rows = [
            {"file": str(path), **p.facts()} for path, p in zip(paths, predictions, strict=True)
        ]
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    lines = []
    for path, prediction in zip(paths, predictions, strict=True):
        fields = [str(path), str(prediction.value)]
        if prediction.probability is not None:
            fields.append(f"{prediction.probability:.4f}")
        lines.append("\t".join(fields) + "\n")
    return "".join(lines)


def predict_tables(bundle: Bundle, paths: Sequence[Path], *, as_json: bool) -> str:
    """Predict the rows of CSV files, and give them back with a column added.

    Several files have to have the same header; their rows come out under one.

    Raises:
        UsageError: a file is no such table; file, line and column are named.
    """
    columns = bundle.interface.columns
    header: list[str] | None = None
    cells: list[list[str]] = []
    numbers: list[list[float]] = []
    for path in paths:
        own, rows = _read_csv(path, columns)
        if header is not None and own != header:
            raise UsageError(f"{path} has other columns than {paths[0]}; predict one at a time")
        header = own
        places = [own.index(column) for column in columns]
        for line, row in rows:
            cells.append(row)
            numbers.append([_number(path, line, own[place], row[place]) for place in places])
    predictions = predict(bundle, torch.tensor(numbers, dtype=torch.float64))
    if as_json:
        facts = [{"row": number, **p.facts()} for number, p in enumerate(predictions, start=1)]
        return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*(header or []), ADDED])
    for row, prediction in zip(cells, predictions, strict=True):
        writer.writerow([*row, prediction.value])
    return written.getvalue()


def _read_csv(path: Path, columns: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and each row with its line number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a CSV file: {error}") from error
    missing = [column for column in columns if column not in header]
    if missing:
        raise UsageError(
            f"{path} lacks the columns {', '.join(missing)}; its first line has to name "
            f"{', '.join(columns)}, in any order"
        )
    if ADDED in header or len(set(header)) < len(header):
        raise UsageError(
            f"{path} has a column {ADDED!r} already, or a column twice; rename or remove it"
        )
    if not rows:
        raise UsageError(f"{path} has a header and no rows; there is nothing to predict")
    for line, row in rows:
        if len(row) != len(header):
            raise UsageError(
                f"{path}, line {line}: {len(row)} cells where the header has {len(header)}"
            )
    return header, rows


def _number(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= LARGEST:
        raise UsageError(f"{path}, line {line}, column {column}: {text!r} is no finite number")
    return value
