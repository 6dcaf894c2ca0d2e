"""A whole search with the sampler of new studies gives the same study if interrupted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.making import history, search
from tuner.search.bayesian import BayesianSampler
from tuner.study.samplers import GAUSSIAN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tuner.search.lineup import Running
    from tuner.study.configuration import StudyConfig

TOTAL = 19  # five guesses and ten at random come first


class InterruptsAfter:
    """Presses Ctrl-C when the second trial that the sampler proposed has ended."""

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        if ended is not None and ended.number == 16:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interrupted_search_draws_what_a_whole_one_draws(
    config: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed: list[int] = []
    propose = BayesianSampler._propose

    def note(self: BayesianSampler, study: Any, trial: Any, space: Any) -> dict[str, Any]:
        proposed.append(trial.number)
        return propose(self, study, trial, space)

    monkeypatch.setattr(BayesianSampler, "_propose", note)
    config = replace(config, sampler=GAUSSIAN)
    whole = search(f"sqlite:///{tmp_path}/whole.db", config, TOTAL)
    assert proposed == list(range(15, TOTAL))
    url = f"sqlite:///{tmp_path}/interrupted.db"
    with pytest.raises(KeyboardInterrupt):
        search(url, config, TOTAL, observer=InterruptsAfter())
    search(url, config, TOTAL - 1)
    assert history(search(url, config, TOTAL)) == history(whole)
