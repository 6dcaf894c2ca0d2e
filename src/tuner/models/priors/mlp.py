"""Priors for multilayer perceptrons on tables.

| source | what is taken from it |
| --- | --- |
| Holzmüller et al. 2024, RealMLP, arXiv:2407.04491, whose defaults were tuned on 118 tables | 3 \
hidden layers of 256 units, all of one width, without BatchNorm; smooth activations (SELU for \
classes, Mish for numbers); batches of 256; many epochs, and never an early stop; label smoothing \
of 0.1; a weight decay of about 1e-2 by AdamW; embeddings of 8 numbers; frequencies of 0.1 |
| Gorishniy et al. 2021, arXiv:2106.11959 | plain perceptrons with dropout and AdamW, tuned, are \
strong; no dropout is among what is tried |
| Gorishniy et al. 2022, arXiv:2203.05556 | periodic embeddings of numbers help |
| Smith and Topin 2018, arXiv:1708.07120 | one cycle, up to a higher learning rate than is usual |

RealMLP lets dropout fall to zero during a training. Here it stays constant, so classes get less of
it, and numbers, whose scale it disturbs, none. RealMLP's learning rates are for weights in other
units. Rules of thumb: batches that grow with the square root of the rows, up to about 256 at
16,000; one hidden layer on more than 256 columns, such as the features of a pretrained network.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tuner.models.priors.kinds import Around, Near, Share, Upper
from tuner.models.priors.training import training_priors

if TYPE_CHECKING:
    from tuner.models.priors.kinds import Prior
    from tuner.models.priors.situation import Situation

WIDE = 256  # columns


def mlp_priors(situation: Situation) -> dict[str, Prior]:
    """Return the priors of the hyperparameters of `tuner.models.mlp` and `.tabular`, by name."""
    classes = situation.classes > 0
    return {
        **training_priors(situation),
        "learning_rate": Around(3e-3, 1.8),
        "batch_size": Around(2 * math.sqrt(situation.rows), 1.6),
        "epochs": Upper(most=256),
        "depth": Near(1 if situation.features > WIDE else 3, 0.7),
        "width": Around(256, 1.6),
        "taper": Share({False: 0.85, True: 0.15}),
        "activation": Share({"silu": 0.5, "gelu": 0.3, "relu": 0.2}),
        "batch_norm": Share({False: 0.75, True: 0.25}),
        "dropout": Near(0.1, 0.08) if classes else Near(0.0, 0.05),
        "embedding": Around(8, 1.6),
        "waves": Share({16: 0.45, 8: 0.35, 0: 0.2}),
        "frequency": Around(0.1, 2),
    }
