"""Bootstrap of means by part of the data, from sums over blocks of rows or groups, and the error of the fit."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import SHIFT_SIGNS, Interactions, adjustment

__all__ = ["Bootstrap", "Resampling", "Rows", "bootstrap"]

MAX_BLOCKS = 8192  # rows are resampled in this many random blocks, which does not change the variance of a mean
CHUNK = 16  # resamples at a time


class Bootstrap(NamedTuple):
    """Means of seven quantities of G parts of the data, with errors and intervals, in nats.

    Attributes:
        mean: ``[G, 7]``.
        spread: Standard errors ``[G, 7]``; NaN, as are the ends of the intervals, for fewer than two rows or units.
        lower: Lower ends of the intervals ``[G, 7]``.
        upper: Upper ends ``[G, 7]``.
        num_samples: Number of finite rows ``[G]``.
        fit: The part of the standard errors that is due to the fit ``[G, 7]``; None for one seed.
        shift: The constant by which parts are shifted ``[G]``, the same for all.
    """

    mean: jax.Array
    spread: jax.Array
    lower: jax.Array
    upper: jax.Array
    num_samples: jax.Array
    fit: jax.Array | None
    shift: jax.Array


class Rows(NamedTuple):
    """What is resampled.

    Attributes:
        values: Seven quantities of each row ``[n, 7]`` in nats.
        by_seed: Those of each seed ``[m, n, 7]``; None for one seed.
        part: Part of the data of each row ``[n]``.
        units: Unit of each row ``[n]``, whose rows are drawn together; None to draw rows.
        weights: Weight of each row ``[n]``; None for equal weights.
    """

    values: jax.Array
    by_seed: jax.Array | None
    part: jax.Array
    units: jax.Array | None
    weights: jax.Array | None


class Resampling(NamedTuple):
    """The sizes of a bootstrap, each of which has its own program.

    Attributes:
        num_units: Number of units; None to draw rows.
        num_resamples: Number of resamples.
        padded: Number of parts with those that only pad, so that few programs are compiled.
    """

    num_units: int | None
    num_resamples: int
    padded: int


@partial(jax.jit, static_argnames="resampling")
def bootstrap(
    key: jax.Array,
    rows: Rows,
    num_parts: ArrayLike,
    level: ArrayLike,
    adjusted: ArrayLike,
    resampling: Resampling,
) -> Bootstrap:
    """Resamples rows, or units of several rows, of all parts of the data together.

    Args:
        key: Random key.
        rows: The rows.
        num_parts: Number of parts; means of those from here on are zero.
        level: Probability of an interval.
        adjusted: Whether the parts of every resample are shifted until no mean is negative.
        resampling: The sizes.

    Returns:
        A `Bootstrap` of the padded parts.
    """
    (values, by_seed, part, units, weights), padded = rows, resampling.padded
    # A row that is not finite has weight zero, whatever its values.
    is_finite = jnp.isfinite(values).all(1) & (True if by_seed is None else jnp.isfinite(by_seed).all((0, 2)))
    values = jnp.where(is_finite[:, None], values, 0)
    num_samples = jax.ops.segment_sum(is_finite.astype(values.dtype), part, padded)
    weights = is_finite.astype(values.dtype) if weights is None else jnp.where(is_finite, weights, 0)
    block_key, draw_key = jax.random.split(key)
    center = _center(values, weights)
    block, num_blocks = _blocks(block_key, units, resampling.num_units or len(values))
    sums, counts = _block_sums(values - center[None], weights, block * padded + part, num_blocks * padded, num_blocks)
    count = counts.sum(0)
    mean, shift = _shifted_means(sums.sum(0).reshape(padded, -1), count, center, adjusted)
    resampled = _resampled_means(draw_key, sums, counts, center, adjusted, resampling.num_resamples)
    # Percentile intervals and standard deviations over resamples.
    tail = (1 - level) / 2
    lower, upper = jnp.nanquantile(resampled, jnp.array([tail, 1 - tail]), axis=0)
    spread, fit = jnp.nanstd(resampled, axis=0, ddof=1), None
    if by_seed is not None:
        fit = _fit_error(jnp.where(is_finite[None, :, None], by_seed, 0), weights, part, padded, adjusted)
        spread, lower, upper = _widen(mean, spread, lower, upper, fit, tail)
    varies = (counts > 0).sum(0) > 1
    spread, lower, upper = (jnp.where(varies[:, None], ends, jnp.nan) for ends in (spread, lower, upper))
    # NaN of parts that only pad would be an error under jax_debug_nans.
    found = Bootstrap(mean, spread, lower, upper, num_samples, fit, jnp.full(padded, shift))
    is_part = jnp.arange(padded) < num_parts
    return jax.tree.map(lambda leaf: jnp.where(is_part if leaf.ndim == 1 else is_part[:, None], leaf, 0), found)


def _resampled_means(
    key: jax.Array, sums: jax.Array, counts: jax.Array, center: jax.Array, adjusted: ArrayLike, num_resamples: int
) -> jax.Array:
    """Means ``[B, G, 7]`` of resamples, from sums ``[M, 7 G]`` and counts ``[M, G]`` of blocks of rows."""
    num_blocks, num_groups = counts.shape

    # Blocks are drawn with replacement: a block's weight is how often it was drawn.
    def resample(key: jax.Array) -> jax.Array:
        drawn = jax.random.randint(key, (num_blocks,), 0, num_blocks)
        weights = jnp.zeros(num_blocks).at[drawn].add(1.0)
        return _shifted_means((weights @ sums).reshape(num_groups, -1), weights @ counts, center, adjusted)[0]

    return jax.lax.map(resample, jax.random.split(key, num_resamples), batch_size=CHUNK)


def _center(values: jax.Array, weights: jax.Array) -> jax.Array:
    """Mean of values ``[n, 7]`` with weights ``[n]``."""
    return weights @ values / jnp.maximum(weights.sum(), 1)


def _blocks(key: jax.Array, units: jax.Array | None, num_units: int) -> tuple[jax.Array, int]:
    """Random block of each row ``[n]``, and the number of blocks; blocks have nearly equal numbers of units."""
    num_blocks = min(num_units, MAX_BLOCKS)
    order = jax.random.permutation(key, num_units) % num_blocks
    return order if units is None else order[units], num_blocks


def _block_sums(
    deviations: jax.Array, weights: jax.Array, segment: jax.Array, num_segments: int, num_blocks: int
) -> tuple[jax.Array, jax.Array]:
    """Sums ``[M, 7 G]`` of weighted deviations ``[n, 7]`` and weights ``[M, G]`` over M blocks, by part of the data.

    A resample then draws blocks instead of rows; sums of deviations from the mean keep their digits for any n.
    """
    sums, counts = (
        jax.ops.segment_sum(column, segment, num_segments).reshape(num_blocks, -1)
        for column in (weights[:, None] * deviations, weights)
    )
    return sums, counts


def _shifted_means(
    total: jax.Array, count: jax.Array, center: jax.Array, adjusted: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Means ``[G, 7]`` from sums of deviations from a center, and the constant by which their parts are shifted."""
    overall = center + total.sum(0) / count.sum()
    shift = jnp.where(adjusted, adjustment(Interactions(*overall[:4])), 0.0)
    mean = center[None] + total / count[:, None]
    return mean.at[:, :4].add(shift * jnp.array([SHIFT_SIGNS])), shift


def _fit_error(
    by_seed: jax.Array, weights: jax.Array, group: jax.Array, num_groups: int, adjusted: ArrayLike
) -> jax.Array:
    """Standard error ``[G, 7]`` of a mean over m fits, from values ``[m, n, 7]``."""
    count = jax.ops.segment_sum(weights, group, num_groups)

    def of_seed(values: jax.Array) -> jax.Array:
        center = _center(values, weights)
        total = jax.ops.segment_sum(weights[:, None] * (values - center[None]), group, num_groups)
        return _shifted_means(total, count, center, adjusted)[0]

    return jax.vmap(of_seed)(by_seed).std(0, ddof=1) / jnp.sqrt(len(by_seed))


def _widen(
    mean: jax.Array, spread: jax.Array, lower: jax.Array, upper: jax.Array, fit: jax.Array, tail: ArrayLike
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Standard errors and intervals ``[G, 7]`` with the error of the fit, in quadrature."""
    margin = jax.scipy.stats.norm.ppf(1 - tail) * fit
    below, above = jnp.abs(mean - lower), jnp.abs(upper - mean)
    return (
        jnp.hypot(spread, fit),
        lower - (jnp.hypot(below, margin) - below),
        upper + (jnp.hypot(above, margin) - above),
    )
