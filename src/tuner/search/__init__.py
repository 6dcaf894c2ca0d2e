"""What is trained next: ask, prune, tell.

The modules by subject:

* The search: a `coordinator` for a case, `loops` for a loop, both in `virtual_time`, with the
  `lineup` of the trials that are under way; `replay` after an interrupt.
* A trial of a case: its `jobs`, `running`, `scoring` and `limits`; of a loop `loop_running`,
  `loop_answers` and `loop_samplers`; `waiting_guesses` of either.
* What is drawn: a `sampler` is `tpe` or `bayesian`. The latter is a `gaussian` process, with
  `encoding`, `conditions` and `improvement`; `learning` tells it what trials are `worth`.
* What is given up: the `pruner`.
* The database: a `mirror` of it in memory, and `write_behind`.
"""
