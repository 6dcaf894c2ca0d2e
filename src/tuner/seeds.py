"""Every random stream of a study comes from its seed, by name, and never from the clock."""

from __future__ import annotations

import hashlib

LARGEST = 2**32 - 1  # that scikit-learn and NumPy take


def derive(seed: int, *path: str | int) -> int:
    """Return a 32-bit seed for the stream named `path` of the study with this `seed`."""
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
