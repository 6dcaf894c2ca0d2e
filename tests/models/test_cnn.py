"""The convolutional networks: what their hyperparameters change."""

from __future__ import annotations

from dataclasses import replace

import torch

from tuner.case.contract import Shape
from tuner.models.cnn import CNNHyperparameters, build_cnn

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
