"""Types of the JSON bodies of API requests, with their bounds.

`reading` checks requests against them, and the API document describes them; the docstrings of the
classes are part of it. The bounds are the same as in `tuner.serve.orders.requests`, which checks
forms.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from tuner.depot.contract import MOST_MODELS
from tuner.seeds import LARGEST
from tuner.serve.disk.upkeep import MOST_BUDGET
from tuner.serve.messages.posting import LONGEST_URL
from tuner.serve.models.ledger import LONGEST_REASON
from tuner.serve.orders.chores import MOST_DAYS, MOST_NAMED
from tuner.serve.orders.requests import (
    LONGEST_LIST,
    LONGEST_TEXT,
    MOST_PARAMETERS,
    MOST_SECONDS,
    MOST_SEEDS,
    MOST_TRIALS,
    ROUNDS,
)
from tuner.serve.studies.tidying import LONGEST_TAG, MOST_TAGS

CLOSED = ConfigDict(extra="forbid", strict=True)
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Texts = Annotated[list[Text], Field(max_length=LONGEST_LIST)]
Days = Annotated[int, Field(ge=0, le=MOST_DAYS)]
Reason = Annotated[str, Field(max_length=LONGEST_REASON)]


@with_config(CLOSED)
class Nothing(TypedDict):
    """An empty object."""


@with_config(CLOSED)
class StudyWish(TypedDict):
    """A study to be searched; the options are those of the command `tuner study`."""

    case: NotRequired[
        Annotated[Text, Field(description="one of the cases of the service; see settings_of")]
    ]
    settings_of: NotRequired[
        Annotated[
            Text,
            Field(
                description="an earlier study: what is not given here is taken from it, the case "
                "too. Its trials are not copied. Give the new study a name"
            ),
        ]
    ]
    name: NotRequired[Annotated[Text, Field(description="of the study; default: the case's")]]
    trials: NotRequired[Annotated[int, Field(ge=1, le=MOST_TRIALS, description="default 50")]]
    seeds: NotRequired[
        Annotated[
            int,
            Field(
                ge=0,
                le=MOST_SEEDS,
                description="default: two looks at the test, see `tuner study --help`",
            ),
        ]
    ]
    seed: NotRequired[Annotated[int, Field(ge=0, le=LARGEST, description="default 0")]]
    timeout: NotRequired[
        Annotated[int, Field(ge=1, le=MOST_SECONDS, description="seconds for the search")] | None
    ]
    budget: NotRequired[
        Annotated[
            int, Field(ge=1, le=MOST_SECONDS, description="seconds for the whole study; see trials")
        ]
        | None
    ]
    fix: NotRequired[Annotated[Texts, Field(description="NAME=VALUE each: not searched")]]
    tries: NotRequired[Annotated[Texts, Field(description="NAME=VALUE,... each: trained next")]]
    order: NotRequired[Literal["work", "arrival"]]
    precision: NotRequired[Literal["float32", "bfloat16"] | None]
    metric: NotRequired[
        Annotated[Text, Field(min_length=1, description="what is searched for")] | None
    ]
    max_parameters: NotRequired[Annotated[int, Field(ge=1, le=MOST_PARAMETERS)] | None]
    max_latency_ms: NotRequired[
        Annotated[float, Field(gt=0, allow_inf_nan=False, description="for one row")] | None
    ]
    max_cost: NotRequired[
        Annotated[
            float,
            Field(gt=0, allow_inf_nan=False, description="computing: so many times the baseline's"),
        ]
        | None
    ]
    accept_changes: NotRequired[
        Annotated[bool, Field(description="continue although case, data or tuner have changed")]
    ]


@with_config(CLOSED)
class Total(TypedDict):
    """With how many finished trials a study ends."""

    trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)]


Try = TypedDict("Try", {"try": Text})  # the field's name is a keyword of Python
with_config(CLOSED)(Try)


@with_config(CLOSED)
class ChildWish(TypedDict):
    """A study that begins with the finished trials of another; that one is cancelled if at work."""

    name: Annotated[Text, Field(description="of the new study")]
    fix: NotRequired[Annotated[Texts, Field(description="NAME=VALUE each: not searched")]]
    accept_changes: NotRequired[
        Annotated[bool, Field(description="the code of the case has changed since")]
    ]


@with_config(CLOSED)
class TagsWish(TypedDict):
    """The tags of a study, in place of those it has."""

    tags: Annotated[
        list[Annotated[str, Field(max_length=LONGEST_TAG)]], Field(max_length=MOST_TAGS)
    ]


@with_config(CLOSED)
class PriorityWish(TypedDict):
    """Before or after which others a study starts; only an admin gives `high`."""

    priority: Literal["low", "normal", "high"]


@with_config(CLOSED)
class CleanWish(TypedDict):
    """What is to be removed, of what may go; default: all of it."""

    days: NotRequired[Annotated[Days, Field(description="that it has not changed; default 0")]]
    what: NotRequired[Annotated[list[Text], Field(max_length=MOST_NAMED)]]


@with_config(CLOSED)
class UpkeepWish(TypedDict):
    """When the service cleans up by itself, and how much a study may keep."""

    every: Annotated[Days, Field(description="days between two clean-ups; 0: never")]
    older_than: Annotated[Days, Field(description="days that what goes has not changed")]
    budget: Annotated[int, Field(ge=0, le=MOST_BUDGET, description="MiB a study; 0: any")]


@with_config(CLOSED)
class ArmWish(TypedDict):
    """Which arm of a study becomes a model, or which changes of its best; default: the best."""

    arm: NotRequired[Literal["best", "baseline", "recipe"]]
    models: NotRequired[
        Annotated[
            int, Field(ge=1, le=MOST_MODELS, description="kept as one, an ensemble; default 1")
        ]
    ]
    only: NotRequired[
        Annotated[
            Texts,
            Field(
                description="changes of the best: the model is the baseline with these alone, "
                "compared with the baseline on the test rows"
            ),
        ]
    ]


@with_config(CLOSED)
class AblationWish(TypedDict):
    """How well the changes are measured: rounds, and the most time."""

    seeds: NotRequired[
        Annotated[
            int,
            Field(
                ge=1,
                le=MOST_SEEDS,
                description=f"rounds, each with its own seed and fold; default {ROUNDS}",
            ),
        ]
    ]
    budget: NotRequired[
        Annotated[
            int, Field(ge=1, le=MOST_SECONDS, description="seconds; none: until all is measured")
        ]
    ]


@with_config(CLOSED)
class PromotionWish(TypedDict):
    """Which alias is to mean the model; a reason is needed where its gain is not proven."""

    alias: NotRequired[Literal["current", "candidate"]]
    reason: NotRequired[Reason | None]


@with_config(CLOSED)
class RollBackWish(TypedDict):
    """Why the model before is to be current again."""

    reason: Reason


@with_config(CLOSED)
class HookWish(TypedDict):
    """An address to be told when a study ends."""

    url: Annotated[str, Field(max_length=LONGEST_URL, description="begins with https://")]
