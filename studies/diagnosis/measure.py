"""Diagnose thirty trainings of known kind on many seeds, and write the confusion table.

    PYTHONPATH=. python studies/diagnosis/measure.py --seeds 10

The situations are those of the tests; the seeds here are others than theirs, and than those the
thresholds were set by.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tests.evidence.situations import SITUATIONS, confusion, right

from tuner.evidence.trials.diagnosis import MEANING

FIRST_SEED = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    found = confusion(range(FIRST_SEED, FIRST_SEED + seeds))
    labels = list(MEANING)
    lines = [
        f"{right(found)} of {len(SITUATIONS) * seeds} right: {len(SITUATIONS)} situations, five a "
        f"kind, {seeds} seeds each (from {FIRST_SEED}). Rows: what was "
        "done. Columns: the diagnosis.",
        "",
        f"| | {' | '.join(labels)} |",
        f"| --- |{' ---: |' * len(labels)}",
        *(
            f"| {label} | {' | '.join(str(found[label, got]) for got in labels)} |"
            for label in labels
        ),
    ]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "confusion.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
