"""Where fits run. Each module holds one engine that keeps the contract of `tuner.engines.job`."""
