"""What is added to a study after its search: facts, each measured once and stored.

The rooms and modules by the question that they answer:

* What is wrong with the baseline, which hyperparameters mattered, how well did the search go, does
  a trial give the same again? All of that is read from `trials`.
* Is the best really better? `confirmation` reads from top to bottom, and `loops` is that of a loop:
  candidates race in `rounds` on fresh folds, then new models meet the test in `final`.
* How large is the gain, and how sure? The `statistics`, of what is kept of the test's `rows`.
* What can a test show at all? `price` before it, with `certainty_in_words`; `duration` says how
  long it takes.
* Would another kind of model do better? `rivals`.
* Which change brought the gain? `ablation`.

What is trained for all of them is one of the `jobs`.
"""
