"""Powers of posteriors: inverse temperatures and additive fusion, fitted to rows that none of them was fitted on."""

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import effective_size
from lsmi_jax.models._linear_algebra import expectations, product, solve
from lsmi_jax.models._logistic_regression import SLACK

__all__ = ["SPREAD", "fit_power", "fit_powers", "fuse", "shares_of", "tempered"]

NUM_NEWTON_STEPS = 12
LONGEST_STEP = 0.5  # of a power
SPREAD = 0.5  # standard deviation of the Gaussian prior of powers, around one


def fit_powers(
    log_posteriors: jax.Array, labels: jax.Array, log_prior: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """Powers of least cross-entropy: of two posteriors in additive fusion, or of one, its inverse temperature.

    Newton's method on a convex loss with few unknowns, with bounded steps. A Gaussian prior pulls powers toward one.

    Args:
        log_posteriors: Log-posteriors of rows that they were not fitted on ``[m, n, K]``, in nats.
        labels: Class labels ``[n]``.
        log_prior: Log-prior of the classes ``[K]``, in nats, finite.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        Powers ``[m]``.
    """
    evidence, shares = log_posteriors - log_prior[None, None], shares_of(weights, labels.shape[0])
    precision = 1 / (SPREAD**2 * effective_size(weights, labels.shape[0]))

    def step(carry: tuple, _: None) -> tuple:
        powers, best, least = carry
        fused = fuse(powers, log_posteriors, log_prior)
        chosen = jnp.take_along_axis(fused, labels[:, None], axis=1)[:, 0]
        loss = -(shares * chosen).sum() + precision / 2 * ((powers - 1) ** 2).sum()
        # Gradient: mean evidence minus that of the label. Curvature: covariance of the evidence under the posterior.
        probs = jnp.exp(fused)
        centered = evidence - expectations(probs, evidence)[:, :, None]
        gradient = -(shares[None] * jnp.take_along_axis(centered, labels[None, :, None], axis=2)[..., 0]).sum(1)
        weighted = ((shares[:, None] * probs)[None] * centered).reshape(len(powers), -1)
        curvature = product(weighted, centered.reshape(len(powers), -1).T)
        direction = solve(
            curvature + precision * jnp.eye(len(powers)),
            gradient + precision * (powers - 1),
        )
        # Near the minimum, round-off hides which loss is smaller: keep a later step of about the same loss.
        kept = loss < least + SLACK
        best, least = jnp.where(kept, powers, best), jnp.minimum(loss, least)
        return (powers - jnp.clip(direction, -LONGEST_STEP, LONGEST_STEP), best, least), None

    ones = jnp.ones(len(log_posteriors))
    return jax.lax.scan(step, (ones, ones, jnp.asarray(jnp.inf)), None, length=NUM_NEWTON_STEPS)[0][1]


def fit_power(logits: jax.Array, labels: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """Inverse temperature of least cross-entropy of one predictor.

    Args:
        logits: Logits ``[n, K]`` of rows that it was not fitted on.
        labels: Class labels ``[n]``.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        A scalar.
    """
    return fit_powers(jax.nn.log_softmax(logits)[None], labels, jnp.zeros(logits.shape[1]), weights)[0]


def tempered(power: jax.Array, logits: jax.Array) -> jax.Array:
    """Log-posteriors of logits ``[..., K]`` times a power."""
    # XLA fuses a product with the difference from its rounded maximum, which is then not zero: the maximum goes first.
    return jax.nn.log_softmax(power * (logits - logits.max(-1, keepdims=True)))


def fuse(powers: jax.Array, log_posteriors: jax.Array, log_prior: jax.Array) -> jax.Array:
    """Additive fusion: ``log p(y) + sum_m a_m (log p(y|x_m) - log p(y))``, normalized; ``[n, K]`` of ``[m, n, K]``."""
    evidence = log_posteriors - log_prior[None, None]
    return jax.nn.log_softmax(log_prior[None] + (powers[:, None, None] * evidence).sum(0), axis=1)


def shares_of(weights: jax.Array | None, num_rows: int) -> jax.Array:
    """Share of each row in a mean ``[n]``."""
    return jnp.full(num_rows, 1 / num_rows) if weights is None else weights / weights.sum()
