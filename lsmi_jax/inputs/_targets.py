"""Targets: classes, or numbers that are cut into bins at their quantiles."""

from typing import Any, Literal, get_args

import jax
import numpy as np

from lsmi_jax.decomposition import check_count
from lsmi_jax.inputs._sharding import to_host
from lsmi_jax.inputs._validation import check_numbers

__all__ = ["NUM_KNOTS", "Target", "bins_of", "check_target", "fitted_bins", "names_of_bins"]

Target = Literal["classes", "continuous"]
"""What the labels are."""

LEAST_BINS, MOST_BINS = 4, 32
ROWS_PER_SQUARED_BINS = 4  # bins are half the root of the number of rows n, with two roots of n rows in each
NUM_KNOTS = 257  # quantiles that a fitted estimator keeps


def check_target(target: Any) -> bool:
    """Whether a target is continuous; raises ValueError for an unknown word."""
    if target not in get_args(Target):
        raise ValueError(f"target: expected one of {', '.join(get_args(Target))}, got {target!r}")
    return target == "continuous"


def bins_of(
    labels: Any, num_samples: int, num_bins: int | None, weights: jax.Array | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts a continuous target into bins of equal weight.

    Args:
        labels: Targets ``[n]``, finite numbers.
        num_samples: Number of rows n.
        num_bins: Number of bins; None for half the root of the number of rows with a target, from 4 to 32. Bins that
            only ties would fill are joined.
        weights: Weight of each row ``[n]``, zero for one without a target; None for equal weights.

    Returns:
        Bins ``[n]`` in ``0..B-1``, ranks ``[n]`` from 0 to 1, and the quantiles ``[NUM_KNOTS]`` of the targets.

    Raises:
        TypeError: If the targets are not numbers.
        ValueError: If they are not ``[n]``, not finite, or all the same.
    """
    values = _check_targets(labels, num_samples)
    shares = np.ones(num_samples) if weights is None else np.asarray(to_host(weights), np.float64)
    # The rank of a value is the weight below it and half of its own.
    distinct, which = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        raise ValueError(f"labels: expected at least two different numbers, got {distinct[0]} in every row")
    own = np.bincount(which, shares) / shares.sum()
    ranks = (np.cumsum(own) - own / 2)[which]
    default = int(np.clip(np.sqrt(np.count_nonzero(shares) / ROWS_PER_SQUARED_BINS), LEAST_BINS, MOST_BINS))
    count = default if num_bins is None else num_bins
    bins = np.minimum((ranks * check_count("num_classes", count, 2)).astype(int), count - 1)
    below = np.searchsorted(np.cumsum(own), np.linspace(0, 1, NUM_KNOTS))
    knots = distinct[np.minimum(below, len(distinct) - 1)]
    return np.unique(bins, return_inverse=True)[1], ranks.astype(np.float32), knots.astype(np.float32)


def names_of_bins(labels: Any, bins: np.ndarray) -> np.ndarray:
    """Names of the bins of a continuous target, by the numbers that they hold.

    Args:
        labels: Targets ``[n]``.
        bins: Bin of each ``[n]``, ``0..B-1``.

    Returns:
        Names ``[B]``, such as ``0.1 to 0.25``.

    Examples:
        >>> print(*names_of_bins(np.array([0.1, 3.0, 0.25, 3.0]), np.array([0, 1, 0, 1])), sep=", ")
        0.1 to 0.25, 3
    """
    values = _check_targets(labels, len(bins))
    ends = [(values[bins == b].min(), values[bins == b].max()) for b in range(bins.max() + 1)]
    return np.array([f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}" for low, high in ends])


def fitted_bins(labels: Any, num_samples: int, knots: Any, log_prior: Any) -> tuple[np.ndarray, np.ndarray]:
    """Bins and ranks of new targets, by the quantiles and the bins of a fit.

    Args:
        labels: Targets ``[n]``.
        num_samples: Number of rows n.
        knots: Quantiles of the fit.
        log_prior: Log-prior of its bins ``[B]``.

    Returns:
        Bins ``[n]`` and ranks ``[n]``.

    Raises:
        TypeError: If the targets are not numbers.
        ValueError: If they are not ``[n]``, or not finite.
    """
    values = _check_targets(labels, num_samples)
    quantiles = np.asarray(to_host(knots), np.float64)
    # Of equal quantiles, the rank is in the middle.
    at = np.linspace(0, 1, len(quantiles))
    low, high = (np.searchsorted(quantiles, values, side) for side in ("left", "right"))
    middle = (at[np.clip(low, 0, len(at) - 1)] + at[np.clip(high - 1, 0, len(at) - 1)]) / 2
    ranks = np.where(high - low > 1, middle, np.interp(values, quantiles, at))
    edges = np.cumsum(np.exp(np.asarray(to_host(log_prior), np.float64)))[:-1]
    return np.searchsorted(edges, ranks), ranks.astype(np.float32)


def _check_targets(labels: Any, num_samples: int) -> np.ndarray:
    """Checks targets ``[n]``."""
    values = check_numbers("labels", labels, num_samples, ' for target="continuous"')
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise ValueError(f"labels: expected finite numbers, got NaN or inf in {bad} of {num_samples} rows")
    return values
