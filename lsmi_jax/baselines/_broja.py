"""BROJA: the unique information of a discrete joint distribution, by an interior-point method."""

from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.baselines._interior_point import optimize, xlogx
from lsmi_jax.decomposition import check_count, check_positive, from_redundancy
from lsmi_jax.inputs import check_features, check_key, check_labels, import_extra

__all__ = ["Broja", "broja", "broja_from_features"]

NEGLIGIBLE = 1e-11  # smaller probabilities become zero; together they change the result by less than the tolerance

# JAX before 0.8 has it in jax.experimental only.
_enable_x64: Any = jax.enable_x64 if hasattr(jax, "enable_x64") else import_module("jax.experimental").enable_x64


class Broja(NamedTuple):
    """Partial information decomposition of a discrete joint distribution, in nats.

    Attributes:
        redundancy: Information that both sources have.
        unique1: Information that only the first source has.
        unique2: Information that only the second source has.
        synergy: Information that only both sources together have.
        gap: Bound on the error of each part, from a feasible point of the dual problem.
        joint: Joint ``[n1, n2, K]`` with the least information among those with the same two source-target marginals.
    """

    redundancy: jax.Array
    unique1: jax.Array
    unique2: jax.Array
    synergy: jax.Array
    gap: jax.Array
    joint: jax.Array


def broja(p: ArrayLike, *, tolerance: float = 1e-7, max_steps: int = 100) -> Broja:
    """Decomposes the information of two discrete sources about a target by the unique information.

    Bertschinger et al., "Quantifying unique information" (2014): among all joints with the marginals
    ``p(x1, y)`` and ``p(x2, y)``, take the one with the least information ``I(X1, X2; Y)``. This is the PID-CVX
    baseline of Yang et al. (2025). It is solved in float64 by a primal-dual interior-point method. Works under
    `jax.jit`, `jax.vmap` and `jax.grad`; gradients are those of the optimum, from its dual variables.

    Args:
        p: Joint probabilities ``[n1, n2, K]`` of first source, second source and target.
        tolerance: Gap at which to stop, in nats.
        max_steps: Maximum number of Newton steps. Check `Broja.gap` if it may be reached.

    Returns:
        A `Broja` of scalars, float64 if 64-bit types are enabled, else float32.

    Raises:
        TypeError: If ``max_steps`` is not an integer.
        ValueError: If ``p`` is not ``[n1, n2, K]``, or not a distribution (not checked under ``jit``), or an option is
            not positive.

    Examples:
        >>> xor = jnp.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]) / 4
        >>> print(f"{broja(xor).synergy:.4f}")
        0.6931
    """
    _check(p)
    check_count("max_steps", max_steps, 1)
    check_positive("tolerance", tolerance)
    dtype = jax.dtypes.canonicalize_dtype(jnp.float64)
    with _enable_x64(True):
        result = _broja(jnp.asarray(p, jnp.float64), tolerance, max_steps)
        return jax.tree.map(lambda leaf: leaf.astype(dtype), result)


def broja_from_features(
    key: jax.Array, features: tuple[ArrayLike, ArrayLike], labels: ArrayLike, *, num_clusters: int = 20
) -> Broja:
    """Clusters each modality by k-means and decomposes the joint frequencies of clusters and labels.

    Args:
        key: Random key, for the clustering.
        features: Two blocks ``([n, d1], [n, d2])``.
        labels: Class labels ``[n]`` in ``0..K-1``.
        num_clusters: Number of clusters of each modality.

    Returns:
        The `Broja` of the frequencies.

    Raises:
        ImportError: If scikit-learn is missing.
        TypeError: If the key, features or labels have a wrong type.
        ValueError: If features or labels have a wrong shape or wrong values.
    """
    key = check_key(key)
    check_count("num_clusters", num_clusters, 1)
    cluster = import_extra("sklearn.cluster", purpose="broja_from_features", extra="baselines")
    blocks = check_features(features)
    checked, num_classes = check_labels(labels, len(blocks[0]), None)
    seeds = np.asarray(jax.random.randint(key, (2,), 0, 2**31 - 1))
    codes = [
        cluster.KMeans(num_clusters, n_init=4, random_state=int(seed)).fit_predict(np.asarray(block))
        for seed, block in zip(seeds, blocks, strict=True)
    ]
    counts = np.zeros((num_clusters, num_clusters, num_classes))
    np.add.at(counts, (*codes, np.asarray(checked)), 1)
    return broja(counts / counts.sum())


def _check(p: ArrayLike) -> None:
    """Checks the shape of a joint, and its values unless they are traced."""
    shape = np.shape(p)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"p: expected shape [n1, n2, K], got {shape}")
    if isinstance(p, jax.core.Tracer):
        return
    values = np.asarray(p, float)
    if not (np.isfinite(values).all() and (values >= 0).all() and abs(values.sum() - 1) < 1e-4):
        raise ValueError(
            f"p: expected probabilities that sum to 1, got {values.min()} to {values.max()}, sum {values.sum()}"
        )


@partial(jax.jit, static_argnums=2)
def _broja(p: jax.Array, tolerance: float, max_steps: int) -> Broja:
    """Decomposes a float64 joint."""
    p = jnp.where(p > NEGLIGIBLE * p.sum(), p, 0)
    p = p / p.sum()
    p1, p2, py = p.sum(1), p.sum(0), p.sum((0, 1))
    # The optimum depends on the marginals only, and its derivatives by them are the dual variables (envelope
    # theorem). So gradients flow through the marginals in `value`, and none through the iteration.
    optimum = optimize(*jax.lax.stop_gradient((p1, p2)), tolerance, max_steps)
    value = (optimum.a * p1).sum() + (optimum.b * p2).sum()
    # Information from entropies: I(X; Y) = H(Y) + sum p(x, y) log p(x, y) - sum p(x) log p(x).
    entropy = -xlogx(py).sum()
    i1, i2 = (entropy + xlogx(marginal).sum() - xlogx(marginal.sum(1)).sum() for marginal in (p1, p2))
    i12 = entropy + xlogx(p).sum() - xlogx(p.sum(2)).sum()
    # The union information is that of the feasible joint: the dual value plus the gap.
    union = entropy + value + optimum.gap
    return Broja(*from_redundancy(i1 + i2 - union, i1, i2, i12), optimum.gap, optimum.joint)
