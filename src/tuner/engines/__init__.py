"""Where fits run. Each engine is a module and keeps the contract of `tuner.engines.job`."""

from tuner.imports import forget

forget()  # each process of an engine imports this first
