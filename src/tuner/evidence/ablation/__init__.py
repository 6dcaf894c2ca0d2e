"""Which change brought the gain: the baseline with a part of what the best changed.

The `path` from the baseline to the best takes over one of the `changes` after the other, in the
order of an `expectation` of what each is worth. `parts` is what is known of a part of them on the
test rows, and `confirming_parts` has such models meet the test.
"""
