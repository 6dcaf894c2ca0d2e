"""A study: open or resume, ask, tell, stop. `python -m tuner.study`."""
