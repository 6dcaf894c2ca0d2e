"""Which machines fits run on, as a person asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuner.case.assignments import is_whole
from tuner.errors import UsageError
from tuner.machine import most_workers


@dataclass(frozen=True, slots=True)
class Compute:
    """Where fits run.

    Attributes:
        workers: fits at once; None for up to four per GPU, or one per core.
        engine: processes on this machine, or a Ray cluster.
        address: HOST:PORT of the Ray cluster's head, or "auto"; None for the cluster that this
            machine belongs to, or else a new one.
    """

    workers: int | None = None
    engine: Literal["local", "ray"] = "local"
    address: str | None = None

    def check(self) -> None:
        """Refuse contradictory options, as far as they can be checked without a cluster.

        Raises:
            UsageError: an address without Ray, or more workers than this machine can take.
        """
        workers: object = self.workers  # a notebook does not check types
        if workers is not None and not is_whole(workers, 1):
            raise UsageError(f"workers is {workers!r}; it takes a whole number from 1 on")
        if self.engine == "ray":
            return
        if self.address is not None:
            raise UsageError(
                f"--address {self.address} is only used with --engine ray; add it, or leave "
                "--address out"
            )
        refuse_too_many(self.workers)


def refuse_too_many(workers: int | None) -> None:
    """Refuse more workers than this machine can take.

    Raises:
        UsageError: there are more.
    """
    if (workers or 1) > most_workers():
        raise UsageError(
            f"--workers {workers} is too many: this machine allows at most {most_workers()} (each "
            "worker is a process that loads torch)"
        )
