"""One run of each job, from top to bottom: no printing, no command line, no fixed paths.

The modules by subject:

* A run gets `settings`, and tells an `observer` what happens. Python programs use `library` and the
  `handle` of a study. Their `arguments` are checked and recorded as if `typed`, the process is left
  `unaffected`, and `watching` is the display in a notebook.
* A study of a case: `study` and its `searching`. A study of a loop: `loops` and `loop_searching`;
  `checking` tries it beforehand. Both have the same `search_end` and `steps`, lock their study and
  files by `holding`, and keep a `record`; `publishing` writes the report. `quiet` silences Optuna.
* Options of a study: `tries` of a person's own, a time `budget` and its `allowance`, `inheritance`
  of trials from another study.
* After a study: `ablation`, `verification`, `placebo`, `contrast` of several.
* `models` trains models to keep, and `folder` manages the storage folder.
"""
