"""Remarks on a case's model that stop no study: shown before the first trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.case.space import space
from tuner.training.device import CARD
from tuner.training.inference import Fitted, autocast, call, scaled_batch
from tuner.training.muon import hidden_weights
from tuner.training.optimizing import MUON
from tuner.training.recording import unknown_parts
from tuner.training.seed_effect import untrained

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.training.plan import Plan

NOT_RECORDED = (
    "The GPU gets operations one by one, because tuner does not know whether these do the same "
    "in each step: {}. If they neither count calls nor draw from Python's or NumPy's "
    "generators, write cuda_graph=True into the case: small models then train much faster."
)
NO_HIDDEN_WEIGHTS = (
    "optimizer='muon' is the same as 'adamw' for the networks of baseline and recipe: they have no "
    "convolution and no linear layer before their last one. If that is so for all that the search "
    "can draw, leave 'muon' out."
)


def remarks_on_model(case: Case, data: Dataset, plan: Plan) -> list[str]:
    """Return remarks on the networks of a case, one line each."""
    return [
        *_of_the_outputs(case, data, plan),
        *_of_the_recording(case, data, plan),
        *_of_muon(case, data),
    ]


def _of_muon(case: Case, data: Dataset) -> list[str]:
    """Return a remark if Muon has no weights to train."""
    choices = getattr(space(case).get("optimizer"), "choices", (case.baseline.optimizer,))
    if MUON not in choices or case.optimizer is not None:
        return []
    networks = [
        untrained(case, arm, data, seed=1)[0].network for arm in (case.baseline, case.recipe)
    ]
    return [] if any(map(hidden_weights, networks)) else [NO_HIDDEN_WEIGHTS]


def in_use(fitted: Fitted, rows: Tensor, plan: Plan) -> object:
    """Apply the model in evaluation mode; return whatever it returns."""
    model, device = fitted.model.to(plan.device).eval(), torch.device(plan.device)
    batch = scaled_batch(rows.to(device), fitted.features.to(device), plan)
    with torch.inference_mode(), autocast(plan):
        made: object = (fitted.apply or call)(model, batch)
    return made


def _of_the_recording(case: Case, data: Dataset, plan: Plan) -> list[str]:
    """Return why a GPU trains the baseline slowly, if a setting in the case could change that."""
    if plan.device != CARD or case.cuda_graph is not None or case.optimizer is not None:
        return []
    (learner,) = untrained(case, case.baseline, data, seed=1)
    parts = unknown_parts(case, [learner.network])
    return [NOT_RECORDED.format(", ".join(parts))] if parts else []


def _of_the_outputs(case: Case, data: Dataset, plan: Plan) -> list[str]:
    """Return a remark on the baseline's outputs: probabilities instead of logits."""
    if not data.classes or case.loss is not None or case.step is not None:
        return []  # a user's own loss may take any outputs
    (learner,) = untrained(case, case.baseline, data, seed=1)
    rows = data.development.features[: case.baseline.batch_size]
    fitted = Fitted(learner.network, learner.features, learner.targets)
    try:
        made = in_use(fitted, rows, plan)
    except Exception:  # if a whole batch fails, the first trial reports it
        return []
    if not isinstance(made, torch.Tensor):
        return []
    if data.task == "multilabel":
        if made.min() < 0 or made.max() > 1:
            return []
        return [
            "The model's outputs are shares, as after a sigmoid. The loss takes logits and has a "
            "sigmoid of its own, so leave yours out; with both, training is slow."
        ]
    sums = made.float().sum(dim=-1)
    if made.min() < 0 or not torch.allclose(sums, torch.ones_like(sums), atol=1e-2):
        return []
    return [
        "The model's outputs are shares that sum to 1, as after a softmax. The loss takes logits "
        "and has a softmax of its own, so leave yours out; with both, training is slow."
    ]
