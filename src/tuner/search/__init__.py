"""Decides which trials are trained next: asks for trials, prunes them and records their results.

The modules by subject:

* The search: a `coordinator` for a case, `loops` for a loop, both in `virtual_time`. `lineup` holds
  the trials under way. `replay` repeats decisions after an interrupt.
* A trial of a case: its `jobs`, `running`, `scoring` and `limits`. A trial of a loop:
  `loop_running`, `loop_answers` and `loop_samplers`. `waiting_guesses` serves both.
* What is drawn: a `sampler` is `tpe` or `bayesian`. The latter is a `gaussian` process, with
  `encoding`, `conditions` and `improvement`; `learning` fits it to what trials are `worth`.
* Which trials end early: the `pruner`.
* The database: a `mirror` of it in memory, and `write_behind`.
"""
