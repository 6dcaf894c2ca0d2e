"""Scores configurations in rounds and stores the scores; a round has one seed for all."""

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

    Block: TypeAlias = tuple[Configuration, Sequence[int]]  # rounds that train as one job

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
    """Scores of configurations in rounds; in each round, all have the same seed.

    The scores are stored as trials of a separate study, so nothing is trained twice.

    Args:
        basis: hash of what a training depends on, besides its configuration and its round.
        metric: name of the score.
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
        """Return the score of each configuration in round `index`; None if it diverged.

        Raises:
            StudyError: a training failed, but did not diverge.
        """
        self.train((configuration, index) for configuration in wanted)
        return [self.known[self._key(configuration, index)] for configuration in wanted]

    def train(
        self,
        wanted: Iterable[tuple[Configuration, int]],
        may_begin: Callable[[], bool] = always,
    ) -> bool:
        """Train everything that has not been trained before, on all slots of the engine.

        Args:
            wanted: configurations and rounds. The longest trainings begin first.
            may_begin: is called before each training; once it returns False, no more begin.

        Returns:
            Whether all that is wanted is known now.

        Raises:
            StudyError: a training failed, but did not diverge.
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
        """Train everything that several rounds will want, at once, on all slots.

        Failures are left to `train`, because the scores may not be needed after all.

        Args:
            wanted: configurations and rounds. The longest trainings begin first.
            later: what may be wanted next, in order. It trains only those of them that are expected
                to end while the last of the wanted ones is still training.
            may_begin: is called before each training; once it returns False, no more begin.
        """
        self._train_all(self._in_turn(wanted, later), may_begin, needed=False)

    def _in_turn(
        self,
        wanted: Iterable[tuple[Configuration, int]],
        later: Iterable[tuple[Configuration, int]] = (),
    ) -> list[Block]:
        """Return the needed trainings in order: the longest first, then later ones that fit."""
        blocks = self._blocks(wanted)
        others = {key: block for key, block in self._blocks(later).items() if key not in blocks}
        work = {key: block[0].work for key, block in (blocks | others).items()}
        order = longest_first({key: work[key] for key in blocks})
        beside = that_fit_beside(
            [work[key] for key in order], {key: work[key] for key in others}, self.engine.slots
        )
        return [*(blocks[key] for key in order), *(others[key] for key in beside)]

    def _blocks(self, wanted: Iterable[tuple[Configuration, int]]) -> dict[str, Block]:
        """Return the trainings that are needed for this, without known ones."""
        blocks: dict[str, Block] = {}
        for configuration, index in wanted:
            together = self._together(configuration, index)
            if any(self._key(configuration, one) not in self.known for one in together):
                blocks[self._key(configuration, together[0])] = configuration, together
        return blocks

    def _train_all(
        self, blocks: Sequence[Block], may_begin: Callable[[], bool], *, needed: bool
    ) -> None:
        """Train blocks; train separately what diverged together, to see which round diverges.

        The separate trainings are part of the work begun: later, everything would be trained
        together again.
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
        """Train blocks; return those with several rounds that have diverged.

        Args:
            needed: whether other failures are errors; otherwise they are ignored.
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
        """Whether a failure is a result without a score, and not an error of the study."""
        return event.diverged

    def _key(self, configuration: Configuration, index: int) -> str:
        """Return the key of a training: a hash of its configuration and all that it depends on."""
        what = [dict(configuration.hyperparameters), configuration.epochs, index]
        return json.dumps([*what, self.basis], sort_keys=True)

    @abstractmethod
    def _together(self, configuration: Configuration, index: int) -> range:
        """Return the rounds, including this one, that are trained as one job."""

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
