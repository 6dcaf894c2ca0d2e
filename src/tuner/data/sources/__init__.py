"""Where data comes from: one file a source."""

from tuner.data.sources.folders import Folders

__all__ = ["Folders"]
