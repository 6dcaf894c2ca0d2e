"""What is kept of a study, and under which names.

The modules by subject:

* The `database`, and the `schema` of what is in it.
* Studies in it: `store` loads one, `catalogue` reads all, `glance` and `counting` read a file
  alone. `service_tables` are rows of the service, `dashboard` and `titles` serve optuna-dashboard.
* What a study is made of: a `configuration` of a case, or one of `loops`; the `design` of its
  search and race, chosen by `designing`; the `rules` of training, and `samplers`.
* Begun and continued: `opening`, `reopening` and `loop_reopening`. `identity`, with
  `data_identity` and `space_identity`, says what makes it the same study; each difference is a
  `change`.
* Its trials: which `trials` count, which are the `arms`, their `durations`; `limits` and `cost` of
  models.
* Tried first: `guesses`, each a `guess`; `limited_guesses` where the study has limits.
"""
