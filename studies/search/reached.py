"""After how much work a search had what fresh folds say is as good as an earlier study's winner.

    python studies/search/reached.py
    python studies/search/reached.py mnist=storage/studies.db   # another one made since

Reads the three studies in `studies/scale`, made before guesses, and those made since. Of each it
takes the work of the search until a trial had ended that was raced and is as good, that of the
whole search, and that of the whole race after it. Nothing is trained.
"""

from __future__ import annotations

import sys
from math import fsum
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import optuna

from tuner.study.design import folds_trained
from tuner.study.schema import ARM, CONFIRMATION
from tuner.study.store import facts_of
from tuner.study.trials import sign_of_study

if TYPE_CHECKING:
    from optuna import Study

STUDIES = Path(__file__).parents[1]


def fresh_scores(study: Study) -> dict[int, float]:
    """Return by number of a trial what it came to on fresh folds, of those that did not diverge."""
    raced = study.user_attrs[CONFIRMATION]["validation"]
    return {int(n): fmean(scores) for n, scores in raced.items() if None not in scores}


def work_of_race(study: Study) -> float:
    """Return the work of a study's race: a training on a fold is a share of its trial's work."""
    facts, work = facts_of(study), 0.0
    for number, scores in study.user_attrs[CONFIRMATION]["validation"].items():
        trial = study.trials[int(number)].user_attrs
        work += trial["work"] / folds_trained(facts, arm=ARM in trial) * len(scores)
    return work


def work_until(study: Study, number: int) -> float:
    """Return the work of all trials up to this one, by their numbers, itself included."""
    return fsum(trial.user_attrs.get("work", 0.0) for trial in study.trials[: number + 1])


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print("case", *("trial", "fresh", "until", "search", "race") * 2, sep="\t")
    made = {case: STUDIES / case / "study.db" for case in ("flowers", "mnist", "housing")}
    given = {case: Path(file) for case, _, file in (one.partition("=") for one in sys.argv[1:])}
    for case, file in (given or made).items():
        files = STUDIES / "scale" / f"{case}.db", file
        before, since = (
            optuna.load_study(study_name=case, storage=f"sqlite:///{file}") for file in files
        )
        sign = sign_of_study(before)
        old, new = fresh_scores(before), fresh_scores(since)
        winner = before.user_attrs[CONFIRMATION]["winner"]
        first = min(number for number, fresh in new.items() if sign * (fresh - old[winner]) >= 0)
        row = [case]
        for study, scores, number in ((before, old, winner), (since, new, first)):
            last = len(study.trials) - 1
            parts = work_until(study, number), work_until(study, last), work_of_race(study)
            row += [str(number), f"{scores[number]:.4f}", *(f"{part:.2e}" for part in parts)]
        print(*row, sep="\t")


if __name__ == "__main__":
    main()
