"""Answers about models and their promotions."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class Model(TypedDict):
    """A bundle; `damage` describes what is wrong with it, and is empty if nothing is."""

    study: str
    bundle: str
    case: str
    aliases: list[str]
    metrics: Any
    damage: str


class Proof(TypedDict):
    """Whether the gain over the current model, or else over the baseline, is proven."""

    proven: bool
    sentence: str


class ModelDetails(Model):
    """A bundle with its manifest."""

    proof: Proof
    manifest: dict[str, Any]


class Models(TypedDict):
    """All bundles."""

    models: list[Model]


class Predictions(TypedDict):
    """The predictions of a model, one for each image or row."""

    predictions: list[dict[str, Any]]


class Promotion(TypedDict):
    """A line of the ledger: from `at` on, `alias` of the case named this bundle."""

    at: str
    case: str
    alias: str
    act: str
    study: str
    bundle: str
    weights: str
    proof: str
    reason: str
    who: str


class Ledger(TypedDict):
    """Promotions and roll-backs, newest first."""

    ledger: list[Promotion]
