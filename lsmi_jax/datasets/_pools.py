"""Tasks from pools of real rows, paired so that the type of each sample is known."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.datasets._mixtures import check_proportions
from lsmi_jax.decomposition import as_array, check_count
from lsmi_jax.inputs import check_key

__all__ = ["TypedSamples", "preset_from_pool"]


class TypedSamples(NamedTuple):
    """Samples of an unknown distribution that each carry one known interaction.

    Attributes:
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]``.
        sample_types: Interaction that each sample carries ``[n]``, an index of `SAMPLE_TYPES`.
    """

    features: tuple[jax.Array, jax.Array]
    labels: jax.Array
    sample_types: jax.Array


def preset_from_pool(
    key: jax.Array,
    pool1: ArrayLike,
    labels1: ArrayLike,
    pool2: ArrayLike,
    labels2: ArrayLike,
    proportions: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
    num_classes: int = 2,
    *,
    num_samples: int | None = None,
) -> TypedSamples:
    """Pairs rows of two labeled pools so that each pair carries one preset interaction.

    Redundancy: both rows belong to the class. Uniqueness: one row belongs to the class, and the other to a random
    class. Synergy: the rows belong to classes a and b, with y = (a + b) mod K. Each row is used at most once, so
    no row is in two folds.

    Args:
        key: Random key.
        pool1: Feature rows of the first modality, ``[p, d1]``.
        labels1: Their classes ``[p]``; only rows of classes below K are used.
        pool2: Feature rows of the second modality, ``[q, d2]``.
        labels2: Their classes ``[q]``.
        proportions: Probability of each of `SAMPLE_TYPES`.
        num_classes: Number of classes K.
        num_samples: Number of samples n; None for as many as possible.

    Returns:
        `TypedSamples` in random order.

    Raises:
        TypeError: If the key is not a random key, or labels or a number are not integers.
        ValueError: If the pools are too small for ``num_samples``, or an argument has the wrong shape or values.
    """
    order_key, type_key, other_key, partner_key = jax.random.split(check_key(key), 4)
    check_count("num_classes", num_classes, 2)
    proportions = check_proportions(proportions)
    blocks = [_check_pool(*pool) for pool in (("1", pool1, labels1), ("2", pool2, labels2))]
    (rows_of_1, classes1), (rows_of_2, classes2) = blocks
    if num_samples is not None:
        check_count("num_samples", num_samples, 1)
    rows1 = np.asarray(jax.random.permutation(order_key, len(classes1)))
    rows1 = rows1[classes1[rows1] < num_classes]
    rows2 = np.asarray(jax.random.permutation(partner_key, len(classes2)))
    # Draw the type of each pair, the class of its second row, and from both the label.
    log_proportions = jnp.log(jnp.asarray(proportions))
    types = np.asarray(jax.random.categorical(type_key, log_proportions, shape=rows1.shape))
    other = np.asarray(jax.random.randint(other_key, rows1.shape, 0, num_classes))
    first = classes1[rows1]
    second = np.where(types == 0, first, other)
    labels = np.select([types <= 1, types == 2], [first, second], (first + second) % num_classes)
    # Assign second rows of the wanted class in random order, until the class is used up.
    partner = np.full(len(rows1), -1)
    for c in range(num_classes):
        wanted, available = np.flatnonzero(second == c), rows2[classes2[rows2] == c]
        count = min(len(wanted), len(available))
        partner[wanted[:count]] = available[:count]
    paired = np.flatnonzero(partner >= 0)
    if num_samples is not None and len(paired) < num_samples:
        raise ValueError(f"num_samples: expected at most {len(paired)} for these pools, got {num_samples}")
    used = paired[:num_samples]
    features = (jnp.asarray(rows_of_1[rows1[used]]), jnp.asarray(rows_of_2[partner[used]]))
    return TypedSamples(features, jnp.asarray(labels[used], jnp.int32), jnp.asarray(types[used], jnp.int32))


def _check_pool(number: str, pool: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Rows ``[p, d]`` of a pool and their classes ``[p]``."""
    rows, classes = np.asarray(as_array(f"pool{number}", pool)), np.asarray(as_array(f"labels{number}", labels))
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"pool{number}: expected shape [p, d] with p, d >= 1, got {rows.shape}")
    if not np.issubdtype(classes.dtype, np.integer):
        raise TypeError(f"labels{number}: expected integers, got dtype {classes.dtype}")
    if classes.shape != rows.shape[:1]:
        raise ValueError(f"labels{number}: expected one for each of {len(rows)} rows, got shape {classes.shape}")
    if classes.min() < 0:
        raise ValueError(f"labels{number}: expected 0..K-1, got {classes.min()}")
    return rows, classes
