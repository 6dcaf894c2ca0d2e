"""Names under which a study keeps what is known about it, besides its trials."""

CONFIRMATION = "confirmation"  # who won on fresh folds, and what the arms do on the test split
MISTAKES = "mistakes"  # what the best gets wrong on the test split
ABLATION = "ablation"  # what each change does
IMPORTANCE = "importance"  # which hyperparameters mattered
STOPPED = "stopped"  # why the search has ended by itself
SESSIONS = "sessions"  # the runs of the study command: what was typed, where, how long it took
REMARKS = "remarks"  # what is odd about the data: sentences, said before anything trains
FACTS = "tuner"  # what the study was made with; it makes an Optuna study one of tuner's
EVIDENCE = "evidence_of"  # on the study that holds the trainings after another's search
TESTED_WEIGHTS = "tested_weights"  # digests of the models that met the test, by trial, a seed each
SEED_MATTERS = "seed_matters"  # what a training's seed changes: its "weights", "order" or "nothing"
OPENINGS = "test_openings"  # when and why the test split was opened
NOTE = "note_version"  # of the note in the dashboard that tuner wrote last; a later one is not ours
