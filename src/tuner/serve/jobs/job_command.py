"""Converts a job of the service to the command line that does it.

Each value follows an `=`, and each name of a study follows a `--`, so that none of them can be
taken for an option.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.case.reference import as_words

if TYPE_CHECKING:
    from tuner.serve.shelf.cases import Shelf
    from tuner.serve.tables import Job
    from tuner.workplace import Workplace

# Optional options of a study, by their names in the job.
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
OF_ABLATION = ("seeds", "budget")
FURTHER = {"parent": "from", "budget": "budget"}  # likewise, if they are not empty


def command_of(job: Job, workplace: Workplace, shelf: Shelf, workers: int | None) -> list[str]:
    """Return the command line of a job. The command itself skips work that is already done.

    Args:
        workers: trainings that the job may run at once; None to let the command choose.

    Raises:
        UsageError: its case is no longer on the shelf.
    """
    where = [f"--storage={workplace.url}", f"--home={workplace.root}"]
    if job.kind == "delete":
        return ["delete", *where, "--yes", "--", job.study]
    if job.kind == "clean":
        what = [f"--what={name}" for name in job.options["what"] or ()]
        return ["clean", *where, "--yes", f"--older-than={job.options['age']}", *what]
    # A study stores its own door and data.
    own = [f"--case={shelf.reference(job.case)}"] if shelf.is_own(job.case) else []
    if job.kind == "retrain":
        only = ",".join(job.options.get("only", ()))
        which = f"--only={only}" if only else f"--arm={job.options['arm']}"
        many = f"--models={job.options.get('models', 1)}"
        return ["retrain", *where, *own, which, many, "--", job.study]
    if job.kind == "ablate":
        how = [f"--{name}={value}" for name, value in job.options.items() if name in OF_ABLATION]
        return ["ablate", *where, *own, *how, *_workers(workers), "--", job.study]
    return [*_study(job, shelf), *where, *_options(job, workers)]


def _study(job: Job, shelf: Shelf) -> list[str]:
    """Return the beginning of a study's command: options follow, so it has no `--`."""
    return ["study", *as_words(shelf.reference(job.case))]


def _workers(workers: int | None) -> list[str]:
    return [f"--workers={workers}"] if workers else []


def _options(job: Job, workers: int | None) -> list[str]:
    """Return the options of the command of a study."""
    options = job.options
    words = [f"--name={job.study}"]
    words += [f"--{name}={options[name]}" for name in ("trials", "seed")]
    words += [f"--{name}={options[key]}" for key, name in OPTIONAL.items() if key in options]
    words += ["--accept-changes"] if options.get("accept_changes") else []
    words += _workers(workers)
    words += [f"--fix={one}" for one in options["fix"]]
    words += [f"--try={one}" for one in options["tries"]]
    return words + [f"--{name}={options[key]}" for key, name in FURTHER.items() if options.get(key)]
