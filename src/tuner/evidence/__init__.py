"""Facts that are added to a study after its search, each measured once and stored.

The rooms and modules by the question that they answer:

* What is wrong with the baseline, which hyperparameters mattered, how well did the search go, does
  a trial give the same result again? All of that is read from `trials`.
* Is the best really better? `confirmation` reads from top to bottom, and `loops` does the same for
  a loop: candidates race in `rounds` on fresh folds, then new models are tested in `final`.
* How large is the gain, and how certain? The `statistics`, from what is stored about the test's
  `rows`.
* What can a test show at all? `price` tells it before the test, with `certainty_in_words`;
  `duration` tells how long it takes.
* Would another kind of model do better? `rivals`.
* Which change brought the gain? `ablation`.

All their trainings are `jobs`.
"""
