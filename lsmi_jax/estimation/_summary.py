"""Means of interactions and of information, with standard errors and bootstrap intervals."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import INFORMATION, PARTS, Interactions, Means, adjustment
from lsmi_jax.estimation._formatting import LABELS, Overview, Row, is_concrete, plain_repr
from lsmi_jax.inputs import check_key

__all__ = ["Summary", "summarize"]

MAX_BLOCKS = 8192  # rows are resampled in this many random blocks, which does not change the variance of a mean
CHUNK = 16  # resamples at a time


class Summary(NamedTuple):
    """Means of all samples (scalars) or of each group (``[G]``), in nats, with bootstrap errors and intervals.

    The bootstrap resamples samples and is conditional on the fitted models. Errors and intervals are NaN for fewer
    than two samples.

    Attributes:
        mean: Means of the quantities.
        standard_error: Their bootstrap standard errors.
        lower: Lower ends of their bootstrap percentile intervals.
        upper: Upper ends.
        num_samples: Number of samples.
    """

    mean: Means
    standard_error: Means
    lower: Means
    upper: Means
    num_samples: jax.Array

    def __repr__(self) -> str:
        if not is_concrete(self) or np.ndim(self.num_samples) > 1:
            return plain_repr(self)
        return self._overall().as_text() if np.ndim(self.num_samples) == 0 else self._by_group().as_text()

    def _overall(self) -> Overview:
        """One row per quantity."""
        rows = []
        for field in (quantity.field for quantity in (*PARTS, *INFORMATION)):
            mean, error, lower, upper = (float(getattr(means, field)) for means in self[:4])
            rows.append(Row(LABELS[field], (f"{mean:+z.3f}", f"{error:.3f}", f"{lower:+z.3f} to {upper:+z.3f}")))
        return Overview(f"Summary of {int(self.num_samples)} samples, in nats", ("mean", "error", "interval"), rows)

    def _by_group(self) -> Overview:
        """One row per group, with the mean of every quantity."""
        quantities = (*PARTS, *INFORMATION)
        means = np.stack([np.asarray(getattr(self.mean, quantity.field)) for quantity in quantities], axis=1)
        rows = [
            Row(f"{group}", (f"{int(count)}", *(f"{mean:+z.3f}" for mean in row)))
            for group, (count, row) in enumerate(zip(np.asarray(self.num_samples), means, strict=True))
        ]
        header = ("samples", *(quantity.symbol for quantity in quantities))
        return Overview(f"Summary of {len(rows)} groups: means in nats", header, rows)


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
        groups: Group of each sample, ``0..G-1``, integers ``[n]``; None for all samples together.
        adjusted: Whether to apply the paper's shift, `lsmi_jax.adjust`; its constant is computed anew for each
            resample.
        level: Nominal coverage of the intervals.
        num_resamples: Number of resamples.

    Returns:
        A `Summary` of scalars, or of ``[G]`` arrays.

    Raises:
        TypeError: If ``key`` is not a random key or ``groups`` are not integers.
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
    # All seven quantities are resampled together.
    values = jnp.stack([*interactions, *information], axis=1)
    num_groups = int(index.max()) + 1
    # Padding with empty groups costs less than compiling a program for each number of groups.
    padded = max(4, 1 << (num_groups - 1).bit_length())
    summary = _bootstrap(check_key(key), values, jnp.asarray(index), padded, adjusted, level, num_resamples)
    return jax.tree.map(lambda leaf: leaf[0] if groups is None else leaf[:num_groups], summary)


def _check_groups(groups: ArrayLike | None, size: int) -> np.ndarray:
    """Checks groups ``[n]`` in ``0..G-1``."""
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
    """Bootstrap of values ``[n, 7]`` by group, from sums over random blocks of rows."""
    block_key, draw_key = jax.random.split(key)
    size = len(values)
    num_blocks = min(size, MAX_BLOCKS)
    # Sums over random blocks of rows: a resample then draws blocks instead of rows.
    block = jax.random.permutation(block_key, size) % num_blocks
    # Sums of deviations from the mean keep their digits for any number of rows.
    center = values.mean(0)
    sums, counts = (
        jax.ops.segment_sum(column, block * num_groups + group, num_blocks * num_groups).reshape(num_blocks, -1)
        for column in (values - center[None], jnp.ones(size))
    )

    def means(weights: jax.Array) -> jax.Array:
        """Means ``[G, 7]`` for weights ``[M]`` of the blocks."""
        total, count = (weights @ sums).reshape(num_groups, -1), weights @ counts
        mean = center[None] + total / count[:, None]
        overall = center + total.sum(0) / count.sum()
        shift = jnp.where(adjusted, adjustment(Interactions(*overall[:4])), 0.0)
        return mean.at[:, :4].add(shift * jnp.array([[1.0, -1.0, -1.0, 1.0]]))

    # Blocks are drawn with replacement: a block's weight is how often it was drawn.
    def resample(key: jax.Array) -> jax.Array:
        drawn = jax.random.randint(key, (num_blocks,), 0, num_blocks)
        return means(jnp.zeros(num_blocks).at[drawn].add(1.0))

    resampled = jax.lax.map(resample, jax.random.split(draw_key, num_resamples), batch_size=CHUNK)
    # Percentile intervals and standard deviations over resamples; NaN where a group has fewer than two rows.
    count = counts.sum(0)
    known = (count > 1)[:, None]
    tail = (1 - level) / 2
    lower, upper = jnp.nanquantile(resampled, jnp.array([tail, 1 - tail]), axis=0)
    spread = jnp.nanstd(resampled, axis=0, ddof=1)
    mean = means(jnp.ones(num_blocks))
    spread, lower, upper = (jnp.where(known, values, jnp.nan) for values in (spread, lower, upper))
    return Summary(Means(*mean.T), Means(*spread.T), Means(*lower.T), Means(*upper.T), count)
