"""The facts of a report as plain values, read from the store only.

Each module computes one part of the dictionary that `gather` returns. That dictionary is written to
report.json, and the sections of a report (`tuner.report.sections`) are made from it.
"""

from tuner.report.facts.gathering import gather

__all__ = ["gather"]
