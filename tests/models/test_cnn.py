"""The convolutional networks: what their hyperparameters change."""

from __future__ import annotations

from dataclasses import replace

import torch

from tuner.case import Shape
from tuner.inference import operations_of_a_row
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


def test_operations_of_a_row_are_those_of_its_products() -> None:
    # 16x16 and 8x8 padded maps, 3x3 kernels, a multiplication and an addition each; 4x4x8 to 5.
    forward = 2 * (16 * 16 * 9 * 3 * 4 + 8 * 8 * 9 * 4 * 8 + 4 * 4 * 8 * 5)
    for mirror, in_use in ((False, forward), (True, 2 * forward)):
        network = build_cnn(replace(SMALL, mirror=mirror), SHAPE)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        assert operations_of_a_row(network, SHAPE.inputs, training=True) == forward
        assert operations_of_a_row(network, SHAPE.inputs, training=False) == in_use
        after = network.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in before.items())
