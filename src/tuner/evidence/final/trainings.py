"""Trains the models for the test, the same number of each configuration.

If the loss of a training is no longer finite, there is no model. The next seed takes its place, so
scores and verdict are those of trainings that ended. The number of diverged trainings is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Generic, Self, TypeAlias, TypeVar

from tuner.engines.job import Failed, Finished, run_all
from tuner.engines.packing import longest_first
from tuner.errors import StudyError, UnreliableError
from tuner.evidence.final.models import file_of, final_job
from tuner.evidence.jobs import stream_of, trained_with
from tuner.study.schema import DIVERGED_FINALS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import optuna

    from tuner.engines.job import Engine, Job
    from tuner.evidence.jobs import Configuration
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint

T = TypeVar("T", bound=int | str)  # the number of a trial, or the name of a part
Block: TypeAlias = tuple[T, range]  # numbers of trainings that form one job


@dataclass(frozen=True, slots=True)
class Diverged:
    """The trainings of a configuration for the test that diverged.

    Attributes:
        numbers: of their seeds in its stream.
        given_up: there were too many, so the configuration is not tested.
    """

    numbers: frozenset[int] = frozenset()
    given_up: bool = False

    @classmethod
    def of(cls, evidence: optuna.Study, config: StudyConfig, trial: int | str) -> Self:
        """Read the record from the evidence.

        Args:
            evidence: the study of the trainings after the search.
            trial: number of the configuration's trial; or the name of a part.
        """
        kept = evidence.user_attrs.get(f"{DIVERGED_FINALS}{trial}")
        if kept is None or kept["basis"] != config.basis:
            return cls()
        return cls(frozenset(kept["numbers"]), kept["given_up"])

    def keep(self, evidence: optuna.Study, config: StudyConfig, trial: int | str) -> None:
        """Store it."""
        facts = {"basis": config.basis, "numbers": sorted(self.numbers), "given_up": self.given_up}
        evidence.set_user_attr(f"{DIVERGED_FINALS}{trial}", facts)

    def before(self, models: int) -> int:
        """Return how many trainings diverge before there are this many models."""
        return self.first(models)[-1] + 1 - models

    def first(self, models: int) -> list[int]:
        """Return the numbers of the seeds of the first `models` models."""
        return list(islice((number for number in count() if number not in self.numbers), models))


class FinalTrainings(Generic[T]):
    """Trains the models for the test.

    Args:
        evidence: the study of the trainings after the search, which keeps what diverged.
        configurations: by trial or part.
        folder: for the weights.
        say: tells a person what happens.
    """

    def __init__(
        self,
        evidence: optuna.Study,
        config: StudyConfig,
        engine: Engine,
        configurations: Mapping[T, Configuration],
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self.evidence, self.config, self.engine = evidence, config, engine
        self.configurations, self.folder, self.say = configurations, folder, say
        self._alone: set[tuple[T, int]] = set()  # their block has a training that diverges

    def models(self, wanted: int) -> dict[tuple[T, int], Path]:
        """Return the files of this many models of each, by number of the seed; train missing ones.

        Raises:
            StudyError: a training failed.
            UnreliableError: more of a configuration's diverged than are wanted.
        """
        while True:
            self._refuse_unreliable(wanted)
            files = {
                (trial, number): self._file(trial, number)
                for trial in self.configurations
                for number in self._diverged(trial).first(wanted)
            }
            blocks = self._missing(files)
            if not blocks:
                return files
            self._note_divergence(self._train(blocks))

    def _diverged(self, trial: T) -> Diverged:
        return Diverged.of(self.evidence, self.config, trial)

    def _refuse_unreliable(self, wanted: int) -> None:
        for trial, configuration in self.configurations.items():
            if (diverged := self._diverged(trial).before(wanted)) > wanted:
                raise UnreliableError(
                    f"{diverged} new trainings of {configuration.label} diverged, more than the "
                    f"{wanted} models that were to be tested, so it is not reliable. Start a new "
                    "study with --name in which it trains, for example with smaller learning "
                    "rates",
                    trial,
                )

    def _file(self, trial: T, number: int) -> Path:
        return file_of(self.folder, self.config, self.configurations[trial], trial, number)

    def _missing(self, files: Mapping[tuple[T, int], Path]) -> list[Block[T]]:
        """Return the jobs for missing weights, the longest first.

        All results of a job are kept: a second look finds its models among them.
        """
        blocks: dict[tuple[T, range], None] = {}
        for (trial, number), file in files.items():
            if file.exists():
                continue
            together = trained_with(self.config, self.configurations[trial], number)
            diverges = not self._diverged(trial).numbers.isdisjoint(together)
            if diverges or (trial, number) in self._alone:
                together = range(number, number + 1)
            blocks[trial, together] = None
        in_turn = sorted(blocks, key=lambda block: (block[1].start, f"{block[0]:>9}"))
        return longest_first({one: self.configurations[one[0]].work for one in in_turn})

    def _train(self, blocks: Sequence[Block[T]]) -> list[Block[T]]:
        """Train blocks; return those that have diverged.

        Raises:
            StudyError: a training failed for another reason.
        """
        jobs = [self._job(*block) for block in blocks]
        ended, total = 0, sum(len(job.replicas) for job in jobs)
        diverged: list[Block[T]] = []

        def on_end(key: int, event: Finished | Failed, _points: Sequence[ReportPoint]) -> None:
            nonlocal ended
            seeds = [run.seed for run in jobs[key].replicas]
            ended += len(seeds)
            if isinstance(event, Finished):
                each = event.seconds / len(seeds)
                self.say(f"Final training {ended} of {total} took {each:.1f} s.")
            elif event.diverged:
                diverged.append(blocks[key])
            else:
                raise StudyError(
                    f"training with seed {', '.join(map(str, seeds))} failed: {event.reason}. "
                    f"{event.what_to_do}"
                )

        run_all(self.engine, dict(enumerate(jobs)), on_end)
        return diverged

    def _job(self, trial: T, numbers: range) -> Job:
        files = {
            number: None if (file := self._file(trial, number)).exists() else file
            for number in numbers
        }
        return final_job(self.config, self.configurations[trial], files, stream_of(trial))

    def _note_divergence(self, blocks: Sequence[Block[T]]) -> None:
        """Mark blocks to be trained one by one, to see which diverges; record single trainings."""
        found: dict[T, set[int]] = {}
        for trial, numbers in blocks:
            label = self.configurations[trial].label
            if len(numbers) > 1:
                self._alone |= {(trial, number) for number in numbers}
                told = f"One of {len(numbers)} trainings of {label} diverged"
                self.say(f"{told}; each is trained alone.")
            else:
                found.setdefault(trial, set()).update(numbers)
                self.say(f"A final training of {label} diverged; the next seed takes its place.")
        for trial, new in found.items():
            known = self._diverged(trial).numbers
            Diverged(known | new).keep(self.evidence, self.config, trial)
