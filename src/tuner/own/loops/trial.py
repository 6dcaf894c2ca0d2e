"""The trial that a loop gets: a real Optuna trial, whose questions are answered elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage

from tuner.own.loops.events import Noted, Reported, ShouldPrune, Suggest
from tuner.own.loops.plain import as_plain, with_plain_choices
from tuner.unpromised.by_optuna import row_of_study

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from tuner.case.metric import Direction
    from tuner.own.loops.events import Question, Told

    class Channel(Protocol):
        """The connection to the process that answers."""

        def tell(self, told: Told) -> None:
            """Send a report."""

        def ask(self, question: Question) -> Any:
            """Send a question and return the answer."""


CONSTRAINT = "constraints:"  # prefix of a constraint's key among a trial's system attributes


class LoopTrial(optuna.Trial):
    """An Optuna trial with the number that it has in the study."""

    def __init__(self, study: optuna.Study, trial_id: int, number: int) -> None:
        super().__init__(study, trial_id)
        self._number = number

    @property
    def number(self) -> int:
        """The trial's number in the study."""
        return self._number

    def set_system_attr(self, key: str, value: Any) -> NoReturn:
        """Refuse: Optuna reserves these for itself, and has removed the method."""
        del value
        raise RuntimeError(f"trial.set_system_attr({key!r}) is Optuna's own; use set_user_attr")


class LoneStudy(optuna.Study):
    """The study of a loop's trial: it answers questions about the trial, and none about others."""

    def __getattribute__(self, name: str) -> Any:
        """Refuse attributes that would need other trials, and name them."""
        if name in REFUSED:
            raise RuntimeError(
                f"trial.study.{name} cannot work: the loop runs in a process of its own, which "
                "knows no other trial. Use trial.report and trial.should_prune, or keep what you "
                "need with trial.set_user_attr"
            )
        return super().__getattribute__(name)


REFUSED = frozenset(
    {
        *("trials", "get_trials", "best_trial", "best_trials", "best_value", "best_params"),
        *("trials_dataframe", "ask", "tell", "optimize", "stop", "enqueue_trial", "add_trial"),
        *("add_trials", "set_user_attr", "set_metric_names"),
    }
)


class _Telling(InMemoryStorage):
    """Stores the trial's own state, and reports changes of it."""

    def __init__(self, channel: Channel, given: dict[str, Any]) -> None:
        super().__init__()
        self._channel, self.given = channel, given
        self.further: Mapping[str, float] = {}

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Store a hyperparameter; Optuna does not ask the sampler for one with a single value."""
        if param_name not in self.given:
            _asked(self._channel, self.given, param_name, distribution)
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Store a score and report it."""
        self._channel.tell(Reported(step, intermediate_value, dict(self.further)))
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store an attribute and report it."""
        self._channel.tell(Noted(str(key), as_plain(value)))
        super().set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store a system attribute; report it if it is a constraint."""
        if key.startswith(CONSTRAINT):
            self._channel.tell(Noted(key.removeprefix(CONSTRAINT), value, is_constraint=True))
        super().set_trial_system_attr(trial_id, key, value)


class OneByOneSampler(BaseSampler):
    """A sampler that draws every hyperparameter separately, when it is asked for."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: no hyperparameters are drawn together."""
        del study, trial
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: no hyperparameters are drawn together."""
        del study, trial, search_space
        return {}


class _Asking(OneByOneSampler):
    """A sampler that asks another process for every value."""

    def __init__(self, channel: Channel, given: dict[str, Any]) -> None:
        self._channel, self._given = channel, given

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Ask for the value."""
        del study, trial
        return _asked(self._channel, self._given, param_name, param_distribution)


def _asked(
    channel: Channel, given: dict[str, Any], name: str, distribution: BaseDistribution
) -> Any:
    """Ask for a hyperparameter, and store the plain answer; return the loop's own choice."""
    plain = with_plain_choices(distribution)
    given[name] = channel.ask(Suggest(name, plain))
    if not isinstance(distribution, CategoricalDistribution):
        return given[name]
    return distribution.choices[int(plain.to_internal_repr(given[name]))]


class _AskingPruner(BasePruner):
    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Ask whether to end early."""
        del study, trial
        return bool(self._channel.ask(ShouldPrune()))


def make_trial(channel: Channel, number: int, direction: Direction) -> tuple[LoopTrial, _Telling]:
    """Make the trial with which a loop is called.

    Args:
        number: of the trial in the study.

    Returns:
        The trial, and its storage: its `further` is sent with the next report, and `given` holds
            the hyperparameters that were asked for, as plain values.
    """
    given: dict[str, Any] = {}
    storage = _Telling(channel, given)
    optuna.create_study(storage=storage, study_name="loop", direction=direction)
    study = LoneStudy("loop", storage, _Asking(channel, given), _AskingPruner(channel))
    trial_id = storage.create_new_trial(row_of_study(study))
    return LoopTrial(study, trial_id, number), storage


def middle(distribution: BaseDistribution) -> Any:
    """Return the value in the middle of a range, or the first of its choices."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        raise TypeError(f"not a distribution of Optuna: {distribution!r}")
    low, high = distribution.low, distribution.high
    found = math.sqrt(low * high) if distribution.log else (low + high) / 2
    if distribution.step is not None and not distribution.log:
        found = low + distribution.step * math.floor((found - low) / distribution.step)
    return int(found) if isinstance(distribution, IntDistribution) else found
