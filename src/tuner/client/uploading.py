"""Uploads data for tables and pictures to a service, under a name that identifies the file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tuner.client import answers
from tuner.errors import UsageError, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.client.transport import Transport

LETTERS = 12  # of a file's SHA-256, in its name on the service


def upload(to: Transport, path: Path) -> str:
    """Upload a file unless the service has it; return its name there.

    Raises:
        UsageError: it cannot be read, or is larger than the service accepts.
        ServiceError: the service refuses, or cannot be reached.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:LETTERS]
            size = file.tell()
            name = f"{path.stem}-{digest}{path.suffix.lower()}"
            there = to.get(answers.Data, "data")
            kept = f"uploads/{name.removesuffix('.zip')}"
            if kept in there["data"]:
                return kept
            if size > there["most_bytes"]:
                raise UsageError(
                    f"{path} has {size / 2**20:.0f} MiB; the service takes "
                    f"{there['most_bytes'] / 2**20:.0f} MiB at most"
                )
            file.seek(0)
            sent = to.send(answers.Sent, file, size, "data", name=name)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {first_line(error)}") from error
    return sent["data"]
