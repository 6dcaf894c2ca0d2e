"""One run of each job, from top to bottom: no printing, no command line, no paths of its own.

The modules by subject:

* A run is asked for by `settings`, and tells an `observer`. Python programs use `library` and the
  `handle` of a study. Their `arguments` are checked and written as if `typed`, the process stays
  `unaffected`, and `watching` is what a notebook shows.
* A study of a case: `study` and its `searching`. Of a loop: `loops` and `loop_searching`;
  `checking` tries it out beforehand. Both have the same `search_end` and `steps`, hold what they
  write by `holding`, and keep a `record`; `publishing` writes the report. `quiet` silences Optuna.
* More of a study: `tries` of a person's own, a time `budget` and its `allowance`, `inheritance` of
  trials from another.
* After it: `ablation`, `verification`, `placebo`, `contrast` of several.
* What is taken away: `models`. What is done to the storage `folder`.
"""
