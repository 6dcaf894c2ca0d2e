"""Configurations scored in rounds, in each of which all have the same seed, and stored at once."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from optuna.trial import TrialState

from tuner.case.figures import score_text
from tuner.engines.job import Failed, Finished, Job, LoopJob, always, run_all
from tuner.engines.packing import longest_first, that_fit_beside
from tuner.errors import StudyError
from tuner.study.schema import KEY
from tuner.study.store import open_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import AnyEngine
    from tuner.evidence.jobs import Configuration

    Block: TypeAlias = tuple[Configuration, Sequence[int]]  # rounds that are trained as one job

SomeJob = TypeVar("SomeJob", bound=Job | LoopJob)
SomeEvent = TypeVar("SomeEvent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Generic[SomeJob, SomeEvent]):
    """A training in one round that has ended.

    Attributes:
        key: that names it among those that are kept.
        index: of the round; `place`: of that among those of the job.
        points: that the job has told.
    """

    key: str
    configuration: Configuration
    index: int
    place: int
    job: SomeJob
    event: Finished | Failed
    points: Sequence[SomeEvent]


class Rounds(ABC, Generic[SomeJob, SomeEvent]):
    """Scores of configurations in rounds, in each of which all have the same seed.

    The scores are kept as trials of a study of their own, so nothing is trained twice.

    Args:
        basis: hash of what a training depends on, besides its configuration and its round.
        metric: what a score is called.
    """

    def __init__(
        self,
        study: optuna.Study,
        basis: str,
        metric: str,
        engine: AnyEngine[SomeJob, SomeEvent],
        say: Callable[[str], None],
    ) -> None:
        self.engine, self.say, self.metric, self.basis = engine, say, metric, basis
        self.study = open_evidence(study)
        states = (TrialState.COMPLETE, TrialState.FAIL)
        self.known: dict[str, float | None] = {
            trial.user_attrs[KEY]: trial.values and trial.values[0]
            for trial in self.study.get_trials(deepcopy=False, states=states)
        }

    def scores(self, wanted: Sequence[Configuration], index: int) -> list[float | None]:
        """Return the score of each configuration in round `index`; None where it has none.

        Raises:
            StudyError: a training failed for another reason than its numbers.
        """
        self.train((configuration, index) for configuration in wanted)
        return [self.known[self._key(configuration, index)] for configuration in wanted]

    def train(
        self,
        wanted: Iterable[tuple[Configuration, int]],
        may_begin: Callable[[], bool] = always,
    ) -> bool:
        """Train what has not been trained before, on every slot of the engine.

        Args:
            wanted: configurations and rounds. The longest trainings are begun first.
            may_begin: is asked before each training is begun.

        Returns:
            Whether all that is wanted is known now.

        Raises:
            StudyError: a training failed for another reason than its numbers.
        """
        asked = list(wanted)
        self._train_all(self._in_turn(asked), may_begin, needed=True)
        return all(self._key(*one) in self.known for one in asked)

    def train_ahead(
        self,
        wanted: Iterable[tuple[Configuration, int]],
        later: Iterable[tuple[Configuration, int]] = (),
        may_begin: Callable[[], bool] = always,
    ) -> None:
        """Train at once what is going to be wanted in several rounds, on every slot.

        What fails is left to `train`, as it may not be needed after all.

        Args:
            wanted: configurations and rounds. The longest trainings are begun first.
            later: what may be wanted after it, the next first. Of it is trained what is expected to
                end while the last of the others still trains.
            may_begin: is asked before each training is begun.
        """
        self._train_all(self._in_turn(wanted, later), may_begin, needed=False)

    def _in_turn(
        self,
        wanted: Iterable[tuple[Configuration, int]],
        later: Iterable[tuple[Configuration, int]] = (),
    ) -> list[Block]:
        """Return what has to be trained in its order: the longest first, then what fits beside."""
        blocks = self._blocks(wanted)
        others = {key: block for key, block in self._blocks(later).items() if key not in blocks}
        work = {key: block[0].work for key, block in (blocks | others).items()}
        order = longest_first({key: work[key] for key in blocks})
        beside = that_fit_beside(
            [work[key] for key in order], {key: work[key] for key in others}, self.engine.slots
        )
        return [*(blocks[key] for key in order), *(others[key] for key in beside)]

    def _blocks(self, wanted: Iterable[tuple[Configuration, int]]) -> dict[str, Block]:
        """Return what has to be trained for this, without what is known."""
        blocks: dict[str, Block] = {}
        for configuration, index in wanted:
            together = self._together(configuration, index)
            if any(self._key(configuration, one) not in self.known for one in together):
                blocks[self._key(configuration, together[0])] = configuration, together
        return blocks

    def _train_all(
        self, blocks: Sequence[Block], may_begin: Callable[[], bool], *, needed: bool
    ) -> None:
        """Train blocks, and one by one what diverged together, to see which of it does.

        That is part of what was begun: left for another time, all would be trained together anew.
        """
        diverged = self._train(blocks, may_begin, needed=needed)
        alone = [
            (one, [index])
            for one, rounds in diverged
            for index in rounds
            if self._key(one, index) not in self.known
        ]
        self._train(alone, always, needed=needed)

    def _train(
        self, blocks: Sequence[Block], may_begin: Callable[[], bool], *, needed: bool
    ) -> list[Block]:
        """Train blocks; return those of several rounds that have diverged.

        Args:
            needed: a failure for another reason is an error; else it is left out.
        """
        diverged = []
        jobs = {n: self._job(*block) for n, block in enumerate(blocks)}

        def on_end(n: int, event: Finished | Failed, points: Sequence[SomeEvent]) -> None:
            configuration, rounds = blocks[n]
            if isinstance(event, Failed) and not self._is_result(event):
                if not needed:
                    return
                raise StudyError(
                    f"training in round {rounds[0] + 1} failed: {event.reason}. {event.what_to_do}"
                )
            if isinstance(event, Failed) and len(rounds) > 1:
                diverged.append(blocks[n])
                return
            for place, index in enumerate(rounds):
                key = self._key(configuration, index)
                if key not in self.known:
                    trial = self._record(
                        Ended(
                            key=key,
                            configuration=configuration,
                            index=index,
                            place=place,
                            job=jobs[n],
                            event=event,
                            points=points,
                        )
                    )
                    self.study.add_trial(trial)
                    self.known[key] = trial.values and trial.values[0]
                    self.say(_in_words(trial, configuration.label, self.metric))

        run_all(self.engine, jobs, on_end, may_begin)
        return diverged

    def _is_result(self, event: Failed) -> bool:
        """Whether it is how a training ends, without a score, and no error of the study."""
        return event.diverged

    def _key(self, configuration: Configuration, index: int) -> str:
        """Name a training by what is trained and all that it depends on, this study included."""
        what = [dict(configuration.hyperparameters), configuration.epochs, index]
        return json.dumps([*what, self.basis], sort_keys=True)

    @abstractmethod
    def _together(self, configuration: Configuration, index: int) -> range:
        """Return the rounds, this one among them, that are trained as one job."""

    @abstractmethod
    def _job(self, configuration: Configuration, rounds: Sequence[int]) -> SomeJob:
        """Return the job that trains a configuration in these rounds."""

    @abstractmethod
    def _record(self, ended: Ended[SomeJob, SomeEvent]) -> FrozenTrial:
        """Make the record of a training; one that diverged is a failed trial without a value."""


def _in_words(trial: FrozenTrial, label: str, metric: str) -> str:
    attributes = trial.user_attrs
    where = f"Round {attributes['round'] + 1}, {label}"
    if trial.values is None:
        return f"{where}: {attributes['failure']}"
    return f"{where}: {metric} {score_text(trial.values[0])} ({attributes['seconds']:.1f} s)"
