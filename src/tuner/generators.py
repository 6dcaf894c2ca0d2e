"""A lock for the global random generators of Python, NumPy and torch, which all threads share."""

from __future__ import annotations

from threading import RLock

# Hold it while something seeds or draws from the global generators: a training, or a user's code
# that reads data or builds a model. Otherwise, two studies in two threads would draw each other's
# numbers.
ONE_AT_A_TIME = RLock()
