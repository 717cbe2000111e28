"""The entropic fixed point of the dual of the union information, in log space and by matrix products only."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

__all__ = ["LAST_EPSILON", "combined", "fixed_point_step", "largest_log_sums", "log_margins", "log_sums"]

LAST_EPSILON = 0.01  # entropic regularization at which potentials are solved for, in nats
TINY = 1e-30  # added within logarithms of masses
RELATIVE = 1e-15  # added to sums whose terms are at most 1: two reciprocals, times 1 / epsilon, must be a float32


def combined(
    potentials: Sequence[jax.Array], log_masses: Sequence[jax.Array] | None = None, *, but: int
) -> tuple[jax.Array, jax.Array]:
    """Sums over all tuples of the cells of all modalities except one, which act on that one as a single modality does.

    Args:
        potentials: Potentials of the cells of each modality ``[C, K]``.
        log_masses: Log-masses of the cells of each modality ``[C]``; None for zeros.
        but: The modality that is left out.

    Returns:
        Potentials ``[V, K]`` and log-masses ``[V]`` of the V tuples.
    """
    masses = [jnp.zeros(len(own)) for own in potentials] if log_masses is None else log_masses
    (sums, mass), *rest = ((potentials[m], masses[m]) for m in range(len(potentials)) if m != but)
    for other, other_mass in rest:
        sums = (sums[:, None] + other[None]).reshape(-1, sums.shape[1])
        mass = (mass[:, None] + other_mass[None]).reshape(-1)
    return sums, mass


def log_sums(first: jax.Array, second: jax.Array) -> jax.Array:
    """Log-sums ``A_ij = log sum_y exp(a_iy + b_jy)`` of all pairs ``[n, m]``, from ``[n, K]`` and ``[m, K]``."""
    # One matrix product of exponentials, each row scaled by its largest entry so that none overflows.
    top1, top2 = _largest(first), _largest(second)
    sums = jnp.matmul(jnp.exp(first - top1), jnp.exp(second - top2).T, precision="highest")
    return jnp.log(sums + RELATIVE) + top1 + top2.T


def log_margins(own: jax.Array, other: jax.Array, log_masses: jax.Array, epsilon: jax.Array) -> jax.Array:
    """Log of the margin ``q(y|i)`` that potentials imply for each row i of one modality.

    With ``A_ij = log sum_y exp(a_iy + b_jy)``, the coupling ``m_j exp(A_ij / epsilon)`` of row i with cell j and the
    posterior ``exp(a_iy + b_jy - A_ij)`` of the pair give
    ``q(y|i) = sum_j m_j exp(A_ij (1/epsilon - 1) + a_iy + b_jy)``.

    Args:
        own: Potentials of the rows, a ``[n, K]``.
        other: Potentials of the other modality's cells, b ``[M, K]``.
        log_masses: Log-masses of these cells ``[M]``.
        epsilon: Entropic regularization in nats, a scalar.

    Returns:
        Log q(y|i) ``[n, K]``; it sums to one over y at the fixed point.
    """
    top = _largest(other)
    exponents = (1 / epsilon - 1) * log_sums(own, other) + log_masses[None] + top.T
    largest = _largest(exponents)
    weighted = jnp.matmul(jnp.exp(exponents - largest), jnp.exp(other - top), precision="highest")
    return own + largest + jnp.log(weighted + RELATIVE)


def fixed_point_step(
    own: jax.Array,
    log_posteriors: jax.Array,
    other: jax.Array,
    log_masses: jax.Array,
    epsilon: jax.Array,
    *,
    relaxation: float,
) -> jax.Array:
    """One step of the potentials of rows toward ``q(y|i) = p(y|i)``.

    Args:
        own: Potentials of the rows ``[n, K]``.
        log_posteriors: Log p(y|i) ``[n, K]``.
        other: Potentials of the other modality's cells ``[M, K]``.
        log_masses: Log-masses of these cells ``[M]``.
        epsilon: Entropic regularization in nats, a scalar.
        relaxation: Step size: 2 if the other potentials stay, 1 if they take such a step at the same time.

    Returns:
        New potentials ``[n, K]``.
    """
    margins = log_margins(own, other, log_masses, epsilon)
    # Adding a constant to a row multiplies its margin by exp(constant / epsilon): this part is solved exactly.
    excess = logsumexp(margins, axis=1, keepdims=True)
    return own + relaxation * epsilon * (log_posteriors - margins + excess / 2)


def largest_log_sums(first: jax.Array, second: jax.Array) -> jax.Array:
    """Largest ``log sum_y exp(a_iy + b_jy)`` of each row i over all rows j.

    Args:
        first: Potentials a ``[n, K]``.
        second: Potentials b ``[m, K]``.

    Returns:
        ``[n]`` in nats; the constraint of the union information is that none is positive.
    """
    sums = log_sums(first, second)
    # By its index: the derivative of a maximum compares values, which XLA may compute twice and round differently.
    return jnp.take_along_axis(sums, sums.argmax(1)[:, None], axis=1)[:, 0]


def _largest(rows: jax.Array) -> jax.Array:
    """Largest entry of each row ``[n, 1]``, a scale that cancels and needs no derivative."""
    return jax.lax.stop_gradient(rows.max(1, keepdims=True))
