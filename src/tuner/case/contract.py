"""What a case is: data, model, baseline, recipe and search space, in one object.

A case is one Python file that defines `CASE`. The files in `tuner/cases` are found by their names;
any other file is named by its path.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from tuner.case.checks import check_case
from tuner.case.hyperparameters import Hyperparameters as Hyperparameters
from tuner.case.hyperparameters import fields_added_since
from tuner.case.metric import METRICS_OF, Metric
from tuner.errors import CaseError, TunerError
from tuner.generators import ONE_AT_A_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from optuna.trial import BaseTrial
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer

    from tuner.case.batch import Batch, Optimization
    from tuner.case.metric import Direction, Task
    from tuner.data.dataset import Dataset
    from tuner.data.sources.folders import Folders

BALANCED, UNWEIGHTED = "balanced", "none"  # weights of classes


@dataclass(frozen=True, slots=True)
class Shape:
    """Shapes of a model's inputs and outputs.

    >>> Shape(inputs=(3, 64, 64), outputs=5).inputs
    (3, 64, 64)

    Attributes:
        inputs: (C, H, W) or (F,).
        outputs: classes, or 1.
        categories: for a table with categories, the number of codes of each: the last columns of
            `inputs` are codes from 0 on, and 0 stands for values that were not in the training.
    """

    inputs: tuple[int, ...]
    outputs: int
    categories: tuple[int, ...] = ()


def shape_of(data: Dataset) -> Shape:
    """Return the shapes of a model for this data, once the rows are prepared."""
    if data.table is None:
        return Shape(data.row_shape, data.outputs)
    return Shape((data.table.width,), data.outputs, data.table.cardinalities)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task that can be searched.

    >>> from tuner import MLPHyperparameters, build_mlp
    >>> case = Case(
    ...     name="mine",
    ...     task="classification",
    ...     baseline=MLPHyperparameters(),
    ...     recipe=MLPHyperparameters(dropout=0.3),
    ...     suggest=lambda trial: MLPHyperparameters(dropout=trial.suggest_float("dropout", 0, 1)),
    ...     load=lambda folders: ...,  # tuner.make_dataset(...)
    ...     build=build_mlp,
    ...     metrics=("roc_auc",),
    ... )
    >>> [metric.name for metric in case.metrics]
    ['roc_auc', 'accuracy', 'macro_f1']

    Attributes:
        name: by which the case is called; for shipped cases the name of its file.
        task: decides the loss, the metrics and their direction.
        baseline: what the user had. Trial 0 of every study.
        recipe: what a textbook would change by hand. Trial 1 of every study.
        suggest: the search space, written once: draws hyperparameters from an Optuna trial.
        load: finds the data in folders; `dataset` calls it, and checks what it returns.
        build: makes an untrained model that takes batches of `Shape.inputs`.
        initialise: loads the weights that a training starts from, such as pretrained ones, into a
            model that `build` made. Not called for a model that already has weights, such as one
            from a bundle. None: training starts from the weights that `build` draws.
        starts_from: name and hash of these weights; with other weights it is another study.
        augment: changes a batch of scaled features for training: (features, hyperparameters,
            generator) -> features of the same shape. None: no change.
        class_weights: of the loss of a classification: "balanced" (all classes count the same), a
            power from 0 (none) to 1 (balanced), or one number per class. If the case has a
            hyperparameter of this name, its value is used instead, so it can be searched.
        loss: computes the loss of a batch in place of cross entropy, binary cross entropy of each
            label, or squared error: (outputs, targets, hyperparameters) -> the mean over the batch,
            a tensor of one number.
        optimizer: makes the optimizer in place of Adam: (model, hyperparameters, batches per epoch)
            -> an optimizer of torch, or `tuner.Optimization` with its schedules. The fields
            step_lr, one_cycle and optimizer then only have the meaning that this function gives
            them.
        step: applies the model to a batch in place of `model(features)`: (model, `tuner.Batch`) ->
            loss and outputs. For sequences, pairs, masks, or a model of several outputs. Outputs
            are (B, classes) logits, of classes or of labels, or (B, 1) numbers. If
            `batch.targets` is None, only the outputs are needed, and the loss may be None.
        points_per_epoch: validations per epoch; use more than one if an epoch is long.
        read: reads one input file for `predict`, as a row of the data set: (C, H, W) uint8, or
            (F,) float32 or float64, unscaled. Let `load` use the same function, so that the model
            predicts on what it was trained on. None: the files of a table are CSV; images are read
            by `tuner.read_image` if `load` read them all by it, else `predict` refuses.
        settle: for a case made from a user's data: returns the case with its task, and with
            its baseline, recipe and space scaled to its data. `build` stays the same.
        metrics: what models are scored by; the first is searched for, and the task's own follow.
            A name of a scikit-learn scorer ("roc_auc"), a function of true and predicted values
            (see `tuner.make_metric`), or a metric of tuner.
        cuda_graph: whether Python does the same in each step of a training, so that a GPU can
            record a step once and repeat it, which is several times as fast. None: True if
            model, augment, loss and step are made of parts of torch, torchvision and tuner. For a
            model with its own layers, write True, unless their `forward` counts, or draws from
            Python's or NumPy's generators.
        guesses: configurations to try after baseline and recipe, before the search draws any; they
            are not pruned. In a classification, if only one is given, guesses from what tuner
            knows of its own models follow it. None: tuner makes the first one too;
            empty: there are none. With --fix, the guesses have the fixed values.
        accepts: for a case whose `read` makes the columns of a table: returns why it does not make
            columns of these names; None: it does.
    """

    name: str
    task: Task
    baseline: Any  # an instance of the case's Hyperparameters; so are the arguments below
    recipe: Any
    suggest: Callable[[BaseTrial], Any]
    load: Callable[[Folders], Dataset]
    build: Callable[[Any, Shape], nn.Module]
    initialise: Callable[[nn.Module], None] | None = None
    starts_from: str = ""
    augment: Callable[[Tensor, Any, Generator], Tensor] | None = None
    class_weights: Any = None
    loss: Callable[[Tensor, Tensor, Any], Tensor] | None = None
    optimizer: Callable[[nn.Module, Any, int], Optimizer | Optimization] | None = None
    step: Callable[[nn.Module, Batch], tuple[Tensor | None, Tensor]] | None = None
    points_per_epoch: int = 1
    read: Callable[[Path], Tensor] | None = None
    settle: Callable[[Dataset], Case] | None = None
    metrics: tuple[Any, ...] = ()  # Metric, once the case is made
    cuda_graph: bool | None = None
    guesses: Sequence[Any] | None = None  # a tuple of Hyperparameters, once the case is made
    accepts: Callable[[tuple[str, ...]], str | None] | None = None

    def __post_init__(self) -> None:
        """Refuse what the trainer could not use.

        Raises:
            CaseError: a field is not as described above.
        """
        check_case(self)
        if self.guesses is not None:
            object.__setattr__(self, "guesses", tuple(self.guesses))  # frozen for all but this
        if not isinstance(self.class_weights, str | float | int | None):
            # A list, an array or a tensor; a case is a key of caches.
            weights = getattr(self.class_weights, "tolist", lambda: self.class_weights)()
            object.__setattr__(self, "class_weights", tuple(weights))
        object.__setattr__(self, "metrics", self._all_metrics())

    def _all_metrics(self) -> tuple[Metric, ...]:
        """Return the metrics that were given, and the task's metrics that were not."""
        own: tuple[Metric, ...] = ()
        if self.metrics:
            from tuner.case.scorers import metric_from  # imports scikit-learn for its names

            written: object = self.metrics
            if isinstance(written, str):
                raise CaseError(
                    f"case {self.name!r}: metrics is {self.metrics!r}; write a tuple: "
                    f"metrics=({self.metrics!r},)"
                )
            # `replace(case, task=...)` passes on the metrics of the other task. Macro F1 is a
            # metric of two tasks: it is left out only together with metrics that this task does not
            # have.
            others = [one for task in METRICS_OF if task != self.task for one in METRICS_OF[task]]
            foreign = [one for one in others if one not in METRICS_OF[self.task]]
            handed_on = others if any(one in foreign for one in self.metrics) else []
            given = [one for one in self.metrics if one not in handed_on]
            own = tuple(metric_from(one, self.task) for one in given)
        return tuple({one.name: one for one in (*own, *METRICS_OF[self.task])}.values())

    def scored_by(self, name: str | None) -> Case:
        """Return the case with another metric first, by its name; None: unchanged.

        Raises:
            UsageError: no metric of the task has this name.
        """
        if name is None:
            return self
        known = {one.name: one for one in self.metrics}
        return replace(self, metrics=(known.get(name, name), *self.metrics))

    @property
    def metric(self) -> Metric:
        """Metric of the search."""
        first: Metric = self.metrics[0]
        return first

    @property
    def direction(self) -> Direction:
        """Direction in which the metric is better."""
        return self.metric.direction

    def hyperparameters(self, values: Mapping[str, Any]) -> Hyperparameters:
        """Build the case's hyperparameters from a full dictionary, as `asdict` wrote it.

        Fields that an earlier version of tuner did not have yet get the default that changes
        nothing.

        Raises:
            CaseError: a field is missing or unknown, so the case has changed since.
        """
        kind = type(self.baseline)
        names = {field.name for field in fields(kind)}
        values = {**fields_added_since(kind), **values}
        if values.keys() != names:
            raise CaseError(
                f"the stored hyperparameters and case {self.name!r} differ in "
                f"{', '.join(sorted(values.keys() ^ names))}; the case has changed since, so use "
                "the version that made them, or start a study under another --name"
            )
        made: Hyperparameters = kind(**values)
        return made

    def dataset(self, folders: Folders) -> Dataset:
        """Load the data.

        Raises:
            DataError: it is missing, damaged, or not a valid data set.
            CaseError: `load` fails, or returns something that does not fit the case.
        """
        from tuner.data.dataset import Dataset  # imports torch
        from tuner.data.reading import how_read, witnessed

        try:
            with ONE_AT_A_TIME, witnessed() as seen:
                found = self.load(folders)
        except TunerError:
            raise
        except Exception as error:
            raise CaseError(f"case {self.name!r}: load fails: {self.blame(error)}") from error
        if not isinstance(found, Dataset):
            raise CaseError(
                f"case {self.name!r}: load returned {type(found).__name__}; it has to return what "
                "tuner.make_dataset makes"
            )
        if self.settle is None and found.task != self.task:
            raise CaseError(
                f"case {self.name!r}: its task is {self.task}, and its data, with "
                f"{len(found.classes)} class names and targets of shape "
                f"{tuple(found.development.targets.shape)}, is of a {found.task}. A "
                "classification has one name per class and targets of shape (N,), a multilabel "
                "targets of shape (N, classes), a regression no names"
            )
        own = self.read is not None
        reading = how_read(found.development.features, seen, own=own, raw=found.raw)
        return replace(found, reading=reading)

    def settled(self, data: Dataset) -> Case:
        """Return the case scaled to this data, which comes from `dataset` or from the cache."""
        return self.settle(data) if self.settle else self

    def blame(self, error: BaseException) -> str:
        """Return what was raised, and by which line of the case's file."""
        return in_one_line(error, sys.modules[type(self.baseline).__module__].__file__)


def in_one_line(error: BaseException, file: str | None) -> str:
    """Return what was raised, and in which line of a file; tuner's own errors need no name."""
    message = " ".join(str(error).split())
    name = type(error).__name__
    reason = message if isinstance(error, TunerError) else f"{name}: {message}" if message else name
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f"line {lines[-1]}: {reason}" if lines else reason
