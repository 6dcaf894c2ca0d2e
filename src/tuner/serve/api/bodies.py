"""What requests of the API carry, as types with their bounds: read by them and documented by them.

A field's bounds are the ones that `tuner.serve.requests` holds what a form sends against.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from tuner.seeds import LARGEST
from tuner.serve.ledger import LONGEST_REASON
from tuner.serve.posting import LONGEST_URL
from tuner.serve.requests import (
    LONGEST_LIST,
    LONGEST_TEXT,
    MOST_PARAMETERS,
    MOST_SECONDS,
    MOST_SEEDS,
    MOST_TRIALS,
)

CLOSED = ConfigDict(extra="forbid", strict=True)
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Texts = Annotated[list[Text], Field(max_length=LONGEST_LIST)]
Reason = Annotated[str, Field(max_length=LONGEST_REASON)]


@with_config(CLOSED)
class Nothing(TypedDict):
    """An empty object."""


@with_config(CLOSED)
class StudyWish(TypedDict):
    """A study to be searched; the options are those of the command `tuner study`."""

    case: Annotated[Text, Field(description="one of the cases of the service")]
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
    fix: NotRequired[Annotated[Texts, Field(description="NAME=VALUE each: not searched")]]
    tries: NotRequired[Annotated[Texts, Field(description="NAME=VALUE,... each: trained next")]]
    order: NotRequired[Literal["work", "arrival"]]
    precision: NotRequired[Literal["float32", "bfloat16"] | None]
    metric: NotRequired[Annotated[Text, Field(description="what is searched for")] | None]
    max_parameters: NotRequired[Annotated[int, Field(ge=1, le=MOST_PARAMETERS)] | None]
    max_latency_ms: NotRequired[
        Annotated[float, Field(gt=0, allow_inf_nan=False, description="for one row")] | None
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
class ArmWish(TypedDict):
    """Which arm of a study becomes a model; default: the best."""

    arm: NotRequired[Literal["best", "baseline", "recipe"]]


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
