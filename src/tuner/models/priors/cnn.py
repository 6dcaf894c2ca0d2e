"""Priors for small convolutional networks.

| source | what is taken from it |
| --- | --- |
| He et al. 2016, arXiv:1512.03385 | BatchNorm after each convolution, padded; 64 channels first; \
averaged maps and no hidden layer after them |
| Simonyan and Zisserman 2015, arXiv:1409.1556 | two convolutions of 3x3 before each pooling |
| Ioffe and Szegedy 2015, arXiv:1502.03167 | BatchNorm bears higher learning rates |
| He et al. 2019, arXiv:1812.01187 | a schedule that falls smoothly to nothing; label smoothing |
| Gugger and Howard 2018, "AdamW and Super-convergence is now the fastest way to train neural \
nets" | AdamW in one cycle up to 3e-3 |
| Liu et al. 2022, arXiv:2201.03545 | AdamW with a weight decay of 0.05 |
| Tan and Le 2019, arXiv:1905.11946 | dropout of 0.2 before the output of the smallest network |
| Jordan 2024, arXiv:2404.00498, and its `airbench94` | 10 epochs of 50,000 images; the mean over \
an image and its mirror image in use; convolution, pooling and BatchNorm, in this order |
| Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks" | Muon, which his \
`airbench94` takes for its kernels |
| He and Sun 2015, arXiv:1412.1710, section 3 | of networks that take the same time, deep and \
narrow ones do better than shallow and wide ones |
| Howard and Gugger 2020, arXiv:2002.04688 | average and largest value of each map, side by side |
| Simonyan and Zisserman 2015, arXiv:1409.1556, section 4.2 | the mean over several scales in use |
| Brigato et al. 2021, arXiv:2108.13122 | few images: many epochs, small batches and a tuned \
weight decay make plain cross entropy as good as methods made for few images |
| Steiner et al. 2022, arXiv:2106.10270 | the fewer images, the more augmentation and the longer \
trainings pay |

Later additions are the rows on pooling and on scales, the row on Muon (with its learning rate), the
last row, and the order of pooling and BatchNorm. They follow tests on classes of Flowers-102 that
no case has (`studies/photos`).

Rules of thumb: as many poolings as leave maps of about 4 pixels a side; augmentation in the middle
of its range, or above it for few images; epochs at the end of a case's range, which has been made
as long as is useful for its rows, and at most 30 from 50,000 rows on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tuner.models.priors.kinds import Around, Near, Share, Upper
from tuner.models.priors.training import training_priors

if TYPE_CHECKING:
    from tuner.models.priors.kinds import Prior
    from tuner.models.priors.situation import Situation

FEW, MANY = 1_000, 50_000  # images
LAST_MAP = 4  # pixels of a side


def cnn_priors(situation: Situation) -> dict[str, Prior]:
    """Return the priors of the hyperparameters of `tuner.models.cnn`, by name."""
    # Under a limit, width is reduced first, and blocks last (`studies/guesses`).
    spread_of_width, spread_of_depth = (4, 0.3) if situation.limited else (1.6, 0.7)
    decay = Around(5e-2, 4, zero=0.02) if situation.decoupled else Around(5e-4, 4, zero=0.1)
    blocks = math.log2(max((situation.side or 32) / LAST_MAP, 2))
    return {
        **training_priors(situation),
        "learning_rate": Around(6e-3 if situation.optimizer == "muon" else 3e-3, 1.8),
        "weight_decay": decay,
        "epochs": Upper(share=1.0, most=30 if situation.rows >= MANY else math.inf),
        "depth": Near(round(blocks), spread_of_depth),
        "width": Around(64, spread_of_width),
        "convolutions": Share({2: 0.6, 1: 0.3, 3: 0.1}),
        "padding": Share({True: 0.9, False: 0.1}),
        "batch_norm": Share({True: 0.95, False: 0.05}),
        "head": Share({"both": 1.0, "average": 0.85, "flatten": 0.15}),
        "hidden": Share({0: 0.6, 64: 0.1, 128: 0.15, 256: 0.15}),
        "dropout": Near(0.2, 0.1),
        "augmentation": Near(0.7 if situation.rows < FEW else 0.5, 0.2),
        "mirror": Share({True: 0.85, False: 0.15}),
        "closer": Share({True: 0.85, False: 0.15}),
    }
