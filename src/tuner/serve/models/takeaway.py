"""Packs a model as a file for download, and predicts with it on a user's input."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.errors import BundleError, DataError
from tuner.imports import same_folders
from tuner.language import said
from tuner.serve.bulkhead import Bulkhead

if TYPE_CHECKING:
    from tuner.depot.contract import Depot
    from tuner.serve.models.ledger import Model
    from tuner.serve.shelf.cases import Shelf

SECONDS = 120  # for a prediction; imports take most of it
BUSY = said("other predictions are running; try again in a moment")


def packed(model: Model, depot: Depot) -> Path:
    """Write a bundle into a temporary ZIP file, which the caller removes.

    Raises:
        BundleError: it is damaged.
        DepotError: its place cannot be reached.
    """
    if model.damage:
        raise BundleError(model.damage)
    with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as file:
        path = Path(file.name)
    try:
        depot.pack(model.kept, path)
    except BaseException:
        path.unlink()
        raise
    return path


@dataclass(frozen=True, slots=True)
class Predictor:
    """Predicts in a separate process, one request at a time: the web process runs no model."""

    shelf: Shelf
    _bulkhead: Bulkhead = field(default_factory=lambda: Bulkhead(BUSY))

    def predict(self, model: Model, body: bytes) -> list[dict[str, Any]]:
        """Return a model's predictions for an image, or for the rows of a table (CSV).

        A table of one row may lack the header: its cells are then in the order of the model's
        columns.

        Raises:
            BundleError: the model is damaged.
            DataError: the input cannot be read, or the model cannot predict for it.
            UsageError: too many requests wait.
        """
        if model.damage:
            raise BundleError(model.damage)
        columns = model.columns
        text = _with_header(body, columns) if columns else body
        with (
            self._bulkhead.entered(),
            tempfile.TemporaryDirectory(prefix="tuner-predict-") as folder,
        ):
            path = Path(folder) / ("input.csv" if columns else "input.png")
            path.write_bytes(text)
            return self._run(model, path)

    def _run(self, model: Model, path: Path) -> list[dict[str, Any]]:
        name = self.shelf.name_of(str(model.manifest["reference"]))
        case = [f"--case={self.shelf.reference(name)}"] if self.shelf.is_own(name) else []
        words = ["--json", *case, "--", model.kept.where, str(path)]
        try:
            ended = subprocess.run(  # noqa: S603 - our own module, no shell
                [sys.executable, *same_folders(), "-m", "tuner.predict", *words],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            raise DataError(
                said("the prediction took longer than {seconds} s; send less", seconds=SECONDS)
            ) from error
        if ended.returncode:
            last = ended.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            reason = last[0].removeprefix("tuner: ").replace(str(path), "the input")
            raise DataError(reason)
        found: list[dict[str, Any]] = json.loads(ended.stdout)
        for one in found:
            one.pop("file", None)
        return found


def _with_header(body: bytes, columns: list[str]) -> bytes:
    """Return the table with a header, which is added if the table is a single row without one.

    Raises:
        DataError: it cannot be read, or the row has too many or too few cells.
    """
    try:
        text = body.decode("utf-8-sig").strip()
        rows = list(csv.reader(text.splitlines(keepends=True)))
    except (ValueError, csv.Error) as error:
        raise DataError(said("the table cannot be read: {error}", error=error)) from error
    if len(rows) == 1 and not {one.strip() for one in rows[0]} & set(columns):
        if len(rows[0]) != len(columns):
            raise DataError(
                said(
                    "got {got} cells in a single row; without a header it has {most}, with commas "
                    "between them: {columns}",
                    got=len(rows[0]),
                    most=len(columns),
                    columns=", ".join(columns),
                )
            )
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(columns)
        text = header.getvalue() + text
    return (text + "\n").encode()
