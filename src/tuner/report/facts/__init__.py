"""The facts of a report as plain values, read from the store only."""

from tuner.report.facts.gathering import gather

__all__ = ["gather"]
