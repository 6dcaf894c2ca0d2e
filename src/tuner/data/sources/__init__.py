"""Sources of data, one module each."""

from tuner.data.sources.folders import Folders

__all__ = ["Folders"]
