"""One run of the ablate command: from the path to the smallest change and the report."""

from __future__ import annotations

import math
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tuner.engines.choosing import choose_backend
from tuner.engines.job import LoopJob
from tuner.errors import StudyError
from tuner.evidence.ablation.changes import LoopMixture, Mixture
from tuner.evidence.ablation.expectation import expectation
from tuner.evidence.ablation.path import SHARE, Ablation, OutOfTime, facts_of_ablation
from tuner.evidence.jobs import configuration_of
from tuner.evidence.rounds.calls import Calls
from tuner.evidence.rounds.paired import share_held_out
from tuner.evidence.rounds.trainings import Trainings
from tuner.naming import FOR_FOLDER, folder_name
from tuner.own.loops.events import Question, Told
from tuner.runs.holding import at_work
from tuner.runs.loops import LoopMachine
from tuner.runs.observer import Message, StoppableEngine, StopRequested, telling
from tuner.runs.publishing import write_and_publish
from tuner.study.arms import arms_of, why_no_changes
from tuner.study.loop_reopening import is_of_loop, loop_config_of
from tuner.study.reopening import config_of
from tuner.study.schema import ABLATION
from tuner.study.store import facts_of, load_study
from tuner.study.trials import scored_trials, sign_of_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import optuna

    from tuner.evidence.ablation.path import InRounds, Subset
    from tuner.evidence.jobs import Configuration
    from tuner.evidence.rounds.scored import Rounds
    from tuner.runs.observer import Observer
    from tuner.runs.settings import AblationSettings


def run_ablation(settings: AblationSettings, observer: Observer) -> Path | None:
    """Measure which change brought the gain; return the report, or None if it was stopped.

    Raises:
        StudyError: there is no gain to explain: the best is the baseline, or one is missing.
        TunerError: as the parts raise it; finished trainings are kept.
    """
    stored = settings.stored
    workplace = stored.workplace
    study = load_study(workplace.url, stored.study)
    with at_work(workplace, stored.study):
        try:
            ablation = _measure(study, settings, observer)
        except (KeyboardInterrupt, StopRequested):
            return None
        out = settings.out or workplace.report(folder_name(stored.study, FOR_FOLDER))
        report = write_and_publish(study, workplace, out, telling(observer))
    if not ablation.complete:
        observer.tell(
            Message(
                "The time budget ran out before everything was measured: "
                f"{len(ablation.path)} of {len(ablation.changes)} changes are on the path. Run the "
                "same command again to continue."
            )
        )
    return report


def _measure(study: optuna.Study, settings: AblationSettings, observer: Observer) -> Ablation:
    """Run the ablation's trainings, and store its results in the study."""
    stored = settings.stored
    arms = arms_of(study)
    if why := why_no_changes(arms):
        raise StudyError(
            f"study {stored.study!r} has no gain to explain: {why}; continue the search (a larger "
            "--trials)"
        )
    say = telling(observer)
    deadline = settings.budget and time.monotonic() + settings.budget
    measure = _of_loop if is_of_loop(study) else _of_case
    direction = facts_of(study)["direction"]
    with measure(study, settings, observer, say) as (rounds, mixture):
        scorer = _Scorer(rounds, mixture, deadline)
        ablation = Ablation(
            mixture.changes,
            settings.seeds,
            direction,
            scorer.score,
            promise=_promise(study, mixture),
            probe=None if is_of_loop(study) else scorer.probe,
            ahead=scorer.ahead,
            held_out=share_held_out(facts_of(study)["data"]["sizes"]),
        )
        ablation.run()
    facts = facts_of_ablation(ablation, arms["baseline"].number, arms["best"].number)
    before = study.user_attrs.get(ABLATION)
    if before and _is_poorer(facts, before):
        say(
            f"The report keeps the earlier measurement on {before['rounds']} folds until this one "
            "has measured as much."
        )
    else:
        study.set_user_attr(ABLATION, facts)
    return ablation


@contextmanager
def _of_case(
    study: optuna.Study,
    settings: AblationSettings,
    observer: Observer,
    say: Callable[[str], None],
) -> Iterator[tuple[Rounds[Any, Any], Mixture | LoopMixture]]:
    """Yield the rounds of a case's trainings, and the configurations to train."""
    stored, arms = settings.stored, arms_of(study)
    config = config_of(study, stored.workplace, stored.case_file, stored.data_dir)
    ends = (configuration_of(arms[name]) for name in ("baseline", "best"))
    backend = choose_backend(settings.compute)
    with closing(StoppableEngine(backend.engine(config.plan), observer)) as engine:
        yield Trainings(study, config, engine, say), Mixture(config.case, *ends)


@contextmanager
def _of_loop(
    study: optuna.Study,
    settings: AblationSettings,
    observer: Observer,
    say: Callable[[str], None],
) -> Iterator[tuple[Rounds[Any, Any], Mixture | LoopMixture]]:
    """Yield the rounds of a loop's calls, and the configurations to call it with."""
    arms = arms_of(study)
    config = loop_config_of(study, settings.stored.case_file)
    baseline, best = (configuration_of(arms[name]) for name in ("baseline", "best"))
    machine = LoopMachine.of(settings.compute)
    with closing(StoppableEngine[LoopJob, Question | Told](machine.engine(), observer)) as engine:
        trials = study.get_trials(deepcopy=False)
        yield Calls(study, config, engine, say), LoopMixture(baseline, best, trials)


def _promise(
    study: optuna.Study, mixture: Mixture | LoopMixture
) -> Callable[[Subset], float] | None:
    """Return a function that predicts how good a subset is, from the trials of the search."""
    sign = sign_of_study(study)
    expect = expectation(scored_trials(study), sign, facts_of(study)["seed"])
    if expect is None:
        return None
    return lambda subset: expect(mixture.configuration(subset).hyperparameters)


def _is_poorer(facts: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether this ablation covers less than an earlier one of the same two trials."""
    same = all(facts[name] == before[name] for name in ("baseline", "best", "changes"))
    if facts["complete"]:
        return False  # the length of its path means nothing
    return same and (before["complete"] or len(facts["path"]) < len(before["path"]))


@dataclass(frozen=True, slots=True)
class _Scorer:
    """Trains subsets of the changes, as long as there is time."""

    trainings: Rounds[Any, Any]
    mixture: Mixture | LoopMixture
    deadline: float | None

    def score(self, subsets: Sequence[Subset], index: int) -> list[float | None]:
        """Return the scores of subsets in a round."""
        return self._scores([self.mixture.configuration(one) for one in subsets], index)

    def ahead(self, certain: InRounds, likely: InRounds) -> None:
        """Train certain subsets, each in its round, and likely next ones on idle slots."""
        certainly, perhaps = (
            [(self.mixture.configuration(subset), index) for subset, index in pairs]
            for pairs in (certain, likely)
        )
        self.trainings.train_ahead(certainly, perhaps, self._has_time)

    def probe(self, subsets: Sequence[Subset]) -> list[float | None] | None:
        """Return the scores of subsets after a share of their training; None if it is too short."""
        whole = [self.mixture.configuration(subset) for subset in subsets]
        begun = [_begun(one) for one in whole]
        if any(2 * one.epochs > all_.epochs for one, all_ in zip(begun, whole, strict=True)):
            return None
        return self._scores(begun, 0)

    def _scores(self, wanted: Sequence[Configuration], index: int) -> list[float | None]:
        if not self.trainings.train(((one, index) for one in wanted), self._has_time):
            raise OutOfTime
        return self.trainings.scores(wanted, index)

    def _has_time(self) -> bool:
        return self.deadline is None or time.monotonic() <= self.deadline


def _begun(whole: Configuration) -> Configuration:
    """Return a configuration that ends after a share of its epochs."""
    epochs = math.ceil(SHARE * whole.hyperparameters["epochs"])
    label = f"{whole.label}, to epoch {epochs}"
    return replace(whole, epochs=epochs, label=label, work=SHARE * whole.work)
