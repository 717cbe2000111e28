"""Permutation test: could the mean interactions be chance?"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import INFORMATION, PARTS, Means
from lsmi_jax.estimation._estimate import estimate
from lsmi_jax.estimation._formatting import LABELS, Overview, Row, is_concrete, plain_repr
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.inputs import check_key

__all__ = ["PermutationTest", "permutation_test"]


class PermutationTest(NamedTuple):
    """Mean interactions and information, and their distribution if labels and features were independent.

    Attributes:
        observed: Means of the data, scalars, in nats.
        null: Means under permuted labels, ``[num_permutations]``, in nats.
        p_value: Probability of a mean at least as large if labels and features were independent.
    """

    observed: Means
    null: Means
    p_value: Means

    def __repr__(self) -> str:
        if not is_concrete(self):
            return plain_repr(self)
        rows = []
        for field in (quantity.field for quantity in (*PARTS, *INFORMATION)):
            observed, null, p_value = (np.asarray(getattr(means, field)) for means in self)
            rows.append(Row(LABELS[field], (f"{observed:+z.3f}", f"{null.mean():+z.3f}", f"{p_value:.3g}")))
        heading = f"PermutationTest with {len(self.null.redundancy)} permutations of the labels: raw means in nats"
        return Overview(heading, ("observed", "null mean", "p-value"), rows).as_text()


def permutation_test(
    key: jax.Array,
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    num_permutations: int = 99,
    **options: Any,
) -> PermutationTest:
    """Tests each mean against its distribution under independence of labels and features.

    Every permutation refits all models with new folds, so that data and permutations are exchangeable under
    the null hypothesis and the p-values are exact for any estimator. The test costs ``num_permutations + 1``
    estimates, compiled once.

    Args:
        key: Random key.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]`` in ``0..K-1``.
        num_permutations: Number of permutations; p-values are multiples of ``1 / (num_permutations + 1)``.
        **options: Options of `lsmi_jax.estimate`.

    Returns:
        A `PermutationTest`. The total is ``information12``; each part has its own p-value, for raw means.

    Raises:
        TypeError: As `lsmi_jax.estimate`.
        ValueError: As `lsmi_jax.estimate`, or if ``num_permutations`` is not positive.
    """
    if num_permutations < 1:
        raise ValueError(f"num_permutations: expected at least 1, got {num_permutations}")
    key = check_key(key)
    permutation_key, *keys = jax.random.split(key, num_permutations + 2)
    observed = _means(estimate(keys[0], features, labels, **options))
    permuted = []
    for own_key, order_key in zip(keys[1:], jax.random.split(permutation_key, num_permutations), strict=True):
        order = np.asarray(jax.random.permutation(order_key, len(np.asarray(labels))))
        permuted.append(_means(estimate(own_key, features, np.asarray(labels)[order], **options)))
    # The observed estimate counts as one permutation, so that no p-value is zero.
    null = Means(*(jnp.stack(column) for column in zip(*permuted, strict=True)))
    p_values = [(1 + (n >= o).sum()) / (num_permutations + 1) for n, o in zip(null, observed, strict=True)]
    return PermutationTest(observed, null, Means(*p_values))


def _means(result: Estimate) -> Means:
    """Raw means of an estimate."""
    return Means(*(part.mean() for part in (*result.interactions, *result.information)))
