"""Baseline, recipe and best are tested: in one look, or in two that were planned together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tuner.errors import UnreliableError
from tuner.evidence.final.odometer import looks_at
from tuner.evidence.final.opening import score_on_test, seeds_of
from tuner.evidence.final.trainings import Diverged, FinalTrainings
from tuner.evidence.final.verdicts import OnTest
from tuner.evidence.jobs import stream_of
from tuner.evidence.rivals.trained import train_rivals
from tuner.evidence.rows.mistakes import one_class_in_words
from tuner.evidence.rows.rowwise import Kept
from tuner.study.schema import CONFIRMATION, MISTAKES, SEED_MATTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import optuna

    from tuner.engines.job import Engine
    from tuner.evidence.final.opening import Tested
    from tuner.evidence.jobs import Configuration
    from tuner.evidence.statistics.looks import Plan
    from tuner.study.configuration import StudyConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is trained for the test, and where it is stored.

    Attributes:
        study: the study to confirm.
        evidence: the study of the trainings after its search.
        config: of the study.
        engine: runs the trainings.
        configurations: by trial.
        chosen: the trial of each arm.
        asked: models per arm; None: as many as the plan has.
        folder: keeps the weights of each model until the last look.
        say: tells the user what happens.
    """

    study: optuna.Study
    evidence: optuna.Study
    config: StudyConfig
    engine: Engine
    configurations: Mapping[int, Configuration]
    chosen: Mapping[str, int]
    asked: int | None
    folder: Path
    say: Callable[[str], None]

    @property
    def test(self) -> dict[str, Any]:
        """What distinguishes this test from others of the study."""
        return {"chosen": dict(self.chosen), "asked": self.asked}

    @property
    def _trainings(self) -> FinalTrainings[int]:
        """The trainings of the arms' models."""
        wanted = {number: self.configurations[number] for number in self.chosen.values()}
        return FinalTrainings(
            self.evidence, self.config, self.engine, wanted, self.folder, self.say
        )

    def make(self, plan: Plan, facts: Mapping[str, Any]) -> None:
        """Take the remaining looks of a plan, until one proves a gain or none is left.

        The result of each look is stored with the plan before the next begins. So a confirmation
        that is interrupted between its looks continues with the second, by the same plan.

        Args:
            facts: of the confirmation, without the results of the test.

        Raises:
            StudyError: a training failed.
            UnreliableError: most new trainings of the baseline or the best diverged.
        """
        kept, proof = dict(facts), self
        while not plan.is_over:
            plan = replace(plan, made=plan.made + 1)
            proof = proof.trained(plan.models[plan.made - 1])
            plan, kept = proof.take_look(plan, kept)
            if not plan.is_over:
                more = plan.models[plan.made] - plan.models[plan.made - 1]
                self.say(
                    f"The first look has proven nothing. {more} more models per arm are trained "
                    "for the second and last look, which was planned before the first."
                )

    def take_look(self, plan: Plan, facts: Mapping[str, Any]) -> tuple[Plan, dict[str, Any]]:
        """Take a look and store its result; return the plan after it, and what is stored."""
        tested = self._look(plan)
        rivals: Mapping[str, Any] = facts.get("rivals") or {
            name: {**one.facts, "scores": one.tested.scores} for name, one in tested.rivals
        }
        untrained = facts.get("untrained_rivals") or tested.untrained
        arms = {name: tested.arms[trial] for name, trial in self.chosen.items()}
        proven = self._proves(plan, {name: arm.scores for name, arm in arms.items()})
        plan = replace(plan, settled=proven or self.chosen["best"] == self.chosen["baseline"])
        kept = {
            **facts,
            "most": plan.models[-1],
            "seeds": self._seeds("best", plan),
            "arms": {name: self._arm(name, plan, own) for name, own in arms.items()},
            "plan": asdict(plan),
            "untested": self._untested(facts["fixed"]),
            **({"rivals": rivals} if rivals else {}),
            **({"untrained_rivals": dict(untrained)} if untrained else {}),
        }
        self.study.set_user_attr(CONFIRMATION, kept)
        return plan, kept

    def trained(self, models: int) -> Proof:
        """Train this many models of each arm; return the proof without a recipe that diverges.

        Raises:
            StudyError: a training failed.
            UnreliableError: most new trainings of the baseline or the best diverged.
        """
        try:
            self._trainings.models(models)
        except UnreliableError as error:
            return self._without(error).trained(models)
        return self

    def _without(self, error: UnreliableError) -> Proof:
        """Leave out the recipe if the error is about it: the verdict does not need it.

        Raises:
            UnreliableError: the error is about the baseline or the best.
        """
        others = {name: trial for name, trial in self.chosen.items() if name != "recipe"}
        if error.trial in others.values():
            raise error
        known = Diverged.of(self.evidence, self.config, error.trial)
        replace(known, given_up=True).keep(self.evidence, self.config, error.trial)
        self.say(f"{len(known.numbers)} new trainings of the recipe diverged; it is left out.")
        return replace(self, chosen=others)

    def _look(self, plan: Plan) -> _Look:
        """Open the test split, and store the models' predictions."""
        count = plan.models[plan.made - 1]
        untrained: dict[str, str] = {}
        rivals = (
            train_rivals(
                self.config,
                lambda name: self._seeds_of(name, count),
                self.say,
                untrained.__setitem__,
            )
            if plan.made == 1
            else {}
        )
        tested = score_on_test(
            self.study, self._trainings, count, rivals, look=plan.made, test=self.test
        )
        arms = {number: tested[number] for number in self.chosen.values()}
        self._keep_mistakes(arms)
        found = [(name, _Rival(one.facts(), tested[name])) for name, one in rivals.items()]
        return _Look(arms, found, untrained)

    def _proves(self, plan: Plan, scores: Mapping[str, list[dict[str, float]]]) -> bool:
        """Whether this look proves the best better or worse than the baseline."""
        test = OnTest(
            scored=scores,
            trials=self.chosen,
            metric=self.config.case.metric,
            looks=max(1, looks_at(self.study, self.config.dataset.test.identity())),
            matters=self.study.user_attrs.get(SEED_MATTERS, "weights"),
            kept=Kept.of(self.study),
            plan=plan,
        )
        found = test.compare("best", "baseline", further=False)
        return found is None or found["verdict"] != "no proven gain" or not found["can_prove"]

    def _arm(self, name: str, plan: Plan, tested: Tested) -> dict[str, Any]:
        trial = self.chosen[name]
        return {
            "trial": trial,
            "epochs": self.configurations[trial].epochs,
            "seeds": self._seeds(name, plan),
            "stream": stream_of(trial),
            "scores": tested.scores,
            "diverged": self._diverged(trial, plan),
            **({"ensemble": tested.ensemble} if tested.ensemble else {}),
        }

    def _seeds(self, name: str, plan: Plan) -> list[int]:
        return self._seeds_of(self.chosen[name], plan.models[plan.made - 1])

    def _seeds_of(self, trial: int | str, count: int) -> list[int]:
        return seeds_of(self.evidence, self.config, trial, count)

    def _untested(self, fixed: Mapping[str, int]) -> dict[str, int]:
        """Return the arms that were given up, with the number of their diverged trainings."""
        known = {
            name: Diverged.of(self.evidence, self.config, trial)
            for name, trial in fixed.items()
            if name not in self.chosen
        }
        return {name: len(one.numbers) for name, one in known.items()}

    def _diverged(self, trial: int, plan: Plan) -> int:
        """Return how many trainings diverged until there were enough models for the look."""
        known = Diverged.of(self.evidence, self.config, trial)
        return known.before(plan.models[plan.made - 1])

    def _keep_mistakes(self, tested: Mapping[int, Tested]) -> None:
        """Store the errors of the best, and report an arm that predicts the same for all rows."""
        always = {
            name: tested[trial].details.get("one_class") for name, trial in self.chosen.items()
        }
        best = self.chosen["best"]
        found = {"trial": best, **tested[best].details, "always": always}
        self.study.set_user_attr(MISTAKES, found)
        for name, answer in always.items():
            if answer is not None:
                self.say(one_class_in_words(name, answer))


@dataclass(frozen=True, slots=True)
class _Rival:
    """A rival: its facts without test scores, and its test results."""

    facts: Mapping[str, Any]
    tested: Tested


@dataclass(frozen=True, slots=True)
class _Look:
    """The results of one look: of each trial, and of the rivals that were tested with them.

    Attributes:
        untrained: rivals that could not be trained on these rows, by title, with the reason.
    """

    arms: Mapping[int, Tested]
    rivals: list[tuple[str, _Rival]]
    untrained: Mapping[str, str] = field(default_factory=dict)
