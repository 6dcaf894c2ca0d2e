"""The inputs and outputs of a saved model, as its manifest describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch

from tuner.case.contract import Shape
from tuner.data.checking import RAW, TABLES
from tuner.data.images import MODES
from tuner.data.reading import BY_CASE, BY_COLUMNS, READ_IMAGE, UNKNOWN
from tuner.data.table import Table
from tuner.depot.contract import MOST_MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.metric import Task

MOST_PIXELS = 2**24  # of an image for a model


@dataclass(frozen=True, slots=True)
class Interface:
    """The inputs and outputs of a model.

    Attributes:
        shape: of a row, and the number of outputs.
        columns: names of a table's features; empty for images.
        classes: names of the outputs; empty for a regression.
        reading: how input files were read for training, as named in `tuner.data.reading`.
        kinds: types of a row that the model accepts.
        table: definition of the columns of the training file; None if the features are numbers, or
            images.
        several: whether a row may have several of the classes, or none.
        models: number of models that are applied as one.
    """

    shape: Shape
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    reading: str
    kinds: tuple[torch.dtype, ...]
    table: Table | None = None
    several: bool = False
    models: int = 1

    @property
    def row(self) -> tuple[int, ...]:
        """Shape of a row of features, before its preparation."""
        return self.shape.inputs if self.table is None else (len(self.columns),)

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> Self:
        """Read the interface from a manifest.

        Raises:
            ValueError, TypeError, KeyError: it does not describe a model.
        """
        shape, prepared = manifest["shape"], manifest["preprocessing"]
        inputs, outputs = tuple(shape["inputs"]), shape["outputs"]
        columns, classes = tuple(prepared["columns"]), tuple(manifest["classes"])
        images, raw = (prepared["kind"] == kind for kind in ("image", "raw"))
        table = None if prepared.get("table") is None else Table.read(prepared["table"])
        categories = tuple(shape.get("categories", ()))
        if table is not None and (images or raw):
            raise ValueError(f"rows of shape {inputs} of the columns {columns}")
        _check_table(table, inputs, columns, categories)
        if not all(type(size) is int and size > 0 for size in (*inputs, outputs)):
            raise ValueError(f"the shape {inputs} to {outputs}")
        kinds: tuple[torch.dtype, ...] = (torch.uint8,) if images else TABLES
        if raw:
            kinds = tuple(kind for kind in RAW if str(kind) == prepared["type"])
        if not kinds or (raw and columns):
            raise ValueError("the type of its features")
        sound = len(inputs) == 3 and inputs[0] in MODES if images else inputs == (len(columns),)
        if not sound and table is None and not raw:
            raise ValueError(f"rows of shape {inputs} with {len(columns)} columns")
        if outputs != (len(classes) or 1):
            raise ValueError(f"{outputs} outputs for {len(classes)} classes")
        if images and inputs[1] * inputs[2] > MOST_PIXELS:
            raise ValueError(f"images of {inputs[1]} by {inputs[2]} pixels")
        for names in (columns, classes):
            _check_names(names)
        # Older bundles do not say it: their images were read by `read_image`.
        by_itself = UNKNOWN if raw else READ_IMAGE if images else BY_COLUMNS
        reading = prepared.get("read", by_itself)
        if reading not in {by_itself, BY_CASE, UNKNOWN}:
            raise ValueError(f"the way of reading {reading!r}")
        several = manifest.get("task") == "multilabel"
        if several and not classes:
            raise ValueError("labels without names")
        models = manifest.get("models", 1)
        if type(models) is not int or not 1 <= models <= MOST_MODELS:
            raise ValueError(f"an ensemble of {models} models")
        made = Shape(inputs, outputs, categories)
        return cls(made, columns, classes, reading, kinds, table, several, models)

    @property
    def task(self) -> Task:
        """Task that the model was trained for."""
        if not self.classes:
            return "regression"
        return "multilabel" if self.several else "classification"


def _check_table(
    table: Table | None,
    inputs: tuple[Any, ...],
    columns: tuple[Any, ...],
    categories: tuple[Any, ...],
) -> None:
    """Check that a manifest's facts about a table's columns fit together.

    Raises:
        ValueError: they do not, or there are categories and no table.
    """
    if table is None:
        if categories:
            raise ValueError("categories without a table")
        return
    if columns != table.features or inputs != (table.width,):
        raise ValueError(f"rows of shape {inputs} of the columns {columns}")
    if categories != table.cardinalities:
        raise ValueError(f"categories of {categories} codes")


def _check_names(names: tuple[Any, ...]) -> None:
    """Check that names of columns or classes are distinct texts without lone surrogates.

    Raises:
        ValueError: one is not.
    """
    sound = all(isinstance(name, str) and _is_text(name) for name in names)
    if not sound or len(set(names)) < len(names):
        raise ValueError(f"the names {names}")


def _is_text(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)  # halves of surrogate pairs
