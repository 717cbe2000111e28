"""BROJA: the unique information of a discrete joint, by an interior-point method."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import from_redundancy
from lsmi_jax.validation import check_features, check_labels

__all__ = ["Broja", "broja", "broja_from_features"]

CENTRING = 0.1  # by how much a step aims to lessen the products of mass and slack
NEGLIGIBLE = 1e-11  # probabilities below count as zero: together they say less than the tolerance
MAX_CHANGE = 2.0  # of a dual in one step, in nats
MARGIN = 0.05  # keeps the start off its constraints
RIDGE = 1e-13  # added where probabilities are so unlike that round-off makes a system singular
TO_BOUNDARY = 0.99  # by what part of itself a mass or a slack may shrink in one step


class Broja(NamedTuple):
    """A partial information decomposition of a discrete joint, in nats.

    Attributes:
        redundancy: What both sources say.
        unique1: What the first alone says.
        unique2: What the second alone says.
        synergy: What only both together say.
        gap: Bound on the error of each part, from a feasible point of the dual problem.
        joint: The joint of least information with the same two source-target margins, ``[n1, n2, K]``.
    """

    redundancy: jax.Array
    unique1: jax.Array
    unique2: jax.Array
    synergy: jax.Array
    gap: jax.Array
    joint: jax.Array


class _State(NamedTuple):
    """Point of the interior-point method."""

    a: jax.Array  # duals of the margin of x1 and y, [n1, K]
    b: jax.Array  # duals of the margin of x2 and y, [n2, K]
    mass: jax.Array  # q(x1, x2), the dual of log sum_y exp(a + b) <= 0, [n1, n2]
    joint: jax.Array  # mass times softmax of a + b, moved to the margins
    gap: jax.Array
    step: jax.Array


def broja(p: ArrayLike, *, tolerance: float = 1e-7, max_steps: int = 100) -> Broja:
    """Decomposes what two discrete sources say of a target by the unique information.

    Bertschinger et al., "Quantifying unique information" (2014): among all joints with the margins
    ``p(x1, y)`` and ``p(x2, y)``, take the one of least information ``I(X1, X2; Y)``. That is the PID-CVX
    baseline of the paper. Solved in float64 by a primal-dual interior-point method, whose Newton systems
    are block-diagonal plus rank one. May be compiled, mapped, and differentiated: derivatives are those of
    the optimum (by its dual variables), not of the iteration.

    Args:
        p: Joint probabilities ``[n1, n2, K]`` of first source, second source and target.
        tolerance: Gap to stop at, in nats.
        max_steps: Number of Newton steps to stop at in any case; look at `Broja.gap`.

    Returns:
        A `Broja` of float64 scalars if 64-bit types are enabled, else float32.

    Raises:
        ValueError: If ``p`` is not ``[n1, n2, K]``, or, where its values are known, not a distribution.

    Examples:
        >>> xor = jnp.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]) / 4
        >>> print(f"{broja(xor).synergy:.4f}")
        0.6931
    """
    _check(p)
    dtype = jax.dtypes.canonicalize_dtype(jnp.float64)
    with jax.enable_x64(True):
        result = _broja(jnp.asarray(p, jnp.float64), tolerance, max_steps)
        return jax.tree.map(lambda leaf: leaf.astype(dtype), result)


def broja_from_features(
    key: jax.Array, features: tuple[ArrayLike, ArrayLike], labels: ArrayLike, *, num_clusters: int = 20
) -> Broja:
    """Clusters each modality by k-means, counts, and decomposes the counts.

    Args:
        key: Random key of the clustering.
        features: Two blocks ``([n, d1], [n, d2])``.
        labels: Class labels ``[n]``, ``0..K-1``.
        num_clusters: Number of clusters a modality.

    Returns:
        The `Broja` of the clusters.

    Raises:
        TypeError: If features or labels have a wrong type.
        ValueError: If they have a wrong shape or wrong values.
    """
    from sklearn.cluster import KMeans

    blocks = check_features(features)
    checked, num_classes = check_labels(labels, len(blocks[0]), None)
    seeds = np.asarray(jax.random.randint(key, (2,), 0, 2**31 - 1))
    codes = [
        KMeans(num_clusters, n_init=4, random_state=int(seed)).fit_predict(np.asarray(block))
        for seed, block in zip(seeds, blocks, strict=True)
    ]
    counts = np.zeros((num_clusters, num_clusters, num_classes))
    np.add.at(counts, (*codes, np.asarray(checked)), 1)
    return broja(counts / counts.sum())


def _check(p: ArrayLike) -> None:
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
    p = jnp.where(p > NEGLIGIBLE * p.sum(), p, 0)
    p = p / p.sum()
    p1, p2, py = p.sum(1), p.sum(0), p.sum((0, 1))
    least = _solve(*jax.lax.stop_gradient((p1, p2)), tolerance, max_steps)
    # The derivative of the least negative entropy of y given x1, x2 in the margins is the dual variables.
    value = (least.a * p1).sum() + (least.b * p2).sum()
    entropy = -_xlogx(py).sum()
    i1, i2 = (entropy + _xlogx(m).sum() - _xlogx(m.sum(1)).sum() for m in (p1, p2))
    i12 = entropy + _xlogx(p).sum() - _xlogx(p.sum(2)).sum()
    least_information = entropy + value + least.gap
    return Broja(*from_redundancy(i1 + i2 - least_information, i1, i2, i12), least.gap, least.joint)


def _solve(p1: jax.Array, p2: jax.Array, tolerance: float, max_steps: int) -> _State:
    """Minimises ``sum q log q(y|x1, x2)`` over joints with the margins ``p1 [n1, K]`` and ``p2 [n2, K]``.

    Its dual maximises ``sum p1 a + sum p2 b`` such that ``log sum_y exp(a + b) <= 0`` for each x1, x2: smooth,
    with an easy strictly feasible point. Newton steps are taken there, and give the joint along.
    """
    support = (p1[:, None] > 0) & (p2[None] > 0)

    def body(state: _State) -> _State:
        return _with_joint(_newton_step(state, p1, p2, support), p1, p2, support)

    def goes_on(state: _State) -> jax.Array:
        return (state.gap > tolerance) & (state.step < max_steps)

    # Sources that are independent given the target have the margins, and this a and b but for the margin.
    shift = 0.5 * _log(p1.sum(0)) + MARGIN
    a, b = _log(p1) - shift[None], _log(p2) - shift[None]
    independent = _ratio(p1[:, None] * p2[None], p1.sum(0)[None, None])
    start = _State(a, b, independent.sum(2), independent, jnp.array(jnp.inf), jnp.zeros((), int))
    return jax.lax.while_loop(goes_on, body, start)


def _newton_step(state: _State, p1: jax.Array, p2: jax.Array, support: jax.Array) -> _State:
    """One step towards the point where mass times slack is the same, a tenth of the mean, for all x1, x2."""
    a, b, mass, *_ = state
    active = support.any(2)
    posterior, slack = _posterior(a, b, support)
    target = CENTRING * (mass * slack).sum() / active.sum().astype(mass.dtype)
    w = mass[..., None] * posterior
    v = posterior * jnp.sqrt(mass * jnp.maximum(1 / slack - 1, 0))[..., None]
    wanted = posterior * jnp.where(active, target / slack, 0)[..., None]
    da, db = _solve_margins(w, v, (p1 - wanted.sum(1), p2 - wanted.sum(0)), p1, p2)
    slope = (posterior * (da[:, None] + db[None])).sum(2)
    change = jnp.where(active, (target + mass * slope) / slack - mass, 0)

    def too_far(size: jax.Array) -> jax.Array:
        new_slack = _posterior(a + size * da, b + size * db, support)[1]
        return (active & (new_slack < (1 - TO_BOUNDARY) * slack)).any() & (size > 1e-8)

    longest = jnp.maximum(jnp.abs(da).max(), jnp.abs(db).max())
    trusted = jnp.minimum(1, MAX_CHANGE / jnp.maximum(longest, MAX_CHANGE))
    size = jax.lax.while_loop(too_far, lambda size: 0.8 * size, trusted)
    shrinkage = jnp.where(active, -change / jnp.where(active, mass, 1), 0).max()
    mass_size = jnp.minimum(1, TO_BOUNDARY / jnp.maximum(shrinkage, TO_BOUNDARY))
    return state._replace(a=a + size * da, b=b + size * db, mass=mass + mass_size * change, step=state.step + 1)


def _posterior(a: jax.Array, b: jax.Array, support: jax.Array) -> tuple[jax.Array, jax.Array]:
    """q(y|x1, x2) ``[n1, n2, K]`` and by how much the constraint of each x1, x2 is met ``[n1, n2]``."""
    active = support.any(2)
    exponents = jnp.where(support, a[:, None] + b[None], -jnp.inf)
    largest = jnp.where(active, exponents.max(2), 0)
    terms = jnp.exp(exponents - largest[..., None])
    total = jnp.where(active, terms.sum(2), 1)
    return terms / total[..., None], jnp.where(active, -largest - jnp.log(total), 1)


def _solve_margins(w: jax.Array, v: jax.Array, missing: tuple, p1: jax.Array, p2: jax.Array) -> tuple:
    """Changes of the margins' duals that supply what is missing in the margins."""
    (n1, n2, num_classes), eye = w.shape, jnp.eye
    first = jnp.einsum("ijy,ijz->iyz", v, v) + w.sum(1)[:, :, None] * eye(num_classes)[None]
    second = jnp.einsum("ijy,ijz->jyz", v, v) + w.sum(0)[:, :, None] * eye(num_classes)[None]
    mixed = jnp.einsum("ijy,ijz->iyjz", v, v) + jnp.einsum("ijy,yz->iyjz", w, eye(num_classes))
    sizes = (n1 * num_classes, n2 * num_classes)
    mixed = mixed.reshape(sizes)
    corner1 = jnp.einsum("iyz,ik->iykz", first, eye(n1)).reshape(sizes[0], sizes[0])
    corner2 = jnp.einsum("jyz,jk->jykz", second, eye(n2)).reshape(sizes[1], sizes[1])
    system = jnp.block([[corner1, mixed], [mixed.T, corner2]])
    # For each y the margins sum to the same, so that one of the second's conditions follows from the others.
    seen = jnp.cumsum((p2 > 0).astype(w.dtype), axis=0)
    free = jnp.concatenate([(p1 > 0).reshape(-1), ((p2 > 0) & (seen > 1)).reshape(-1)])
    scale = jnp.where(free, 1 / jnp.sqrt(jnp.where(free, jnp.diagonal(system), 1)), 0)
    system = jnp.where(free[:, None] & free[None], scale[:, None] * system * scale[None], eye(len(free)))
    right = jnp.concatenate([m.reshape(-1) for m in missing]) * scale
    solution = jnp.linalg.solve(system, right)
    ridged = partial(jnp.linalg.solve, system + RIDGE * eye(len(free)), right)
    changes = scale * jax.lax.cond(jnp.isfinite(solution).all(), lambda: solution, ridged)
    return changes[: sizes[0]].reshape(n1, -1), changes[sizes[0] :].reshape(n2, -1)


def _with_joint(state: _State, p1: jax.Array, p2: jax.Array, support: jax.Array) -> _State:
    """Moves the joint to the margins (Altschuler et al., 2017), and takes its gap to the dual."""
    q = state.mass[..., None] * _posterior(state.a, state.b, support)[0]
    q = q * jnp.minimum(1, _ratio(p1, q.sum(1)))[:, None]
    q = q * jnp.minimum(1, _ratio(p2, q.sum(0)))[None]
    missing1, missing2 = p1 - q.sum(1), p2 - q.sum(0)
    q = q + _ratio(missing1[:, None] * missing2[None], missing1.sum(0)[None, None])
    primal = (_xlogx(q).sum(2) - _xlogx(q.sum(2))).sum()
    return state._replace(joint=q, gap=primal - (state.a * p1).sum() - (state.b * p2).sum())


def _ratio(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.where(y > 0, x / jnp.where(y > 0, y, 1), 0)


def _log(x: jax.Array) -> jax.Array:
    return jnp.log(jnp.where(x > 0, x, 1))


def _xlogx(x: jax.Array) -> jax.Array:
    return x * _log(x)
