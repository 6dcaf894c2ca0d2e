"""Priors for trainings of any model.

| source | what is taken from it |
| --- | --- |
| Kingma and Ba 2015, "Adam", algorithm 1 | learning rate 1e-3 |
| Loshchilov and Hutter 2019, arXiv:1711.05101 | weight decay apart from the loss (AdamW), with a \
schedule that ends at nothing; torch's default of 1e-2 |
| Smith and Topin 2018, arXiv:1708.07120 | one cycle, up to a higher learning rate than is usual |
| Szegedy et al. 2016, arXiv:1512.00567, section 7; Müller et al. 2019, arXiv:1906.02629 | label \
smoothing of 0.1 |
| Godbole et al. 2023, "Deep Learning Tuning Playbook" | a schedule that decays; batch sizes by \
what is fast, because the score hardly depends on them once the rest is tuned for each |
| He et al. 2016, arXiv:1512.03385 | where steps are all there is: divide by 10, about every third \
of the training |

Batches by rows are a rule of thumb: they grow with the square root of the rows, from 8 at 100 rows
to 128 or 256 at 60,000, so that an epoch with few rows still has several steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tuner.models.priors.kinds import Around, Near, Share, Upper

if TYPE_CHECKING:
    from tuner.models.priors.kinds import Prior
    from tuner.models.priors.situation import Situation


def training_priors(situation: Situation) -> dict[str, Prior]:
    """Return the priors of the hyperparameters of a training, by name."""
    decay = Around(1e-2, 4, zero=0.05) if situation.decoupled else Around(1e-4, 4, zero=0.3)
    return {
        "learning_rate": Around(1e-3, 2.5),
        "optimizer": Share({situation.optimizer: 1.0}),
        "weight_decay": decay,
        "batch_size": Around(math.sqrt(situation.rows / 2), 1.6),
        "epochs": Upper(),
        "step_lr": Share({False: 0.9, True: 0.1}),
        "one_cycle": Share({True: 0.95, False: 0.05}),
        "step_size": Upper(share=0.5),
        "gamma": Around(0.1, 1.5),
        "early_stopping": Share({False: 0.9, True: 0.1}),
        "patience": Upper(),
        "label_smoothing": Near(0.1, 0.04),
        "dropout": Near(0.1, 0.08),
    }
