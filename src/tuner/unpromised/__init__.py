"""What tuner uses of Optuna, PyTorch and NumPy though they do not promise to keep it.

Every private name of theirs stands here, with the reason why no public one serves, so that a new
version breaks one room. `tests/test_unpromised.py` names what is missing.
"""

# An optimizer imports this, and half of torch with it, when it takes its first step. It is named
# here, for whoever has it imported in another process, because `by_torch` imports torch itself.
OPTIMIZING = "torch._dynamo"
