"""Words of the service that are also data: programs read them, and pages translate them.

Stored words, CSS classes and the API use the English word; a page shows its translation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.language import Message, said

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = {
    str(one): one
    for one in (
        # states of jobs, of studies and of trials
        *(said("queued"), said("running"), said("paused"), said("done"), said("failed")),
        *(said("cancelled"), said("confirmed"), said("searched"), said("interrupted")),
        *(said("complete"), said("pruned"), said("waiting"), said("delivered")),
        # requests to a job, and their results
        *(said("pause"), said("cancel"), said("restart"), said("resumed"), said("changed")),
        *(said("given another priority"), said("promote"), said("roll back")),
        # verdicts
        *(said("better"), said("worse"), said("no proven gain"), said("not confirmed")),
        said("baseline is best"),
        # arms, splits, aliases, roles, priorities, tasks
        *(said("best"), said("baseline"), said("recipe"), said("guess"), said("tried")),
        *(said("validation"), said("test"), said("final"), said("current"), said("candidate")),
        *(said("viewer"), said("operator"), said("admin")),
        *(said("low"), said("normal"), said("high")),
        *(said("classification"), said("regression")),
        # parts of the storage folder
        *(said("reports"), said("models"), said("weights of confirmations"), said("database")),
        *(said("files of the dashboard"), said("cached data"), said("raw data")),
        *(said("uploads"), said("what jobs print")),
        # settings of a study, to name a difference between two
        *(said("case"), said("metric"), said("seed"), said("sampler"), said("pruner")),
        *(said("plan"), said("data name"), said("data fingerprint"), said("search space")),
        *(said("differs"), said("differ"), said("precision"), said("set of fixed values")),
        # why there is no change to measure
        *(said("its baseline is missing"), said("its best is the baseline")),
        said("no model that was trained is within its limits"),
        # kinds of names
        *(said("study"), said("studies"), said("cases"), said("data"), said("model")),
        *(said("option"), said("options"), said("arm"), said("arms"), said("alias")),
        *(said("aliases"), said("priority"), said("priorities"), said("hyperparameter")),
        *(said("hyperparameters"), said("column"), said("columns")),
        # reason phrases of HTTP
        *(said("Bad Request"), said("Unauthorized"), said("Forbidden"), said("Not Found")),
        *(said("Method Not Allowed"), said("Request Timeout"), said("Conflict")),
        *(said("Content Too Large"), said("Request Entity Too Large")),
        *(said("Unsupported Media Type"), said("Misdirected Request")),
        *(said("Unprocessable Content"), said("Unprocessable Entity"), said("Too Many Requests")),
        *(said("Internal Server Error"), said("Service Unavailable")),
    )
} | {"fail": said("failed")}  # a state of Optuna's


def word(text: object) -> str:
    """Return a word as a message that can be translated; any other text unchanged."""
    return WORDS.get(str(text), str(text))


def either(words: Sequence[str]) -> Message | str:
    """Return words as a choice: one, or "one or other"."""
    told: Message | str = words[0]
    for one in words[1:]:
        told = said("{one} or {other}", one=told, other=one)
    return told
