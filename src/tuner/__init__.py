"""Hyperparameter search for PyTorch models that says what it can prove.

The names in `__all__` are the public API, for users' files and notebooks; everything else may move.
A name is imported when it is first used, so `import tuner` is fast.
"""

from __future__ import annotations

import random
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.bundle.model import Model, load
    from tuner.case.batch import Batch, Optimization
    from tuner.case.contract import Case, Hyperparameters, Shape
    from tuner.case.scorers import make_metric
    from tuner.data.augment import move, recolour
    from tuner.data.dataset import Dataset, make_dataset
    from tuner.data.examples import Examples, PixelStatistics
    from tuner.data.images import read_image
    from tuner.data.sources.folders import Folders
    from tuner.data.splits import GroupFolds, Holdout, KFold, TimeFolds
    from tuner.data.streaming import read_examples
    from tuner.errors import TunerError
    from tuner.models.cnn import CNNHyperparameters, build_cnn
    from tuner.models.mlp import MLPHyperparameters, build_mlp
    from tuner.own.loops.current import folder, seed
    from tuner.runs.handle import Study
    from tuner.runs.library import list_studies, open_study, run_study

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "CNNHyperparameters",
    "Case",
    "Dataset",
    "Examples",
    "Folders",
    "GroupFolds",
    "Holdout",
    "Hyperparameters",
    "KFold",
    "MLPHyperparameters",
    "Model",
    "Optimization",
    "PixelStatistics",
    "Shape",
    "Study",
    "TimeFolds",
    "TunerError",
    "build_cnn",
    "build_mlp",
    "folder",
    "list_studies",
    "load",
    "make_dataset",
    "make_metric",
    "move",
    "open_study",
    "read_examples",
    "read_image",
    "recolour",
    "run_study",
    "seed",
]

_HOMES = {
    "tuner.bundle.model": ("Model", "load"),
    "tuner.case.batch": ("Batch", "Optimization"),
    "tuner.case.contract": ("Case", "Hyperparameters", "Shape"),
    "tuner.case.scorers": ("make_metric",),
    "tuner.data.augment": ("move", "recolour"),
    "tuner.data.dataset": ("Dataset", "make_dataset"),
    "tuner.data.examples": ("Examples", "PixelStatistics"),
    "tuner.data.images": ("read_image",),
    "tuner.data.sources.folders": ("Folders",),
    "tuner.data.splits": ("GroupFolds", "Holdout", "KFold", "TimeFolds"),
    "tuner.data.streaming": ("read_examples",),
    "tuner.errors": ("TunerError",),
    "tuner.models.cnn": ("CNNHyperparameters", "build_cnn"),
    "tuner.models.mlp": ("MLPHyperparameters", "build_mlp"),
    "tuner.own.loops.current": ("folder", "seed"),
    "tuner.runs.handle": ("Study",),
    "tuner.runs.library": ("list_studies", "open_study", "run_study"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(_imported(_HOME_OF[name]), name)
    raise AttributeError(f"module 'tuner' has no attribute {name!r}")


def _imported(module: str) -> Any:
    """Import a module, and restore the random state that imported libraries may change."""
    if module in sys.modules:  # or being imported, in another thread
        return import_module(module)
    before = random.getstate()
    try:
        return import_module(module)
    finally:
        random.setstate(before)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
