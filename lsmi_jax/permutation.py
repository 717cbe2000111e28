"""Could the interactions be chance? The same estimate, with the labels permuted."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.estimate import estimate
from lsmi_jax.result import Estimate
from lsmi_jax.summary import Means

__all__ = ["PermutationTest", "permutation_test"]


class PermutationTest(NamedTuple):
    """Mean interactions and information beside what they are when the labels mean nothing.

    Attributes:
        observed: Means of the data, scalars, in nats.
        null: The same under permuted labels, ``[num_permutations]``, in nats.
        p_value: Probability of a mean at least as large if labels and features were independent.
    """

    observed: Means
    null: Means
    p_value: Means


def permutation_test(
    key: jax.Array,
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    num_permutations: int = 99,
    **options: Any,
) -> PermutationTest:
    """Tests each mean against its distribution under independence of labels and features.

    Everything is fitted anew on every permutation, with new folds, so that the data and the permutations
    are exchangeable under the null and the p-values exact, whatever the estimator. It costs
    ``num_permutations + 1`` estimates, compiled once.

    Args:
        key: Random key.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]`` in ``0..K-1``.
        num_permutations: Number of permutations; p-values are multiples of ``1 / (num_permutations + 1)``.
        **options: Options of `lsmi_jax.estimate`.

    Returns:
        A `PermutationTest`. The total is ``information12``; each part has its own p-value, raw.

    Raises:
        TypeError: As `lsmi_jax.estimate`.
        ValueError: As `lsmi_jax.estimate`, or if ``num_permutations`` is not positive.
    """
    if num_permutations < 1:
        raise ValueError(f"num_permutations: expected at least 1, got {num_permutations}")
    permutation_key, *keys = jax.random.split(key, num_permutations + 2)
    observed = _means(estimate(keys[0], features, labels, **options))
    permuted = []
    for one_key, order_key in zip(keys[1:], jax.random.split(permutation_key, num_permutations), strict=True):
        order = np.asarray(jax.random.permutation(order_key, len(np.asarray(labels))))
        permuted.append(_means(estimate(one_key, features, np.asarray(labels)[order], **options)))
    null = Means(*(jnp.stack(column) for column in zip(*permuted, strict=True)))
    p_values = [(1 + (n >= o).sum()) / (num_permutations + 1) for n, o in zip(null, observed, strict=True)]
    return PermutationTest(observed, null, Means(*p_values))


def _means(result: Estimate) -> Means:
    return Means(*(part.mean() for part in (*result.interactions, *result.information)))
