"""The tested models of a configuration, and their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.evidence.ablation.confirming_parts import name_of_part
from tuner.evidence.ablation.parts import parts_of
from tuner.evidence.jobs import seed_of, stream_of
from tuner.seeds import Stream
from tuner.study.schema import CONFIRMATION, TESTED_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.runs.models.partial import Partial
    from tuner.study.configuration import StudyConfig


@dataclass(frozen=True, slots=True)
class ModelsOfTest:
    """The models of a configuration that were tested, or may be.

    Attributes:
        seeds: of the tested models; if there are none, the first that may be tested.
        stream: of the seeds.
        scores: one per seed; empty if none was tested.
        digests: of their weights, if the study stores them.
        ensemble: scores of all of them as one; None if they were not tested as one.
    """

    seeds: Sequence[int]
    stream: str
    scores: Sequence[Mapping[str, float]]
    digests: Sequence[str]
    ensemble: Mapping[str, float] | None = None

    def scores_of(
        self, digests: Mapping[int, str | None]
    ) -> tuple[Mapping[str, float] | None, str | None]:
        """Return the test scores of exactly this model or ensemble, or why there are none.

        Args:
            digests: of the weights of each model by its seed; they must equal those of the tested
                models.
        """
        if not self.scores or not set(digests) <= set(self.seeds):
            return None, "no model of this configuration with this seed has met the test"
        places = [self.seeds.index(seed) for seed in digests]
        if len(self.digests) <= max(places):
            return None, "the study does not say which weights met the test; they may be others"
        if [self.digests[place] for place in places] != list(digests.values()):
            return None, (
                "the model of this configuration and seed that met the test has other weights: it "
                "was trained on another machine, or by other code"
            )
        if len(places) == 1:
            return self.scores[places[0]], None
        if self.ensemble is None or len(places) < len(self.scores):
            return None, f"an ensemble of these {len(places)} models has not met the test"
        return self.ensemble, None


def tested_models(
    study: optuna.Study, config: StudyConfig, trial: FrozenTrial, partial: Partial | None
) -> ModelsOfTest:
    """Return the tested models of a trial, or of a part of the changes."""
    digests = study.user_attrs.get(TESTED_WEIGHTS, {})
    name = name_of_part(partial.configuration) if partial else trial.number
    stream = stream_of(name)
    fresh = ModelsOfTest([seed_of(config.seed, 0, stream)], stream, (), ())
    if partial:
        part = parts_of(study).get(str(name))
        if part is None:
            return fresh
        stream = part.get("stream", Stream.TEST)
        seeds, scores, own = part["seeds"], part["scores"], digests.get(name, ())
        return ModelsOfTest(seeds, stream, scores, own, _of_ensemble(part))
    confirmation = study.user_attrs.get(CONFIRMATION)
    if not confirmation:
        return fresh
    arms = confirmation["arms"].values()
    arm = next((arm for arm in arms if arm["trial"] == trial.number), None)
    own = digests.get(str(trial.number), ())
    if arm is not None and "stream" in arm:
        seeds, stream = arm["seeds"], arm["stream"]
        return ModelsOfTest(seeds, stream, arm["scores"], own, _of_ensemble(arm))
    if confirmation.get("plan"):
        return fresh
    stream = confirmation.get("stream", Stream.RACE)  # in older studies, arms share seeds
    return ModelsOfTest(confirmation["seeds"], stream, arm["scores"] if arm else (), own)


def _of_ensemble(kept: Mapping[str, Any]) -> Mapping[str, float] | None:
    """Return the scores of an arm's or part's models as one, if they were tested as one."""
    ensemble = kept.get("ensemble")
    return None if ensemble is None else ensemble["scores"]
