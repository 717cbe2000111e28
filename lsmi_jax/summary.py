"""Means of interactions and of information, with standard errors and bootstrap intervals."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import Interactions, adjustment

__all__ = ["Means", "Summary", "summarize"]

MAX_BLOCKS = 8192  # rows are drawn together in so many random blocks, which leaves the variance of a mean as it is
CHUNK = 16  # resamples at a time


class Means(NamedTuple):
    """Means over samples: R, U1, U2, S, and I1, I2, I12; scalars or ``[G]``, in nats."""

    redundancy: jax.Array
    unique1: jax.Array
    unique2: jax.Array
    synergy: jax.Array
    information1: jax.Array
    information2: jax.Array
    information12: jax.Array


class Summary(NamedTuple):
    """Means of all samples (scalars) or of each group (``[G]``), in nats, and how far they can be trusted.

    Errors and interval are those of resampled samples, the models being given; NaN for fewer than two
    samples.

    Attributes:
        mean: Means of the quantities.
        standard_error: Their bootstrap standard errors.
        lower: Lower end of their bootstrap percentile intervals.
        upper: Upper end.
        num_samples: Number of samples.
    """

    mean: Means
    standard_error: Means
    lower: Means
    upper: Means
    num_samples: jax.Array


def summarize(
    key: jax.Array,
    interactions: Interactions,
    information: tuple[jax.Array, jax.Array, jax.Array],
    groups: ArrayLike | None = None,
    *,
    adjusted: bool = False,
    level: float = 0.95,
    num_resamples: int = 1000,
) -> Summary:
    """Means with bootstrap standard errors and percentile intervals, overall or by group.

    Args:
        key: Random key of the resampling.
        interactions: Interactions ``[n]`` in nats.
        information: Pointwise information ``i1, i2, i12``, each ``[n]``, in nats.
        groups: Group of each sample, ``0..G-1``, integers ``[n]``; None for all together.
        adjusted: Whether the means are those after the paper's shift, `lsmi_jax.adjust`, whose constant
            is then computed anew from each resample.
        level: Probability that an interval aims to cover the mean with.
        num_resamples: Number of resamples.

    Returns:
        A `Summary` of scalars, or of ``[G]`` arrays.

    Raises:
        TypeError: If ``groups`` are not integers.
        ValueError: If ``groups`` are not ``[n]`` or negative, or an option is out of range.

    Examples:
        >>> part = jnp.array([0.0, 1.0, 2.0, 3.0])
        >>> parts = Interactions(part, part, part, part)
        >>> print(summarize(jax.random.key(0), parts, (part,) * 3, jnp.array([0, 0, 1, 1])).mean.redundancy)
        [0.5 2.5]
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected between 0 and 1, got {level}")
    if num_resamples < 2:
        raise ValueError(f"num_resamples: expected at least 2, got {num_resamples}")
    index = _check_groups(groups, len(interactions.redundancy))
    values = jnp.stack([*interactions, *information], axis=1)
    num_groups = int(index.max()) + 1
    # Groups that stay empty cost less than a program for each number of groups, and for each option, takes to compile.
    padded = max(4, 1 << (num_groups - 1).bit_length())
    everything = _bootstrap(key, values, jnp.asarray(index), padded, adjusted, level, num_resamples)
    return jax.tree.map(lambda leaf: leaf[0] if groups is None else leaf[:num_groups], everything)


def _check_groups(groups: ArrayLike | None, size: int) -> np.ndarray:
    index = np.zeros(size, int) if groups is None else np.asarray(groups)
    if not np.issubdtype(index.dtype, np.integer):
        raise TypeError(f"groups: expected integers, got dtype {index.dtype}")
    if index.shape != (size,) or size == 0:
        raise ValueError(f"groups: expected shape ({size},) of at least one sample, got {index.shape}")
    if index.min() < 0:
        raise ValueError(f"groups: expected 0..G-1, got {index.min()}")
    return index


@partial(jax.jit, static_argnums=(3, 6))
def _bootstrap(key, values, group, num_groups, adjusted, level, num_resamples) -> Summary:
    block_key, draw_key = jax.random.split(key)
    size = len(values)
    num_blocks = min(size, MAX_BLOCKS)
    block = jax.random.permutation(block_key, size) % num_blocks
    centre = values.mean(0)  # sums of deviations keep their digits however long the data
    sums, counts = (
        jax.ops.segment_sum(column, block * num_groups + group, num_blocks * num_groups).reshape(num_blocks, -1)
        for column in (values - centre[None], jnp.ones(size))
    )

    def means(weights: jax.Array) -> jax.Array:
        """Means [G, 7] with so much weight [M] on each block."""
        total, count = (weights @ sums).reshape(num_groups, -1), weights @ counts
        mean = centre[None] + total / count[:, None]
        overall = centre + total.sum(0) / count.sum()
        shift = jnp.where(adjusted, adjustment(Interactions(*overall[:4])), 0.0)
        return mean.at[:, :4].add(shift * jnp.array([[1.0, -1.0, -1.0, 1.0]]))

    def resample(key: jax.Array) -> jax.Array:
        drawn = jax.random.randint(key, (num_blocks,), 0, num_blocks)
        return means(jnp.zeros(num_blocks).at[drawn].add(1.0))

    resampled = jax.lax.map(resample, jax.random.split(draw_key, num_resamples), batch_size=CHUNK)
    count = counts.sum(0)
    known = (count > 1)[:, None]
    tail = (1 - level) / 2
    lower, upper = jnp.nanquantile(resampled, jnp.array([tail, 1 - tail]), axis=0)
    spread = jnp.nanstd(resampled, axis=0, ddof=1)
    mean = means(jnp.ones(num_blocks))
    spread, lower, upper = (jnp.where(known, one, jnp.nan) for one in (spread, lower, upper))
    return Summary(Means(*mean.T), Means(*spread.T), Means(*lower.T), Means(*upper.T), count)
