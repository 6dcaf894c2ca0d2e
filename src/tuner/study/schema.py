"""Names under which a study keeps what is known about it, besides its trials."""

CONFIRMATION = "confirmation"  # who won on fresh folds, and what the arms do on the test split
MISTAKES = "mistakes"  # what the best gets wrong on the test split
ABLATION = "ablation"  # what each change does
IMPORTANCE = "importance"  # which hyperparameters mattered
STOPPED = "stopped"  # why the search has ended by itself
SESSIONS = "sessions"  # the runs of the study command: what was typed, where, how long it took
FACTS = "tuner"  # what the study was made with; it makes an Optuna study one of tuner's
EVIDENCE = "evidence_of"  # on the study that holds the trainings after another's search
OPENINGS = "test_openings"  # when and why the test split was opened
TRIED = "tried"  # on a trial: what a person asked for with --try
