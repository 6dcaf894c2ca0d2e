"""Preparation of a table's rows for a model, fitted on the training rows of a fold.

The estimators are scikit-learn's. Their fitted values are stored as tensors, never pickled, and put
back into estimators of the same kind for use.
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
FEWEST_ROWS = 3  # with a category, below which it has no code of its own


@dataclass(frozen=True, slots=True)
class Preparation:
    """Converts rows of a `Table` to inputs of a model, with the interface of a `Scaler`.

    Each number is mapped to a normal distribution by its quantiles, as in Gorishniy et al. 2021
    ("Revisiting Deep Learning Models for Tabular Data", section 4.2), then standardised; a missing
    one becomes the median. A number that is constant in the training rows becomes 0 in all rows,
    because nothing could be learnt from it. Categories with few training rows share code 0 with
    unknown ones.

    Attributes:
        quantiles: (Q, n) float64 of each number.
        mean: (n,) float64 of the mapped numbers; `std` and the standardised `median` likewise.
        gaps: (n,) bool: whether there is a further input that is 1 where the number is missing.
        codes: (all codes of all categories,) int64: the code that replaces each one.
        sizes: (c,) int64: number of codes of each category, including 0.
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
        """Fit on training rows (N, F) float64, in which numbers may be nan."""
        count = len(table.gaps)
        numbers = rows[:, :count].numpy()
        unknown = np.isnan(numbers).all(axis=0)
        if unknown.any():  # missing in all of these rows: any later value becomes 0
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
        """Return itself: it computes on the processor, and moves results to the rows' device."""
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Return the fitted values, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor], table: Table) -> Self:
        """Restore from what `tensors` returned.

        Raises:
            ValueError: the tensors are invalid, or belong to another table.
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
        """Map, standardise and fill numbers (N, n) with scikit-learn's own estimators."""
        count = len(self.gaps)
        mapped = QuantileTransformer(output_distribution="normal")
        mapped.quantiles_, mapped.n_quantiles_ = self.quantiles.numpy(), len(self.quantiles)
        mapped.references_ = np.linspace(0, 1, len(self.quantiles))
        scaled = StandardScaler()
        scaled.mean_, scaled.scale_ = self.mean.numpy(), self.std.numpy()
        mapped.n_features_in_ = scaled.n_features_in_ = count
        found: np.ndarray = scaled.transform(mapped.transform(numbers))
        found = np.where(np.isnan(found), self.median.numpy(), found)
        # Quantiles would map any other value than the constant one to the far end of a normal
        # distribution, where the model's weights have learnt nothing.
        return np.where(self.quantiles[0].numpy() == self.quantiles[-1].numpy(), 0.0, found)


@dataclass(frozen=True, slots=True)
class Straightened:
    """Maps a target with a long tail to a normal shape and back, with a `Scaler`'s interface.

    By Yeo & Johnson 2000 ("A new family of power transformations to improve normality or
    symmetry"), fitted by scikit-learn's PowerTransformer. Scores are in standardised units of the
    original target, so that they can be compared with those of any other model.

    Attributes:
        power: (1,) float64, the lambda of the transformation.
        mean, std: (1,) float64, of the transformed target.
        low, high: (1,) float64, its extremes in the training rows, standardised: outputs are
            limited to these, because the inverse power would turn a small step beyond them into a
            large one.
        plain: standardises the original target.
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
        """Transform targets (N, 1): -> float32."""
        x = (values.double() - self.plain.mean) / self.plain.std
        power = self.power
        above, below = x.clamp(min=0), (-x).clamp(min=0)
        up = above.log1p() if power == 0 else ((above + 1) ** power - 1) / power
        other = 2 - power
        down = below.log1p() if other == 0 else ((below + 1) ** other - 1) / other
        return ((torch.where(x >= 0, up, -down) - self.mean) / self.std).float()

    def in_units(self, values: Tensor) -> Tensor:
        """Return outputs (N, 1) in standardised units of the original target: -> float32."""
        kept = values.double().clamp(self.low, self.high)
        x, power = kept * self.std + self.mean, self.power
        above, below = x.clamp(min=0), (-x).clamp(min=0)
        up = above.expm1() if power == 0 else (above * power + 1) ** (1 / power) - 1
        other = 2 - power
        down = below.expm1() if other == 0 else (below * other + 1) ** (1 / other) - 1
        return torch.where(x >= 0, up, -down).float()

    def standardise(self, values: Tensor) -> Tensor:
        """Return targets in the user's own units in those of `in_units`: -> float32."""
        return self.plain(values)

    def undo(self, values: Tensor) -> Tensor:
        """Return outputs (N, 1) in the target's own units."""
        return self.plain.undo(self.in_units(values))

    def to(self, device: torch.device) -> Self:
        """Return the same on `device`."""
        moved = [getattr(self, field.name).to(device) for field in fields(self)]
        return type(self)(*moved)

    def tensors(self) -> dict[str, Tensor]:
        """Return the fitted values, by name."""
        names = ("power", "mean", "std", "low", "high")
        learnt = {name: getattr(self, name) for name in names}
        return {**learnt, "plain.mean": self.plain.mean, "plain.std": self.plain.std}

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Restore from what `tensors` returned.

        Raises:
            ValueError: the tensors are invalid.
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
    """Return the code that replaces each: itself, or 0 if too few training rows have it."""
    found = []
    for place, size in enumerate(sizes):
        own = torch.arange(size)
        counts = codes[:, place].bincount(minlength=size)
        found.append(torch.where(counts >= FEWEST_ROWS, own, 0))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
