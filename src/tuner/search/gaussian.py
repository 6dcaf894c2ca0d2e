"""A Gaussian process over configurations, with a length scale for each hyperparameter.

Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", algorithm 2.1 and section
5.4.1. `sklearn.gaussian_process` has no kernel with one length scale for several columns, which the
choices of a hyperparameter need, and its fit takes 20 times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import Bounds, minimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]
    Places: TypeAlias = NDArray[np.intp]

# Normal priors of the logarithms that are fitted. Values are standardised; ranges go from 0 to 1.
WEIGHT, WEIGHT_SPREAD = 0.0, 1.5  # 1 / length scale squared
SCALE, SCALE_SPREAD = 0.0, 1.0  # the variance of the values
NOISE, NOISE_SPREAD = float(np.log(1e-4)), 2.0  # variance of the noise of one value
NOISE_AT_LEAST = 1e-6
BELIEVED = 1e-4  # variance of a predicted value that is treated as known
FARTHEST = 4  # spreads from the prior's mean
STEPS = 25  # of the optimizer; more steps change little


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A Gaussian process that has learnt a function's values at some points.

    Attributes:
        roots: square roots of the weights, one per feature, shape (f,).
        scale: variance of the function before any value is known.
        points: the known points times the roots, shape (n, f).
        inverse: inverse of the lower Cholesky factor of their covariance with noise, shape (n, n).
        solved: inverse of that covariance times the values, shape (n,).
    """

    roots: Numbers
    scale: float
    points: Numbers
    inverse: Numbers
    solved: Numbers

    def at(self, features: Numbers) -> tuple[Numbers, Numbers]:
        """Return mean and standard deviation, shape (m,) each, at points of shape (m, f)."""
        covariance = self._across(features)
        half = covariance @ self.inverse.T
        variance = self.scale - np.einsum("mn,mn->m", half, half)
        return covariance @ self.solved, np.sqrt(np.maximum(variance, 1e-12))

    def means(self, features: Numbers) -> Numbers:
        """Return the means only, which takes a fraction of the time."""
        found: Numbers = self._across(features) @ self.solved
        return found

    def _across(self, features: Numbers) -> Numbers:
        """Return the covariance between these points and the known ones, shape (m, n)."""
        kernel = _matern(*_decay(_squared(features * self.roots, self.points)))
        kernel *= self.scale
        return kernel

    def believing(self, features: Numbers) -> Gaussian:
        """Return the process as if the predicted values at these points were known."""
        points = features * self.roots
        across = self._across(features)
        among = self.scale * _matern(*_decay(_squared(points, points)))
        half = across @ self.inverse.T
        rest = _inverse(_factor(among - half @ half.T, 0.0, np.full(len(points), BELIEVED)))
        above = np.hstack([self.inverse, np.zeros((len(self.inverse), len(points)))])
        below = np.hstack([-rest @ half @ self.inverse, rest])
        # Predicted values change no prediction: the new points get weight 0.
        return Gaussian(
            roots=self.roots,
            scale=self.scale,
            points=np.concatenate([self.points, points]),
            inverse=np.concatenate([above, below]),
            solved=np.concatenate([self.solved, np.zeros(len(points))]),
        )


def fit(features: Numbers, owners: Places, values: Numbers, doubts: Numbers) -> Numbers:
    """Return the most probable logarithms: a weight for each owner, then scale and noise.

    Args:
        features: points, shape (n, f).
        owners: the hyperparameter that each feature belongs to, shape (f,).
        values: standardised, shape (n,).
        doubts: variance of each value, in addition to the noise that all share, shape (n,).
    """
    count = int(owners.max()) + 1
    squares, one_each = (features**2).T, np.eye(len(values))
    means = np.array([*[WEIGHT] * count, SCALE, NOISE])
    spreads = np.array([*[WEIGHT_SPREAD] * count, SCALE_SPREAD, NOISE_SPREAD])

    def loss(logs: Numbers) -> tuple[float, Numbers]:
        weights, scale, noise = np.exp(logs[:count])[owners], np.exp(logs[-2]), np.exp(logs[-1])
        points = features * np.sqrt(weights)
        root, decay = _decay(_squared(points, points))
        kernel, slope = _matern(root, decay), _slope(root, decay)
        factor = _factor(scale * kernel, noise, doubts)
        inverse = cho_solve((factor, True), one_each, check_finite=False)
        solved = inverse @ values
        outer = inverse - np.outer(solved, solved)  # twice the derivative by the covariance
        bend = scale * outer * slope
        moved = squares @ bend.sum(axis=1)
        moved -= np.einsum("nf,nf->f", features, bend @ features)
        off = (logs - means) / spreads
        value = np.log(np.diag(factor)).sum() + (values @ solved + off @ off) / 2
        by_weight = np.bincount(owners, moved * weights, count)
        by_rest = [scale * (outer * kernel).sum() / 2, noise * np.trace(outer) / 2]
        return float(value), np.concatenate([by_weight, by_rest]) + off / spreads

    bounds = Bounds(means - FARTHEST * spreads, means + FARTHEST * spreads)
    found = minimize(
        loss, means, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS}
    )
    return np.asarray(found.x)


def learn(
    features: Numbers, owners: Places, values: Numbers, doubts: Numbers, logs: Numbers
) -> Gaussian:
    """Learn values at points; the arguments are those of `fit`, and `logs` is what it returns."""
    roots, scale = np.exp(logs[:-2] / 2)[owners], float(np.exp(logs[-2]))
    points = features * roots
    kernel = _matern(*_decay(_squared(points, points)))
    factor = _factor(scale * kernel, np.exp(logs[-1]), doubts)
    return Gaussian(
        roots=roots,
        scale=scale,
        points=points,
        inverse=_inverse(factor),
        solved=cho_solve((factor, True), values, check_finite=False),
    )


def _factor(covariance: Numbers, noise: float, doubts: Numbers) -> Numbers:
    covariance.flat[:: len(doubts) + 1] += noise + NOISE_AT_LEAST + doubts
    factor: Numbers = cholesky(covariance, lower=True, check_finite=False)
    return factor


def _inverse(factor: Numbers) -> Numbers:
    inverse: Numbers = solve_triangular(factor, np.eye(len(factor)), lower=True, check_finite=False)
    return inverse


def _squared(one: Numbers, other: Numbers) -> Numbers:
    """Return squared distances, shape (n, m), between points of shape (n, f) and (m, f)."""
    squared: Numbers = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)
    squared -= 2 * one @ other.T
    return np.maximum(squared, 0.0, out=squared)


# In place if possible: allocating arrays of that size costs more than the computation.
def _decay(squared: Numbers) -> tuple[Numbers, Numbers]:
    """Return sqrt(5 * squared), in place, and the exponential of its negative."""
    squared *= 5
    root = np.sqrt(squared, out=squared)
    return root, np.exp(-root)


def _matern(root: Numbers, decay: Numbers) -> Numbers:
    """Return Matérn's kernel of smoothness 5/2."""
    kernel: Numbers = root**2
    kernel /= 3
    kernel += 1 + root
    kernel *= decay
    return kernel


def _slope(root: Numbers, decay: Numbers) -> Numbers:
    """Return the derivative of the kernel with respect to the squared distance."""
    slope: Numbers = 1 + root
    slope *= -5 / 6
    slope *= decay
    return slope
