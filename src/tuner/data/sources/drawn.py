"""Five kinds of flowers from a seeded generator: images without a network, but not photographs.

The kinds differ in the number, shape and arrangement of their petals and, like real ones, in their
usual colours. So colour alone gets a model only half-way. Ground, light, position, size, rotation
and foreground are drawn alike for all kinds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples
from tuner.data.sources.flowers102 import IMAGENET
from tuner.data.splits import KFold

if TYPE_CHECKING:
    from collections.abc import Callable

Colour = tuple[int, int, int]

SEED = 102
SIZE, FINE = 64, 128  # pixels: of an image, and of the canvas from which it is scaled down
DEVELOPMENT, TEST = 20, 100  # images per kind
PETALS: tuple[Colour, ...] = (
    (214, 64, 92),
    (238, 154, 60),
    (244, 214, 78),
    (236, 232, 226),
    (150, 92, 196),
)
ALONG = np.linspace(0, 1, 12)  # positions along a petal, from its base to its tip
FAITH = 0.55  # probability that a flower has the usual colour of its kind
LEAVES: tuple[Colour, ...] = ((52, 96, 48), (84, 128, 60), (38, 70, 52), (112, 140, 78))


def make() -> Dataset:
    """Make the stand-in for flowers: 100 development images, 500 test images."""
    random = np.random.default_rng(SEED)
    return make_dataset(
        name="flowers-drawn",
        source="five kinds of flowers drawn by tuner's own generator, because Flowers-102 is not "
        "here and could not be downloaded",
        development=_examples(random, DEVELOPMENT),
        test=_examples(random, TEST),
        validation=KFold(5),
        classes=tuple(KINDS),
        pixels=IMAGENET,
        stands_in_for="flowers",
    )


def _examples(random: np.random.Generator, each: int) -> Examples:
    kinds = zip(KINDS.values(), PETALS, strict=True)
    images = [_image(random, draw, own) for draw, own in kinds for _ in range(each)]
    return Examples(
        features=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(),
        targets=torch.arange(len(KINDS)).repeat_interleave(each),
    )


class _Brush:
    """A canvas, with the position, size, rotation and colours of a flower on it."""

    def __init__(self, random: np.random.Generator, own_colour: Colour) -> None:
        self.random = random
        ground = _vary(random, LEAVES[random.integers(len(LEAVES))], 25)
        self.image = Image.new("RGB", (FINE, FINE), ground)
        self.canvas = ImageDraw.Draw(self.image)
        self.centre = tuple(FINE * (0.5 + random.uniform(-0.1, 0.1)) for _ in range(2))
        self.radius = FINE * random.uniform(0.28, 0.42)
        self.turn = random.uniform(0, 2 * math.pi)
        other = PETALS[random.integers(len(PETALS))]
        self.colour = _vary(random, own_colour if random.random() < FAITH else other, 30)
        self.heart = _vary(random, PETALS[random.integers(len(PETALS))], 30)

    def foliage(self, count: int) -> None:
        """Draw leaves at random positions."""
        for _ in range(count):
            base = self.random.uniform(-0.1, 1.1, 2) * FINE
            length, angle = (
                self.random.uniform(0.1, 0.4) * FINE,
                self.random.uniform(0, 2 * math.pi),
            )
            colour = _vary(self.random, LEAVES[self.random.integers(len(LEAVES))], 30)
            self.petal(tuple(base), angle, length, length * 0.18, colour, point=0.5)

    def petal(
        self,
        base: tuple[float, ...],
        angle: float,
        length: float,
        width: float,
        colour: Colour,
        point: float,
    ) -> None:
        """Draw a petal from `base` outwards; the smaller `point`, the rounder its tip."""
        (x, y), cos, sin = base, math.cos(angle), math.sin(angle)
        half = width * np.sin(math.pi * ALONG**point)
        out = np.concatenate([ALONG, ALONG[::-1]]) * length
        side = np.concatenate([half, -half[::-1]])
        # Whole pixels, so that the last bit of a sine on another machine makes no difference.
        points = np.column_stack([x + out * cos - side * sin, y + out * sin + side * cos]).round()
        shade = tuple(int(part * 0.72) for part in colour)
        self.canvas.polygon(
            [(int(px), int(py)) for px, py in points.tolist()], fill=colour, outline=shade
        )

    def disc(self, centre: tuple[float, ...], radius: float, colour: Colour) -> None:
        """Draw a filled circle."""
        x, y = centre
        self.canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def whorl(
        self, centre: tuple[float, ...], radius: float, count: int, width: float, point: float
    ) -> None:
        """Draw petals around a centre, and the centre itself."""
        for place in range(count):
            angle = self.turn + 2 * math.pi * place / count + self.random.normal(0, 0.06)
            length = radius * self.random.uniform(0.85, 1.1)
            colour = _vary(self.random, self.colour, 12)
            self.petal(centre, angle, length, radius * width, colour, point)
        self.disc(centre, radius * self.random.uniform(0.14, 0.3), self.heart)


def _daisy(brush: _Brush) -> None:
    count = int(brush.random.integers(11, 17))
    brush.whorl(brush.centre, brush.radius, count, width=0.1, point=1.3)


def _mallow(brush: _Brush) -> None:
    brush.whorl(brush.centre, brush.radius, 5, width=0.38, point=1.6)


def _lily(brush: _Brush) -> None:
    brush.whorl(brush.centre, brush.radius, 6, width=0.2, point=0.7)


def _bell(brush: _Brush) -> None:
    """Three petals in a cup, seen from the side, on a stem."""
    angle = brush.turn
    step = np.array([math.cos(angle), math.sin(angle)]) * brush.radius
    base = tuple(np.array(brush.centre) - 0.8 * step)
    stem = tuple(np.array(base) - 2 * step)
    brush.canvas.line((*base, *stem), fill=LEAVES[1], width=4)
    for lean in (-0.42, 0.42, 0.0):
        colour = _vary(brush.random, brush.colour, 12)
        lean += brush.random.normal(0, 0.05)
        brush.petal(base, angle + lean, brush.radius * 1.5, brush.radius * 0.36, colour, 0.9)


def _lilac(brush: _Brush) -> None:
    """Many small flowers of four petals on one head."""
    whole = brush.radius
    for _ in range(int(brush.random.integers(10, 16))):
        angle, far = brush.random.uniform(0, 2 * math.pi), whole * brush.random.uniform(0, 0.95)
        x, y = brush.centre
        place = (x + far * math.cos(angle), y + 0.8 * far * math.sin(angle))
        brush.turn = brush.random.uniform(0, 2 * math.pi)
        brush.whorl(place, whole * 0.34, 4, width=0.34, point=1.3)


KINDS: dict[str, Callable[[_Brush], None]] = {
    "daisy": _daisy,
    "mallow": _mallow,
    "lily": _lily,
    "bell": _bell,
    "lilac": _lilac,
}


def _image(
    random: np.random.Generator, draw: Callable[[_Brush], None], own_colour: Colour
) -> np.ndarray:
    """Draw one flower: (H, W, 3) uint8."""
    brush = _Brush(random, own_colour)
    brush.foliage(int(random.integers(3, 9)))
    draw(brush)
    brush.foliage(int(random.integers(0, 2)))
    blurred = brush.image.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 2.5)))
    small = np.asarray(blurred.resize((SIZE, SIZE), Image.Resampling.BOX), dtype=np.float64)
    across = np.linspace(-1, 1, SIZE)
    light = 1 + 0.15 * random.normal() * across + 0.15 * random.normal() * across[:, None]
    lit = small * light[:, :, None] * random.uniform(0.7, 1.2) + random.normal(0, 6, small.shape)
    return np.clip(lit.round(), 0, 255).astype(np.uint8)


def _vary(random: np.random.Generator, colour: Colour, spread: float) -> Colour:
    red, green, blue = (round(min(max(part + random.normal(0, spread), 0), 255)) for part in colour)
    return red, green, blue
