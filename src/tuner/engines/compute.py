"""Which machines fits run on, as a person asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Compute:
    """Where fits run.

    Attributes:
        workers: fits at once; None: one per GPU, or one per core.
        engine: processes on this machine, or a Ray cluster.
        address: HOST:PORT of the Ray cluster's head, or "auto"; None: the cluster that this machine
            belongs to, else a new one.
    """

    workers: int | None = None
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
