"""A job of the service as the words of the command that does it.

Each value stands behind an `=`, and each name of a study behind a `--`, so that none of them can be
taken for an option.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.case.reference import as_words

if TYPE_CHECKING:
    from tuner.serve.shelf.cases import Shelf
    from tuner.serve.tables import Job
    from tuner.workplace import Workplace

# Options of a study that a job may leave out, by their names in the job.
OPTIONAL = {
    "seeds": "seeds",
    "timeout": "timeout",
    "order": "order",
    "precision": "precision",
    "metric": "metric",
    "max_parameters": "max-parameters",
    "max_latency_ms": "max-latency-ms",
    "max_cost": "max-cost",
}
FURTHER = {"parent": "from", "budget": "budget"}  # and these, where they are not empty


def command_of(job: Job, workplace: Workplace, shelf: Shelf, workers: int | None) -> list[str]:
    """Return the words of the command of a job. What it has done already it finds done.

    Args:
        workers: trainings that a study may run at once; None: as the command chooses.

    Raises:
        UsageError: its case is not on the shelf any more.
    """
    where = [f"--storage={workplace.url}", f"--home={workplace.root}"]
    if job.kind == "delete":
        return ["delete", *where, "--yes", "--", job.study]
    if job.kind == "clean":
        what = [f"--what={name}" for name in job.options["what"] or ()]
        return ["clean", *where, "--yes", f"--older-than={job.options['age']}", *what]
    if job.kind == "retrain":  # a study knows its door and its data itself
        own = [f"--case={shelf.reference(job.case)}"] if shelf.is_own(job.case) else []
        which = [f"--arm={job.options['arm']}", f"--models={job.options.get('models', 1)}"]
        return ["retrain", *where, *own, *which, "--", job.study]
    return [*_study(job, shelf), *where, *_options(job, workers)]


def _study(job: Job, shelf: Shelf) -> list[str]:
    """Begin the command of a study: what is added to it later must not stand behind a `--`."""
    return ["study", *as_words(shelf.reference(job.case))]


def _options(job: Job, workers: int | None) -> list[str]:
    """Return the options of the command of a study."""
    options = job.options
    words = [f"--name={job.study}"]
    words += [f"--{name}={options[name]}" for name in ("trials", "seed")]
    words += [f"--{name}={options[key]}" for key, name in OPTIONAL.items() if key in options]
    words += ["--accept-changes"] if options.get("accept_changes") else []
    words += [f"--workers={workers}"] if workers else []
    words += [f"--fix={one}" for one in options["fix"]]
    words += [f"--try={one}" for one in options["tries"]]
    return words + [f"--{name}={options[key]}" for key, name in FURTHER.items() if options.get(key)]
