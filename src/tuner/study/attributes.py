"""Names under which a study keeps what is known about it, besides its trials."""

SPEEDS = "speeds"  # of the plans that were measured when the study's was chosen
CONFIRMATION = "confirmation"  # who won on fresh folds, and what the arms do on the test split
MISTAKES = "mistakes"  # what the best gets wrong on the test split
ABLATION = "ablation"  # what each change does
IMPORTANCE = "importance"  # which hyperparameters mattered
STOPPED = "stopped"  # why the search has ended by itself
SESSIONS = "sessions"  # the runs of the study command: what was typed, where, how long it took
