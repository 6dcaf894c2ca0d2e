"""The global random generators of Python, NumPy and torch: all threads of a process share them."""

from __future__ import annotations

from threading import RLock

# Held while something draws from the global generators, or seeds them: a training, or a user's code
# that reads data or builds a model. Two studies in two threads would draw each other's numbers.
ONE_AT_A_TIME = RLock()
