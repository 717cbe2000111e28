"""Means of interactions with their standard errors."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import Interactions

__all__ = ["Summary", "summarize"]


class Summary(NamedTuple):
    """Mean interactions, of all samples (scalars) or of each group (``[G]``), in nats.

    Attributes:
        mean: R, U1, U2, S.
        standard_error: Standard errors of these means over samples, the models being given; NaN for
            fewer than two samples.
        num_samples: Number of samples.
    """

    mean: Interactions
    standard_error: Interactions
    num_samples: jax.Array


def summarize(interactions: Interactions, groups: ArrayLike | None = None) -> Summary:
    """Mean and standard error of each part, overall or by group.

    Args:
        interactions: Interactions ``[n]`` in nats.
        groups: Group of each sample, ``0..G-1``, integers ``[n]``; None for all together.

    Returns:
        A `Summary` of scalars, or of ``[G]`` arrays.

    Raises:
        TypeError: If ``groups`` are not integers.
        ValueError: If ``groups`` are not ``[n]`` or negative.

    Example:
        >>> part = jnp.array([0.0, 1.0, 2.0, 3.0])
        >>> print(summarize(Interactions(part, part, part, part), jnp.array([0, 0, 1, 1])).mean.redundancy)
        [0.5 2.5]
    """
    size = len(interactions.redundancy)
    index = np.zeros(size, int) if groups is None else np.asarray(groups)
    if not np.issubdtype(index.dtype, np.integer):
        raise TypeError(f"groups: expected integers, got dtype {index.dtype}")
    if index.shape != (size,) or size == 0:
        raise ValueError(f"groups: expected shape ({size},) of at least one sample, got {index.shape}")
    if index.min() < 0:
        raise ValueError(f"groups: expected 0..G-1, got {index.min()}")
    num_groups = int(index.max()) + 1
    group = jnp.asarray(index)
    count = jax.ops.segment_sum(jnp.ones(size), group, num_groups)
    moments = [_moments(part, group, count) for part in interactions]
    mean, error = (Interactions(*parts) for parts in zip(*moments, strict=True))
    everything = Summary(mean, error, count)
    return jax.tree.map(lambda leaf: leaf[0], everything) if groups is None else everything


def _moments(part: jax.Array, index: jax.Array, count: jax.Array) -> tuple[jax.Array, jax.Array]:
    num_groups = len(count)
    mean = jax.ops.segment_sum(part, index, num_groups) / count
    squared = jax.ops.segment_sum((part - mean[index]) ** 2, index, num_groups)
    return mean, jnp.sqrt(squared / (count - 1) / count)
