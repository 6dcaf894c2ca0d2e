"""What is added to a study after its search: facts, each measured once and stored.

The modules by the question that they answer:

* What is wrong with the baseline? `signs` of a learning curve, and their `diagnosis`.
* Which candidate is best on fresh folds? `racing` has a study's candidates run a `race`, by the
  `trainings` of a case or the `calls` of a loop: both are `scored_rounds`, made of `jobs`.
* Is it really better? `confirmation` reads from top to bottom. `proof` has the arms meet the test
  in the `looks` that were planned: `final` opens it and scores the models of `final_trainings`,
  whose jobs and files are `final_models`. `finalists` says which models may meet it, `odometer`
  counts how often its rows were used, and `ensembles` scores several models as one. A loop is
  confirmed by `loops`.
* How large is the gain, and how sure? `verdicts` compares the arms. Where rows were kept, that is
  `rowwise`, by the `crossed` effects of rows and seeds: their `components` of variance, with
  `exact` and `joint` intervals, make a `gain`. Elsewhere it is a `comparison` of scores alone. A
  metric without a loss for each row has `scores` on rows drawn again by `resampling`, whose
  `moments` are kept. Rows that belong together are `grouped`.
* What do the models get wrong? `predictions` are kept, `mistakes` and `label_mistakes` read.
* What can a test show at all? `price` before it, `certainty` and `certainty_in_words`; `duration`
  says how long it takes.
* Would another kind of model do better? `rivals`, by `rival_models` and `realmlp`.
* Which change brought the gain? `ablation` of the `changes`, on `paired_rounds`, with an
  `expectation` of what comes next; `parts` of the changes, and `confirming_parts` on the test.
* Which hyperparameters mattered? `importance`, by `fanova`.
* How well did the search go? `health` checks, `stopping` rules, and an `audit` of pruned trials,
  read as `sampled`.
* Does a trial give the same again? `repetition`, or `call_repetition` of a loop.
"""
