"""What is fitted on the training rows of a fold, to make numbers and codes fit for a model.

The estimators are scikit-learn's. What they have learnt is kept as tensors, never pickled, and put
back into estimators of the same kind to be used.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, StandardScaler

from tuner.data.scaling import Scaler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from tuner.data.table import Table

ROWS_PER_QUANTILE, FEWEST_QUANTILES, MOST_QUANTILES = 30, 10, 1000
FEWEST_ROWS = 3  # in which a category has to be, to have a code of its own


@dataclass(frozen=True, slots=True)
class Preparation:
    """Takes rows of a `Table` to what a model takes. It has the part of a `Scaler`.

    Each number is mapped to a normal distribution by its quantiles, as Gorishniy et al. 2021 do
    ("Revisiting Deep Learning Models for Tabular Data", section 4.2), then standardised, and the
    median stands in for a missing one. A number that is the same in all training rows is 0,
    whatever it is in others: nothing could be learnt of it. A category that few training rows have
    shares code 0 with those that none has.

    Attributes:
        quantiles: (Q, n) float64 of each number.
        mean: (n,) float64 of the mapped numbers; so are `std` and `median`, which is standardised.
        gaps: (n,) bool: whether there is a further input that says where the number is missing.
        codes: (all codes of all categories,) int64: the code that takes the place of each.
        sizes: (c,) int64: how many codes each category has, 0 included.
    """

    quantiles: Tensor
    mean: Tensor
    std: Tensor
    median: Tensor
    gaps: Tensor
    codes: Tensor
    sizes: Tensor

    @classmethod
    def fit(cls, rows: Tensor, table: Table) -> Self:
        """Fit on training rows (N, F) float64, of which a number may be nan."""
        count = len(table.gaps)
        numbers = rows[:, :count].numpy()
        unknown = np.isnan(numbers).all(axis=0)
        if unknown.any():  # in none of these rows: whatever comes later is as good as a zero
            numbers = np.where(unknown, 0.0, numbers)
        places = min(MOST_QUANTILES, max(FEWEST_QUANTILES, len(rows) // ROWS_PER_QUANTILE))
        quantiles = np.zeros((2, 0))
        mean, std, median = np.zeros(0), np.ones(0), np.zeros(0)
        if count:
            mapped = QuantileTransformer(
                n_quantiles=min(places, len(rows)), output_distribution="normal", subsample=None
            ).fit(numbers)
            quantiles = mapped.quantiles_
            scaled = StandardScaler().fit(normal := mapped.transform(numbers))
            mean, std = scaled.mean_, scaled.scale_
            median = SimpleImputer(strategy="median").fit(scaled.transform(normal)).statistics_
        return cls(
            quantiles=torch.from_numpy(np.array(quantiles)),
            mean=torch.from_numpy(np.array(mean)),
            std=torch.from_numpy(np.array(std)),
            median=torch.from_numpy(np.array(median)),
            gaps=torch.tensor(table.gaps, dtype=torch.bool),
            codes=_kept(rows[:, count:].long(), table.cardinalities),
            sizes=torch.tensor(table.cardinalities, dtype=torch.int64),
        )

    def __call__(self, values: Tensor) -> Tensor:
        """Prepare rows (N, F): -> (N, inputs) float32, codes of categories last."""
        count = len(self.gaps)
        rows = values.cpu()
        parts = []
        if count:
            numbers = rows[:, :count].double().numpy()
            ready = self._scaled(numbers)
            parts = [torch.from_numpy(ready), rows[:, :count].isnan()[:, self.gaps]]
        starts = self.sizes.cumsum(0) - self.sizes
        parts.append(self.codes[rows[:, count:].long() + starts])
        return torch.cat([part.float() for part in parts], dim=1).to(values.device)

    def to(self, _device: torch.device) -> Self:
        """Return itself: it works on the processor, and gives what it makes to where rows were."""
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Return what it has learnt, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor], table: Table) -> Self:
        """Make one of what `tensors` returned.

        Raises:
            ValueError: it was not, or not for this table.
            KeyError: one is missing.
        """
        made = cls(**{field.name: tensors[field.name] for field in fields(cls)})
        count, sizes = len(table.gaps), torch.tensor(table.cardinalities, dtype=torch.int64)
        numbers = (made.quantiles, made.mean, made.std, made.median)
        shapes = [tuple(one.shape) for one in numbers]
        if shapes != [(len(made.quantiles), count), (count,), (count,), (count,)] or not (
            all(one.dtype == torch.float64 and one.isfinite().all() for one in numbers)
            and len(made.quantiles) >= 2
            and (made.std > 0).all()
            and (made.quantiles.diff(dim=0) >= 0).all()
        ):
            raise ValueError("what was learnt of the numbers of a table does not fit it")
        if not (
            made.gaps.dtype == torch.bool
            and made.gaps.tolist() == list(table.gaps)
            and made.sizes.dtype == made.codes.dtype == torch.int64
            and torch.equal(made.sizes, sizes)
            and made.codes.shape == (int(sizes.sum()),)
            and bool(((made.codes >= 0) & (made.codes < sizes.repeat_interleave(sizes))).all())
        ):
            raise ValueError("what was learnt of the categories of a table does not fit it")
        return made

    def _scaled(self, numbers: np.ndarray) -> np.ndarray:
        """Map, standardise and fill numbers (N, n) by scikit-learn's own estimators."""
        count = len(self.gaps)
        mapped = QuantileTransformer(output_distribution="normal")
        mapped.quantiles_, mapped.n_quantiles_ = self.quantiles.numpy(), len(self.quantiles)
        mapped.references_ = np.linspace(0, 1, len(self.quantiles))
        scaled = StandardScaler()
        scaled.mean_, scaled.scale_ = self.mean.numpy(), self.std.numpy()
        mapped.n_features_in_ = scaled.n_features_in_ = count
        found: np.ndarray = scaled.transform(mapped.transform(numbers))
        found = np.where(np.isnan(found), self.median.numpy(), found)
        # By quantiles, whatever is not the one value that there was is at the far end of a normal
        # distribution, and the weights that would meet it there have learnt nothing.
        return np.where(self.quantiles[0].numpy() == self.quantiles[-1].numpy(), 0.0, found)


@dataclass(frozen=True, slots=True)
class Straightened:
    """Takes a target with a long tail to a normal shape and back. It has the part of a `Scaler`.

    By Yeo & Johnson 2000 ("A new family of power transformations to improve normality or
    symmetry"), fitted by scikit-learn's PowerTransformer. Scores are in standardised units of the
    target as it is, so that they can be compared with those of any other model.

    Attributes:
        power: (1,) float64, the lambda of the transformation.
        mean, std: (1,) float64, of the transformed target.
        low, high: (1,) float64, its extremes in the training rows, standardised: no output means
            more than these, as a power would take a small step to a far place.
        plain: standardises the target as it is.
    """

    power: Tensor
    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor
    plain: Scaler

    @classmethod
    def fit(cls, targets: Tensor) -> Self:
        """Fit on targets (N, 1)."""
        plain = Scaler.fit(targets.double())
        standard = ((targets.double() - plain.mean) / plain.std).numpy()
        found = PowerTransformer(standardize=False).fit(standard)
        straight = found.transform(standard)
        scaled = StandardScaler().fit(straight)
        ends = (scaled.transform(end(straight, axis=0)[None])[0] for end in (np.min, np.max))
        power, mean, std, low, high = (
            torch.from_numpy(np.array(one))
            for one in (found.lambdas_, scaled.mean_, scaled.scale_, *ends)
        )
        return cls(power, mean, std, low, high, plain)

    def __call__(self, values: Tensor) -> Tensor:
        """Straighten targets (N, 1): -> float32."""
        x = (values.double() - self.plain.mean) / self.plain.std
        power = self.power
        above, below = x.clamp(min=0), (-x).clamp(min=0)
        up = above.log1p() if power == 0 else ((above + 1) ** power - 1) / power
        other = 2 - power
        down = below.log1p() if other == 0 else ((below + 1) ** other - 1) / other
        return ((torch.where(x >= 0, up, -down) - self.mean) / self.std).float()

    def in_units(self, values: Tensor) -> Tensor:
        """Return outputs (N, 1) in standardised units of the target as it is: -> float32."""
        kept = values.double().clamp(self.low, self.high)
        x, power = kept * self.std + self.mean, self.power
        above, below = x.clamp(min=0), (-x).clamp(min=0)
        up = above.expm1() if power == 0 else (above * power + 1) ** (1 / power) - 1
        other = 2 - power
        down = below.expm1() if other == 0 else (below * other + 1) ** (1 / other) - 1
        return torch.where(x >= 0, up, -down).float()

    def standardise(self, values: Tensor) -> Tensor:
        """Return targets of one's own units in those of `in_units`: -> float32."""
        return self.plain(values)

    def undo(self, values: Tensor) -> Tensor:
        """Return outputs (N, 1) in the target's own units."""
        return self.plain.undo(self.in_units(values))

    def to(self, device: torch.device) -> Self:
        """Return the same on `device`."""
        moved = [getattr(self, field.name).to(device) for field in fields(self)]
        return type(self)(*moved)

    def tensors(self) -> dict[str, Tensor]:
        """Return what it has learnt, by name."""
        names = ("power", "mean", "std", "low", "high")
        learnt = {name: getattr(self, name) for name in names}
        return {**learnt, "plain.mean": self.plain.mean, "plain.std": self.plain.std}

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Make one of what `tensors` returned.

        Raises:
            ValueError: it was not.
            KeyError: one is missing.
        """
        names = ("power", "mean", "std", "low", "high", "plain.mean", "plain.std")
        found = [tensors[name] for name in names]
        for one in found:
            if tuple(one.shape) != (1,) or one.dtype != torch.float64 or not one.isfinite():
                raise ValueError("what was learnt of a target is not one number each")
        if not (tensors["std"] > 0 and tensors["plain.std"] > 0 and found[3] <= found[4]):
            raise ValueError("what was learnt of a target cannot have been")
        power, mean, std, low, high = found[:5]
        return cls(power, mean, std, low, high, Scaler(found[5], found[6]))


def _kept(codes: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Return the code in place of each: itself, or 0 where too few training rows have it."""
    found = []
    for place, size in enumerate(sizes):
        own = torch.arange(size)
        counts = codes[:, place].bincount(minlength=size)
        found.append(torch.where(counts >= FEWEST_ROWS, own, 0))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
