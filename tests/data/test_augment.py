from __future__ import annotations

import pytest
import torch

from tuner.data.augment import move, recolour


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def moved(images: torch.Tensor, strength: float, seed: int, *, flip: bool = False) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return move(images, strength, random, degrees=20, shift=0.1, scale=0.2, flip=flip)


def test_no_strength_changes_nothing(images: torch.Tensor) -> None:
    assert torch.equal(moved(images, 0, 0, flip=True), images)
    assert torch.equal(recolour(images, 0, torch.Generator()), images)


def test_a_seed_repeats_its_changes_and_each_image_has_its_own(images: torch.Tensor) -> None:
    alike = images[:1].expand(6, -1, -1, -1)
    for change in (moved, lambda i, s, seed: recolour(i, s, torch.Generator().manual_seed(seed))):
        first = change(alike, 1.0, 5)
        assert first.shape == images.shape
        assert bool(first.isfinite().all())
        assert torch.equal(first, change(alike, 1.0, 5))
        assert not torch.equal(first, change(alike, 1.0, 6))
        assert not torch.equal(first[0], first[1])


def test_little_strength_changes_little(images: torch.Tensor) -> None:
    assert torch.allclose(moved(images, 1e-6, 0), images, atol=1e-3)


def test_some_images_are_mirrored_and_others_are_not(images: torch.Tensor) -> None:
    changed = moved(images, 1e-6, 0, flip=True)
    mirrored = [
        torch.allclose(c, i.flip(-1), atol=1e-3) for c, i in zip(changed, images, strict=True)
    ]
    same = [torch.allclose(c, i, atol=1e-3) for c, i in zip(changed, images, strict=True)]
    assert any(mirrored)
    assert any(same)
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
