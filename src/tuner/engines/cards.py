"""The GPUs ("cards") of this machine: which may be used, their facts, and one for each worker.

A card is named as in CUDA_VISIBLE_DEVICES: a number, or the UUID of a card or of a MIG slice of
one. A process can choose its cards only before its first use of CUDA, so each worker is given one
name at its start. A list of MIG slices counts as it is written, although CUDA itself shows only one
of them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tuner.errors import EngineError
from tuner.training.device import CARD
from tuner.unpromised.by_torch import forget_workspaces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.training.plan import Plan

VISIBLE = "CUDA_VISIBLE_DEVICES"
DRIVER = Path("/proc/driver/nvidia/version")  # of Linux
SLICE = "MIG-"
DECISIVE = {"names": "GPU", "driver": "GPU driver", "cuda": "CUDA", "cudnn": "cuDNN"}
FITS_A_CARD = 4
MEMORY_OF_A_FIT = 8 * 2**30  # bytes
SCARCE = 0.5  # with less of a card's memory free, unused memory is released
LEAKED = 2**28  # bytes that nothing uses and that cannot be released
NO_CARD = (
    "it was begun on a GPU (an NVIDIA card that PyTorch can use), and this machine has none. A "
    "processor would compute other numbers. Run the command on a machine with a GPU"
)
APPLE = (
    "This machine's Apple GPU (mps) is not used: it has no 64-bit numbers, and scores need them. "
    "The trainings run on the processor's cores."
)


def visible_cards() -> tuple[str, ...]:
    """Return the names of the cards that this process may use; empty if there are none."""
    if not torch.cuda.is_available():
        return ()
    count = torch.cuda.device_count()
    listed = os.environ.get(VISIBLE)
    if listed is None:
        return tuple(map(str, range(count)))
    names = [name.strip() for name in listed.split(",")]
    if names[0].startswith(SLICE):
        return tuple(dict.fromkeys(name for name in names if name.startswith(SLICE)))
    return tuple(names[:count])


def fits_at_once(cards: Sequence[str]) -> int:
    """Return how many fits run on cards at once by default: a rule, not a measurement.

    Results depend on how many trials run side by side, so the number must not depend on what else
    uses a card today. Four small networks take twice the time of one (studies/gpu); large ones fill
    a card alone, and need its memory.
    """
    if not cards:
        return 0
    least = int(min(one.total_memory for one in _properties()))
    return len(cards) * max(1, min(FITS_A_CARD, least // MEMORY_OF_A_FIT))


def _properties() -> list[Any]:
    """Return the properties of the cards that CUDA shows; of MIG slices, only the first."""
    torch.cuda.init()  # before that, it counts all cards of the driver
    return [torch.cuda.get_device_properties(one) for one in range(torch.cuda.device_count())]


def see_only(card: str) -> None:
    """Make this process use only one card. Call it before the first use of CUDA."""
    os.environ[VISIBLE] = card


def is_usable() -> bool:
    """Whether this process can still use its card: after an error of CUDA it cannot."""
    if not torch.cuda.is_initialized():
        return True
    try:
        torch.cuda.synchronize()
    except torch.AcceleratorError:
        return False
    return True


def release_card() -> bool:
    """Release unused memory to other users of the card.

    After a failed recording, PyTorch before 2.13 can release nothing, and later versions keep the
    memory of that recording (pytorch/pytorch, pull request 190308): it would add up with each fit.

    Returns:
        Whether this process can still use the card.
    """
    if not is_usable():
        return False
    if not torch.cuda.is_initialized():
        return True
    try:
        forget_workspaces()
        torch.cuda.empty_cache()
    except RuntimeError:
        return False
    return torch.cuda.memory_reserved() - torch.cuda.memory_allocated() < LEAKED


def give_back() -> None:
    """Release unused memory of a process that trains nothing, so that its workers can use it.

    A command puts rows on a card to try a case and to test models; PyTorch would keep their memory
    until the command ends. Workspaces are kept: in a notebook, others may use them.
    """
    if torch.cuda.is_initialized():
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def give_back_if_scarce() -> None:
    """Release memory of ended fits while others train, if most of the card's memory is taken.

    Memory of a recorded step cannot be used by other fits. During a recording nothing can be
    released: a full card is then out of memory. Releasing waits for the card, so it is not done
    after every fit. Workspaces are kept, because recorded steps of other fits write into them.
    """
    if not torch.cuda.is_initialized():
        return
    # An error of steps that were queued before is reported again where it belongs.
    with suppress(RuntimeError):
        free, total = torch.cuda.mem_get_info()
        if free < SCARCE * total:
            torch.cuda.empty_cache()


def refuse_missing(plan: Plan) -> None:
    """Refuse to train on this machine if it lacks the kind of device that a study uses.

    Raises:
        EngineError: the study was begun on a GPU, and this machine has none.
    """
    if plan.device == CARD and not torch.cuda.is_available():
        raise EngineError(f"this study cannot be trained here: {NO_CARD}")


def card_facts() -> dict[str, Any]:
    """Return the facts about cards that results depend on: models, driver and libraries."""
    seen = _properties()
    slices = len(visible_cards()) - len(seen)  # of MIG, of which CUDA shows only the first
    shown = [*seen, *seen[:1] * slices]
    return {
        "names": [one.name for one in shown],
        "memory_gib": [round(one.total_memory / 2**30, 1) for one in shown],
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def of_all(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts about the cards of several machines that results depend on.

    Args:
        facts: from `card_facts`, one per machine; at least one.
    """
    shown = {name: [one[name] for one in facts] for name in facts[0]}
    listed = {name: list(chain(*shown.pop(name))) for name in ("names", "memory_gib")}
    told = {
        name: values[0] if len(set(values)) == 1 else " and ".join(sorted(set(map(str, values))))
        for name, values in shown.items()
    }
    return {**listed, **told}


def other_cards(sessions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how this machine's GPUs differ from those of all sessions, if any had GPUs."""
    recorded = [session["cards"] for session in sessions if session.get("cards")]
    if not recorded:
        return []
    if not visible_cards():
        there = sorted({_plain(facts["names"]) for facts in recorded})
        return [f"GPU {' and '.join(there)} there, none here"]
    here = card_facts()
    differences = []
    for name, title in DECISIVE.items():
        there = sorted({_plain(facts.get(name)) for facts in recorded})
        if (found := _plain(here[name])) not in there:
            differences.append(f"{title} {' and '.join(there)} there, {found} here")
    return differences


def _plain(value: object) -> str:
    """Return a recorded value as text; for several cards, each kind once."""
    return ", ".join(sorted(set(value))) if isinstance(value, list) else str(value)


def cards_in_words(facts: Mapping[str, Any], cards: Sequence[str], workers: int) -> str:
    """Return which cards a command trains on, and with how many workers, in words.

    >>> facts = {"names": ["H100", "H100"], "memory_gib": [79.1, 79.1]}
    >>> cards_in_words(facts, ("0", "2"), 4)
    'GPUs: H100 (0), H100 (2); 4 workers, 2 on each.'
    """
    listed = ", ".join(f"{name} ({card})" for name, card in zip(facts["names"], cards, strict=True))
    used = min(workers, len(cards))
    if idle := len(cards) - used:
        verb = "is" if idle == 1 else "are"
        return f"GPUs: {listed}; {_workers(workers)}, so {idle} of them {verb} not used."
    fewest, more = divmod(workers, len(cards))
    each = f"{fewest} to {fewest + 1}" if more else str(fewest)
    named = "GPUs" if len(cards) > 1 else "GPU"
    return f"{named}: {listed}; {_workers(workers)}{f', {each} on each' if len(cards) > 1 else ''}."


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def unused_device() -> str | None:
    """Return a message on an unused accelerator of this machine; None if there is none."""
    if not torch.cuda.is_available() and torch.backends.mps.is_available():
        return APPLE
    return None


def _driver() -> str:
    """Return the version of NVIDIA's driver; "unknown" if Linux does not show it."""
    try:
        first = DRIVER.read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return "unknown"
    words = first.split()
    numbers = [word for word in words if word[0].isdecimal() and "." in word]
    return numbers[0] if numbers else "unknown"
