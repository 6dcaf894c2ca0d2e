"""Checks a case before the first trial: runs all of the user's code once, on two rows.

It takes a second and saves the hours after which these faults would otherwise show: a model whose
outputs have another shape than the loss needs, an `augment` that changes the shape of a batch,
weights that cannot be saved and loaded again, and seeds that change nothing.
"""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn.modules.lazy import LazyModuleMixin

from tuner.case.space import space
from tuner.data.scaling import remarks
from tuner.errors import BundleError, CaseError, DivergedError, TrainingError
from tuner.training.blame import blame, place_of
from tuner.training.device import CARD, computing, without_repeats
from tuner.training.forward import Forward, wrong_shape
from tuner.training.inference import Fitted, applied_by
from tuner.training.networks import gather
from tuner.training.optimizing import NOTHING_TO_TRAIN, check, make_optimization, unknown_optimizer
from tuner.training.randomness import undisturbed
from tuner.training.remarks import in_use, remarks_on_model
from tuner.training.seed_effect import effect_of_the_seed, untrained

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.learner import Learner
    from tuner.training.plan import Plan
    from tuner.training.seed_effect import Effect

ARMS = ("baseline", "recipe")
ROWS = 2
NO_GRADIENT = (
    "its loss does not depend on the model's parameters, so nothing can be learnt; the model "
    "returns whole numbers, or detaches what it returns, as .detach(), .item() and "
    "torch.no_grad() do"
)

NOT_REPEATABLE = (
    "PyTorch has no deterministic algorithm on this GPU for {}. The same study twice may differ in "
    "its last digits, and `tuner verify` may find other numbers."
)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The results of a successful rehearsal.

    Attributes:
        seed_matters: what the seed of a training changes: the initial "weights" and everything
            else; only the "order" of rows, dropout and augmentation; or "nothing".
        remarks: what a person should know, one line each.
        not_repeatable: operations of a GPU that may compute other numbers each time.
    """

    seed_matters: Effect
    remarks: tuple[str, ...]
    not_repeatable: tuple[str, ...] = ()


def rehearse(case: Case, data: Dataset, plan: Plan) -> Rehearsal:
    """Train baseline and recipe on two rows, save and load them, and check that the seed matters.

    The global random generators are restored.

    Raises:
        CaseError: something in the case would make its trainings fail. The message says what, in
            one line, and names the line of the user's code.
    """
    _check_space(case)
    _check_metric(case, data)
    unwatched: AbstractContextManager[list[str]] = nullcontext([])
    watched = without_repeats() if plan.device == CARD else unwatched
    with undisturbed(), computing(plan), watched as not_repeatable:
        for arm in ARMS:
            try:
                _check(case, getattr(case, arm), data, plan)
            except (TrainingError, CaseError, BundleError) as error:
                raise CaseError(
                    f"case {case.name!r}: its {arm} cannot be trained: {error}"
                ) from error
            except Exception as error:
                raise CaseError(
                    f"case {case.name!r}: its {arm} cannot be trained: {_reason(case, error)}"
                ) from error
        effect, said = effect_of_the_seed(case, data, plan)
        said += remarks_on_model(case, data, plan)
    # Features from the user's own `read`, or used unchanged, are not checked.
    own = data.pixels or data.raw or data.table or case.accepts is not None
    columns = [] if own else remarks(data.development.features, data.columns)
    said += [NOT_REPEATABLE.format(", ".join(not_repeatable))] if not_repeatable else []
    return Rehearsal(effect, (*said, *columns), tuple(not_repeatable))


def _check_space(case: Case) -> None:
    """Refuse a search space that can draw an unknown optimizer.

    Raises:
        CaseError: there is one, or `suggest` fails.
    """
    names = getattr(space(case).get("optimizer"), "choices", ())
    for name in () if case.optimizer else names:
        if wrong := unknown_optimizer(name):
            where = place_of(case.suggest)
            at = f" (suggest is at {where})" if where else ""
            raise CaseError(f"case {case.name!r}: its search space does not fit: {wrong}{at}")


def _check_metric(case: Case, data: Dataset) -> None:
    """Check that the metric of the search can be computed on such targets.

    Raises:
        CaseError: it cannot.
    """
    targets, random = data.development.targets, torch.Generator().manual_seed(0)
    if targets.is_floating_point():
        # Near the truth, because some metrics accept only positive numbers.
        outputs = targets[torch.randperm(len(targets), generator=random)]
    else:
        outputs = torch.rand(len(targets), data.outputs, generator=random)
    try:
        case.metric.score(outputs, targets)
    except TrainingError as error:
        raise CaseError(
            f"case {case.name!r}: {error}. Choose another metric, with --metric or in the case"
        ) from error


def _reason(case: Case, error: Exception) -> str:
    """Return what was raised and by which line; if not by the user's, where `build` is."""
    reason, where = blame(error), place_of(case.build)
    return reason if reason.startswith("line ") or not where else f"{reason} (build is at {where})"


def _check(case: Case, hyperparameters: Hyperparameters, data: Dataset, plan: Plan) -> None:
    """Train on two rows; apply the model to one and to two; save it and load it into another.

    Raises:
        TrainingError: something is wrong.
        Exception: anything that the case raises.
    """
    check(hyperparameters, case)
    numbers = torch.arange(min(ROWS, hyperparameters.batch_size, len(data.development)))
    try:
        learner = _trained(case, hyperparameters, data, plan, numbers)
    except Exception as error:
        if isinstance(error, TrainingError) and not isinstance(error, DivergedError):
            raise
        # A model may need more rows than two, for example to look for neighbours.
        batch = torch.arange(min(hyperparameters.batch_size, len(data.development)))
        learner = _trained(case, hyperparameters, data, plan, batch)
        numbers = batch
    rows = data.development.features[numbers]
    applied = applied_by(case, hyperparameters)
    fitted = Fitted(learner.network, learner.features, learner.targets, applied)
    for part in (rows, rows[:1]) if len(numbers) == ROWS else (rows,):
        try:
            said = in_use(fitted, part, plan)
        except Exception as error:
            if case.step is None:
                raise
            raise TrainingError(
                f"step fails where batch.targets is None, as it is to predict ({blame(error)}); "
                "it has to return None, outputs then"
            ) from error
        if wrong := wrong_shape(said, (len(part), data.outputs)):
            raise TrainingError(f"in use, {wrong}")
    _check_saving(case, hyperparameters, data, plan, fitted, rows)


def _trained(
    case: Case, hyperparameters: Hyperparameters, data: Dataset, plan: Plan, numbers: Tensor
) -> Learner:
    """Run a forward and a backward pass on these rows, without an optimizer step.

    Making an optimizer would make torch import its compiler, which takes two seconds.
    """
    (learner,) = untrained(case, hyperparameters, data, 1, plan.device)
    if wrong := _without_size(learner.network):
        raise TrainingError(wrong)
    ((_, networks),) = gather([learner], data, case)
    forward = Forward(case, hyperparameters, data, [learner], networks, plan)
    if not any(weight.requires_grad for weight in forward.module.parameters()):
        raise TrainingError(NOTHING_TO_TRAIN)
    try:
        loss, *_ = forward.loss(networks.side_by_side([numbers]))
        if not loss.requires_grad:
            raise TrainingError(NO_GRADIENT)
        if not loss.isfinite():
            raise DivergedError("before any training, the model gives a loss that is not finite")
    except TrainingError as error:
        where = place_of(type(learner.network).forward) or place_of(case.build)
        raise type(error)(f"{error} (see {where})" if where else str(error)) from error
    loss.backward()
    if case.optimizer is not None:
        optimizer, schedule = make_optimization(case, forward.module, hyperparameters, 1, plan)
        optimizer.step()
        schedule.end_batch()
        schedule.end_epoch()
    return learner


def _without_size(network: nn.Module) -> str | None:
    """Return which layers of a network have no size before their first row; None if none."""
    layers = [layer for layer in network.modules() if isinstance(layer, LazyModuleMixin)]
    waiting = [layer for layer in layers if layer.has_uninitialized_params()]
    if not waiting:
        return None
    names = ", ".join(sorted({type(layer).__name__ for layer in waiting}))
    return (
        f"the model that build returns has layers without a size ({names}), so it has no weights "
        "to seed or to load yet. Have build apply it to one row before it returns it: "
        "model.eval()(torch.zeros(1, *shape.inputs))"
    )


def _check_saving(
    case: Case,
    hyperparameters: Hyperparameters,
    data: Dataset,
    plan: Plan,
    fitted: Fitted,
    rows: Tensor,
) -> None:
    """Check that saved weights, loaded into a model with another seed, give the same model.

    Raises:
        TrainingError: they do not.
    """
    (other,) = untrained(case, hyperparameters, data, seed=2)
    with tempfile.TemporaryDirectory(prefix="tuner-") as folder:
        file = Path(folder) / "weights"
        try:
            fitted.save(file)
        except (TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise TrainingError(f"its weights cannot be saved: {error}") from error
        try:
            loaded = Fitted.load(
                other.network.to(plan.device), file, data.row_shape, data.table, fitted.apply
            )
        except BundleError as error:
            reason = f"{type(error.__cause__).__name__}: {error.__cause__}"
            raise TrainingError(
                "its saved weights cannot be loaded into the model that build makes with another "
                f"seed ({' '.join(reason.split())}); build has to make the same layers each time"
            ) from error
    torch.manual_seed(0)
    expected, again = fitted.outputs(rows, plan), fitted.outputs(rows, plan)
    if not torch.equal(expected, again):
        return  # it also draws random numbers in evaluation, so outputs cannot be compared
    torch.manual_seed(0)
    if not torch.allclose(loaded.outputs(rows, plan), expected, 1e-3, 1e-4, equal_nan=True):
        raise TrainingError(
            "saved and loaded again, the model gives other outputs: build keeps or draws something "
            "outside its parameters and buffers; use nn.Parameter or register_buffer for it"
        )
