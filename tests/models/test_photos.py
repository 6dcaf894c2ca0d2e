"""Photos seen several times by the network, and feature maps pooled in two ways."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch

from tuner.case.contract import Shape
from tuner.models.cnn import CNNHyperparameters, build_cnn
from tuner.models.photos import CLOSER, PhotoHyperparameters, build_photo_cnn, enlarged
from tuner.models.priors.cnn import cnn_priors
from tuner.models.priors.situation import Situation

SHAPE = Shape((3, 16, 16), 5)
PLAIN = CNNHyperparameters(width=4, hidden=0, batch_norm=True, padding=True)
PHOTOS = PhotoHyperparameters(**asdict(PLAIN))


def photos() -> torch.Tensor:
    return torch.randn(8, *SHAPE.inputs, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("head", ["flatten", "average", "both"])
def test_what_is_not_named_changes_nothing(head: str, mirror: bool) -> None:
    made = []
    for photo in (False, True):
        torch.manual_seed(0)
        network = (
            build_photo_cnn(replace(PHOTOS, head=head, mirror=mirror), SHAPE)
            if photo
            else build_cnn(replace(PLAIN, head=head, mirror=mirror), SHAPE)
        )
        made.append((network, network.train()(photos()), network.eval()(photos())))
    (one, *outputs), (other, *others) = made
    assert one.state_dict().keys() == other.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(outputs, others, strict=True))


@pytest.mark.parametrize("mirror", [False, True])
def test_a_closer_look_is_taken_in_use_alone(mirror: bool) -> None:
    torch.manual_seed(0)
    network = build_photo_cnn(replace(PHOTOS, closer=True, mirror=mirror), SHAPE)
    plain = build_cnn(replace(PLAIN, mirror=mirror), SHAPE)
    weights = network.state_dict().items()
    plain.load_state_dict({name.removeprefix("network."): value for name, value in weights})
    seen = photos()
    assert torch.equal(network.train()(seen), plain.train()(seen))
    network.eval(), plain.eval()
    both = (plain(seen) + plain(enlarged(seen, CLOSER).flip(-1))) / 2
    assert torch.equal(network(seen), both)
    assert not torch.allclose(network(seen), plain(seen), atol=1e-3)


def test_the_middle_is_enlarged() -> None:
    seen = photos()
    assert enlarged(seen, 1) is seen
    # Each constant region is twice the size that a pixel of the result needs, so nothing blurs.
    blocks = torch.randn(2, 3, 4, 4).repeat_interleave(4, -1).repeat_interleave(4, -2)
    twice = enlarged(blocks, 2.0)
    assert twice.shape == blocks.shape
    assert torch.allclose(twice[..., 1:7, 1:7], blocks[..., 4:5, 4:5].expand(-1, -1, 6, 6))
    assert torch.allclose(
        enlarged(seen.flip(-1), CLOSER), enlarged(seen, CLOSER).flip(-1), atol=1e-5
    )


def test_both_poolings_stand_side_by_side() -> None:
    shape = Shape((3, 16, 16), 5)
    network = build_cnn(replace(PLAIN, head="both", dropout=0.0), shape)
    assert isinstance(network, torch.nn.Sequential)
    maps, output = network[:-4].eval(), network[-1]
    kept = maps(photos())
    pooled = torch.cat((kept.mean((2, 3)), kept.amax((2, 3))), dim=1)
    assert torch.equal(network.eval()(photos()), output(pooled))
    assert output.in_features == 2 * kept.shape[1]


@pytest.mark.parametrize(
    ("name", "choices", "likeliest"),
    [
        ("head", ("flatten", "average", "both"), "both"),
        ("head", ("flatten", "average"), "average"),
        ("closer", (False, True), True),
        ("optimizer", ("adam", "adamw", "muon"), "muon"),
    ],
)
def test_a_guess_takes_up_what_a_space_names(
    name: str, choices: tuple[object, ...], likeliest: object
) -> None:
    seen = Situation(rows=80, classes=5, features=3 * 64 * 64, side=64, optimizer="muon")
    prior = cnn_priors(seen)[name]
    assert max(choices, key=lambda one: prior.weight(one, 0, 0)) == likeliest
