"""Where fits run. Each engine is a module and keeps the contract of `tuner.engines.job`."""
