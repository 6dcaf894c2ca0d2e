"""A study begun on a GPU, on a machine without one: every command refuses it in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from optuna.trial import create_trial

from tests.making import DATABASE, TINY
from tests.sampling import one_in
from tuner.commands.ablate import main as ablate
from tuner.commands.placebo import main as placebo
from tuner.commands.report import main as report
from tuner.commands.retrain import main as retrain
from tuner.commands.study import main as study
from tuner.commands.verify import main as verify
from tuner.errors import EngineError
from tuner.study.arms import arms_of
from tuner.study.schema import FACTS
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAID = r"begun on a GPU .* this machine has none\. .* on a machine with a GPU"


@pytest.fixture
def begun_on_a_card(own_workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a study that was begun on a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = load_study(DATABASE, "tiny")
    facts = found.user_attrs[FACTS]
    found.set_user_attr(FACTS, {**facts, "plan": {**facts["plan"], "device": "cuda"}})
    worse = arms_of(found)["recipe"]  # a worse baseline, so that there is a gain to explain
    found.add_trial(
        create_trial(
            value=worse.values[0],
            params=worse.params,
            distributions=worse.distributions,
            intermediate_values=worse.intermediate_values,
            user_attrs={**worse.user_attrs, "arm": "baseline"},
        )
    )
    return own_workplace


@pytest.mark.parametrize(
    ("command", "words"),
    one_in(
        2,
        [
            (study, [TINY, "--trials", "9", "--workers", "1"]),
            (verify, ["tiny", "--case", TINY, "--workers", "1", "--trial", "0"]),
            (verify, ["tiny", "--case", TINY, "--workers", "2", "--all"]),
            (ablate, ["tiny", "--case", TINY, "--workers", "1"]),
            (placebo, ["tiny", "--case", TINY, "--workers", "1", "--trials", "2"]),
            (retrain, ["tiny", "--case", TINY]),
        ],
    ),
    ids=["study", "verify one", "verify all", "ablate", "placebo", "retrain"],
)
def test_what_trains_says_what_it_needs(
    begun_on_a_card: Path, command: Callable[[list[str]], int], words: list[str]
) -> None:
    before = len(load_study(DATABASE, "tiny").get_trials())
    with pytest.raises(EngineError, match=SAID):
        command(words)
    assert len(load_study(DATABASE, "tiny").get_trials()) == before
    assert not (begun_on_a_card / "storage/bundles").exists()


def test_its_report_needs_no_card(begun_on_a_card: Path) -> None:
    assert report(["tiny"]) == 0
