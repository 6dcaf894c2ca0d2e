"""The convolutional networks: the effects of their hyperparameters."""

from __future__ import annotations

from dataclasses import replace

import torch

from tuner.case.contract import Shape
from tuner.models.cnn import CNNHyperparameters, build_cnn
from tuner.training.work import Work

SHAPE = Shape((3, 16, 16), 5)
SMALL = CNNHyperparameters(width=4, hidden=0, batch_norm=True, padding=True)


def test_a_mirrored_network_sees_both_ways_in_use_and_one_in_training() -> None:
    torch.manual_seed(0)
    network = build_cnn(replace(SMALL, mirror=True), SHAPE)
    plain = build_cnn(SMALL, SHAPE)
    plain.load_state_dict(
        {name.removeprefix("network."): value for name, value in network.state_dict().items()}
    )
    images = torch.randn(8, *SHAPE.inputs)
    assert torch.equal(network.train()(images), plain.train()(images))
    network.eval(), plain.eval()
    both = (plain(images) + plain(images.flip(-1))) / 2
    assert torch.equal(network(images), both)
    assert torch.allclose(network(images), network(images.flip(-1)), atol=1e-6)
    assert not torch.allclose(plain(images), plain(images.flip(-1)), atol=1e-3)


def kinds(**changes: object) -> list[str]:
    network = build_cnn(replace(SMALL, depth=1, **changes), SHAPE)  # type: ignore[arg-type]
    return [type(layer).__name__ for layer in network.children()][:4]


def test_what_was_pooled_is_normalised_or_the_other_way_round() -> None:
    assert kinds() == ["Conv2d", "BatchNorm2d", "MaxPool2d", "ReLU"]
    assert kinds(pool_first=True) == ["Conv2d", "MaxPool2d", "BatchNorm2d", "ReLU"]
    assert kinds(pool_first=True, convolutions=2) == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d"]
    assert kinds(pool_first=True, batch_norm=False) == kinds(batch_norm=False)


def test_normalising_what_was_pooled_is_less_work() -> None:
    first, last = (
        Work.count(build_cnn(replace(SMALL, pool_first=one), SHAPE), SHAPE.inputs).training_row
        for one in (True, False)
    )
    assert first < last
