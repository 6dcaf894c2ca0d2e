"""What is stored about a study, and under which names.

The modules by subject:

* The `database`, and the `schema` of its content.
* Studies in it: `store` loads one, `catalogue` reads all, `glance` and `counting` read only the
  file. `service_tables` are the service's rows about a study, `dashboard` and `titles` serve
  optuna-dashboard.
* The configuration of a study: a `configuration` of a case, or one of `loops`; the `design` of its
  search and race, chosen by `designing`; the `rules` of training, and `samplers`.
* To begin and to continue: `opening`, `reopening` and `loop_reopening`. `identity`, with
  `data_identity` and `space_identity`, defines what makes it the same study; each difference is a
  `change`.
* Its trials: which `trials` count, which are the `arms`, and their `durations`; `limits` and `cost`
  of models.
* The command that made it is a `typed_command`.
* Configurations tried first: `guesses`, each a `guess`; `limited_guesses` if the study has limits.
"""
