"""Interior-point method for the joint of least information with given source-target marginals."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.models import solve

__all__ = ["State", "optimize", "xlogx"]

CENTERING = 0.1  # factor by which one step aims to reduce the products of mass and slack
MAX_CHANGE = 2.0  # of a dual variable in one step, in nats
MARGIN = 0.05  # half the least slack of the starting point, in nats
RIDGE = 1e-13  # added if round-off makes a Newton system singular, as with probabilities of very different size
TO_BOUNDARY = 0.99  # largest relative decrease of a mass or a slack in one step


class State(NamedTuple):
    """Iterate of the interior-point method."""

    a: jax.Array  # dual variables of the marginal of x1 and y, [n1, K]
    b: jax.Array  # dual variables of the marginal of x2 and y, [n2, K]
    mass: jax.Array  # q(x1, x2), the multiplier of the constraint log sum_y exp(a + b) <= 0, [n1, n2]
    joint: jax.Array  # mass times softmax of a + b, moved to the marginals, [n1, n2, K]
    gap: jax.Array
    step: jax.Array


def optimize(p1: jax.Array, p2: jax.Array, tolerance: float, max_steps: int) -> State:
    """Minimizes ``sum q log q(y|x1, x2)`` over joints with the marginals ``p1 [n1, K]`` and ``p2 [n2, K]``.

    Its dual maximizes ``sum p1 a + sum p2 b`` subject to ``log sum_y exp(a + b) <= 0`` for all x1, x2. The dual is
    smooth and has an obvious strictly feasible point, so Newton steps are taken there; its multipliers give q.
    """
    support = (p1[:, None] > 0) & (p2[None] > 0)

    def body(state: State) -> State:
        return _with_joint(_newton_step(state, p1, p2, support), p1, p2, support)

    def unfinished(state: State) -> jax.Array:
        return (state.gap > tolerance) & (state.step < max_steps)

    # Start from sources that are independent given y: q(x1, x2, y) = p(x1, y) p(x2, y) / p(y) has the marginals. With
    # a + b = log q - 2 MARGIN every slack is at least 2 MARGIN, because sum_y q is a probability.
    shift = 0.5 * _log(p1.sum(0)) + MARGIN
    a, b = _log(p1) - shift[None], _log(p2) - shift[None]
    independent = _ratio(p1[:, None] * p2[None], p1.sum(0)[None, None])
    start = State(a, b, independent.sum(2), independent, jnp.array(jnp.inf), jnp.zeros((), int))
    return jax.lax.while_loop(unfinished, body, start)


def _newton_step(state: State, p1: jax.Array, p2: jax.Array, support: jax.Array) -> State:
    """One Newton step toward the central path: every product of mass and slack a tenth of the present mean."""
    a, b, mass, *_ = state
    active = support.any(2)
    posterior, slack = _posterior(a, b, support)
    target = CENTERING * (mass * slack).sum() / active.sum().astype(mass.dtype)
    # Hessian of the barrier problem after eliminating the masses: diagonal w of each pair (x1, x2), plus v v^T.
    w = mass[..., None] * posterior
    v = posterior * jnp.sqrt(mass * jnp.maximum(1 / slack - 1, 0))[..., None]
    # On the central path mass = target / slack; the step must supply what its joint lacks in the marginals.
    wanted = posterior * jnp.where(active, target / slack, 0)[..., None]
    da, db = _solve_margins(w, v, (p1 - wanted.sum(1), p2 - wanted.sum(0)), p1, p2)
    # Linearization of mass * slack = target, where the slack falls by the slope.
    slope = (posterior * (da[:, None] + db[None])).sum(2)
    change = jnp.where(active, (target + mass * slope) / slack - mass, 0)

    def too_far(size: jax.Array) -> jax.Array:
        new_slack = _posterior(a + size * da, b + size * db, support)[1]
        return (active & (new_slack < (1 - TO_BOUNDARY) * slack)).any() & (size > 1e-8)

    # Step lengths: backtrack until all slacks stay positive; then the longest step that keeps the masses positive.
    longest = jnp.maximum(jnp.abs(da).max(), jnp.abs(db).max())
    trusted = jnp.minimum(1, MAX_CHANGE / jnp.maximum(longest, MAX_CHANGE))
    size = jax.lax.while_loop(too_far, lambda size: 0.8 * size, trusted)
    shrinkage = jnp.where(active, -change / jnp.where(active, mass, 1), 0).max()
    mass_size = jnp.minimum(1, TO_BOUNDARY / jnp.maximum(shrinkage, TO_BOUNDARY))
    return state._replace(a=a + size * da, b=b + size * db, mass=mass + mass_size * change, step=state.step + 1)


def _posterior(a: jax.Array, b: jax.Array, support: jax.Array) -> tuple[jax.Array, jax.Array]:
    """q(y|x1, x2) ``[n1, n2, K]``, and the slack ``-log sum_y exp(a + b)`` of each constraint ``[n1, n2]``."""
    active = support.any(2)
    exponents = jnp.where(support, a[:, None] + b[None], -jnp.inf)
    largest = jnp.where(active, exponents.max(2), 0)
    terms = jnp.exp(exponents - largest[..., None])
    total = jnp.where(active, terms.sum(2), 1)
    return terms / total[..., None], jnp.where(active, -largest - jnp.log(total), 1)


def _solve_margins(
    w: jax.Array, v: jax.Array, missing: tuple[jax.Array, jax.Array], p1: jax.Array, p2: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Solves the Newton system for the changes of the dual variables that supply the mass missing in the marginals."""
    (n1, n2, num_classes), eye = w.shape, jnp.eye
    # Blocks of the system: (x1, y) by (x1, z), (x2, y) by (x2, z), and (x1, y) by (x2, z).
    first = jnp.einsum("ijy,ijz->iyz", v, v) + w.sum(1)[:, :, None] * eye(num_classes)[None]
    second = jnp.einsum("ijy,ijz->jyz", v, v) + w.sum(0)[:, :, None] * eye(num_classes)[None]
    mixed = jnp.einsum("ijy,ijz->iyjz", v, v) + jnp.einsum("ijy,yz->iyjz", w, eye(num_classes))
    sizes = (n1 * num_classes, n2 * num_classes)
    mixed = mixed.reshape(sizes)
    corner1 = jnp.einsum("iyz,ik->iykz", first, eye(n1)).reshape(sizes[0], sizes[0])
    corner2 = jnp.einsum("jyz,jk->jykz", second, eye(n2)).reshape(sizes[1], sizes[1])
    system = jnp.block([[corner1, mixed], [mixed.T, corner2]])
    # For each y both marginals sum to p(y), so one condition on the second follows from the others. Drop it, and the
    # conditions on zero probabilities.
    count = jnp.cumsum((p2 > 0).astype(w.dtype), axis=0)
    free = jnp.concatenate([(p1 > 0).reshape(-1), ((p2 > 0) & (count > 1)).reshape(-1)])
    # Scale to a unit diagonal, because probabilities may differ by many orders of magnitude.
    scale = jnp.where(free, 1 / jnp.sqrt(jnp.where(free, jnp.diagonal(system), 1)), 0)
    system = jnp.where(free[:, None] & free[None], scale[:, None] * system * scale[None], eye(len(free)))
    right = jnp.concatenate([marginal.reshape(-1) for marginal in missing]) * scale
    solution = solve(system, right)
    ridged = partial(solve, system + RIDGE * eye(len(free)), right)
    changes = scale * jax.lax.cond(jnp.isfinite(solution).all(), lambda: solution, ridged)
    return changes[: sizes[0]].reshape(n1, -1), changes[sizes[0] :].reshape(n2, -1)


def _with_joint(state: State, p1: jax.Array, p2: jax.Array, support: jax.Array) -> State:
    """Rounds the joint to the marginals (Altschuler et al., 2017, Algorithm 2), and takes its gap to the dual value."""
    q = state.mass[..., None] * _posterior(state.a, state.b, support)[0]
    # Scale down rows, then columns, that exceed their marginal; add the rest as a product within each class.
    q = q * jnp.minimum(1, _ratio(p1, q.sum(1)))[:, None]
    q = q * jnp.minimum(1, _ratio(p2, q.sum(0)))[None]
    missing1, missing2 = p1 - q.sum(1), p2 - q.sum(0)
    q = q + _ratio(missing1[:, None] * missing2[None], missing1.sum(0)[None, None])
    primal = (xlogx(q).sum(2) - xlogx(q.sum(2))).sum()
    return state._replace(joint=q, gap=primal - (state.a * p1).sum() - (state.b * p2).sum())


def _ratio(x: jax.Array, y: jax.Array) -> jax.Array:
    """Ratio x / y, and zero where y is not positive."""
    return jnp.where(y > 0, x / jnp.where(y > 0, y, 1), 0)


def _log(x: jax.Array) -> jax.Array:
    """Logarithm of x, and zero where x is not positive."""
    return jnp.log(jnp.where(x > 0, x, 1))


def xlogx(x: jax.Array) -> jax.Array:
    """Product x log x, and zero where x is not positive."""
    return x * _log(x)
