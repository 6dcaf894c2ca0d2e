"""What a case is: data, model, baseline, recipe and search space, in one object.

A case is one Python file that defines `CASE`. The files in `tuner/cases` are found by their names;
any other file is named by its path.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tuner.errors import CaseError, TunerError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optuna.trial import BaseTrial
    from torch import Generator, Tensor, nn

    from tuner.data.dataset import Dataset
    from tuner.data.sources import Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """What the trainer reads. A case derives its own from this and adds what its model reads."""

    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    optimizer: str = "adam"  # or "adamw"
    batch_size: int = 64
    epochs: int = 5
    step_lr: bool = False
    step_size: int = 5  # epochs; read only when step_lr
    gamma: float = 0.1  # read only when step_lr
    one_cycle: bool = False  # rise to learning_rate, then fall to nothing; not with step_lr
    early_stopping: bool = False
    patience: int = 5  # epochs without a better validation score; read only when early_stopping
    label_smoothing: float = 0.0  # classification only


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model takes and gives.

    Attributes:
        inputs: (C, H, W) or (F,).
        outputs: classes, or 1.
    """

    inputs: tuple[int, ...]
    outputs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task that can be searched.

    Attributes:
        name: by which the case is called; for shipped cases the name of its file.
        task: decides the loss, the metrics and their direction.
        baseline: what the user had. Trial 0 of every study.
        recipe: what a textbook would change by hand. Trial 1 of every study.
        suggest: the search space, written once: draws hyperparameters from an Optuna trial.
        load: finds the data in folders; `dataset` calls it, and checks what it returns.
        build: makes an untrained model that takes batches of `Shape.inputs`.
        augment: changes a batch of scaled features for training: (features, hyperparameters,
            generator) -> features of the same shape. None: nothing.
        points_per_epoch: validations an epoch; more than one where an epoch is long.
    """

    name: str
    task: Literal["classification", "regression"]
    baseline: Any  # a Hyperparameters of the case's own; so are the arguments below
    recipe: Any
    suggest: Callable[[BaseTrial], Any]
    load: Callable[[Folders], Dataset]
    build: Callable[[Any, Shape], nn.Module]
    augment: Callable[[Tensor, Any, Generator], Tensor] | None = None
    points_per_epoch: int = 1

    def __post_init__(self) -> None:
        """Refuse what the trainer could not use."""
        for arm in ("baseline", "recipe"):
            value = getattr(self, arm)
            if not (is_dataclass(value) and isinstance(value, Hyperparameters)):
                raise CaseError(
                    f"case {self.name!r}: {arm} is {value!r}; it has to be an instance of a frozen "
                    "dataclass derived from tuner.case.Hyperparameters"
                )
        if self.points_per_epoch < 1:
            raise CaseError(f"case {self.name!r}: points_per_epoch has to be 1 or more")

    @property
    def metric(self) -> Literal["accuracy", "mae"]:
        """Name of the score that is searched for."""
        return "accuracy" if self.task == "classification" else "mae"

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Which way the metric is better."""
        return "maximize" if self.task == "classification" else "minimize"

    def hyperparameters(self, values: Mapping[str, Any]) -> Hyperparameters:
        """Build the case's hyperparameters from a full dictionary, as `asdict` wrote it.

        Raises:
            CaseError: a field is missing or unknown, so the case has changed since.
        """
        kind = type(self.baseline)
        names = {field.name for field in fields(kind)}
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
            DataError: it is missing, damaged, or not as a data set has to be.
            CaseError: `load` breaks, or returns what does not fit the case.
        """
        from tuner.data.dataset import Dataset  # imports torch

        try:
            found = self.load(folders)
        except TunerError:
            raise
        except Exception as error:
            raise CaseError(f"case {self.name!r}: load fails: {self.blame(error)}") from error
        if not isinstance(found, Dataset):
            raise CaseError(
                f"case {self.name!r}: load returned {type(found).__name__}; it has to return what "
                "tuner.data.dataset.make_dataset makes"
            )
        if bool(found.classes) != (self.task == "classification"):
            raise CaseError(
                f"case {self.name!r}: its task is {self.task}, and its data has "
                f"{len(found.classes)} class names; a classification has one a class, a "
                "regression none"
            )
        return found

    def blame(self, error: BaseException) -> str:
        """Say what was raised, and by which line of the case's file."""
        return _in_one_line(error, sys.modules[type(self.baseline).__module__].__file__)

    def better(self, score: float, other: float) -> bool:
        """Whether `score` is better than `other`."""
        return score > other if self.direction == "maximize" else score < other


def case_names() -> list[str]:
    """Names of the cases that ship with tuner: the files in `cases`, none of them imported."""
    folder = Path(__file__).parent / "cases"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def load_case(reference: str) -> Case:
    """Import a case by name, or by the path of its file (anything that ends in .py).

    Raises:
        UsageError: no case of that name.
        CaseError: the file does not exist, cannot be imported, or defines no CASE.
    """
    if not reference.endswith(".py"):
        if reference not in case_names():
            raise unknown_name("case", "cases", reference, case_names())
        module = importlib.import_module(f"tuner.cases.{reference}")
    else:
        module = _import_file(Path(reference))
    case = getattr(module, "CASE", None)
    if not isinstance(case, Case):
        raise CaseError(
            f"{reference} defines no CASE; it has to end with CASE = Case(name=..., ...), "
            "as the files in tuner/cases do"
        )
    return case


def load_named_case(name: str, reference: str, file: str | None) -> Case:
    """Import the case that a stored study or model names.

    Args:
        name: of the case, as stored.
        reference: how it was called then. A file named so is not run: what comes from a stranger
            must not choose what code runs here.
        file: the file of a user's own case, as the user names it now.

    Raises:
        CaseError: it is a user's own and its file is not named, or that defines another case.
    """
    if file is None and str(reference).endswith(".py"):
        raise CaseError(
            f"this is of a case of your own, {name!r}; name its file with --case {reference}"
        )
    case = load_case(file or reference)
    if case.name != name:
        raise CaseError(f"this is of case {name!r}, and {file or reference} is {case.name!r}")
    return case


def _import_file(path: Path) -> Any:
    try:
        found = path.is_file()
    except OSError:  # a name that no file can have
        found = False
    if not found:
        raise CaseError(f"no case file {path}; name a Python file that defines CASE")
    name = f"tuner_case_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CaseError(f"{path} cannot be imported as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        reason = _in_one_line(error, str(path))
        raise CaseError(f"{path} cannot be imported: {reason}") from error
    return module


def _in_one_line(error: BaseException, file: str | None) -> str:
    message = " ".join(str(error).split())
    reason = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f"line {lines[-1]}: {reason}" if lines else reason
