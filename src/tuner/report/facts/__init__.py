"""What a report says, as plain values: gathered from the store alone."""

from tuner.report.facts.gathering import gather

__all__ = ["gather"]
