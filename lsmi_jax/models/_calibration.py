"""Calibration: how sure a predictor may be, by rows that it was not fitted on."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import average, effective_size
from lsmi_jax.models._powers import SPREAD, fit_power, tempered

__all__ = ["Calibration", "fit_calibration"]

LEAST_POWER = 1e-3
NUM_RISES, RISE = 12, 0.25  # powers that are tried with a floor, and how much their logarithms differ
STEPS = (RISE, RISE / 4, RISE / 4)  # around the best of them; the last one serves its floor
NUM_HALVINGS = 16
TINY = float(np.finfo(np.float32).tiny)


class Calibration(NamedTuple):
    """How sure a predictor may be: ``(1 - floor) softmax(power * logits) + floor * prior``.

    Where labels are partly noise, or some samples say nothing, a posterior is never surer than the rest allow, however
    clear the sample is. No power alone does that (the noise channel of Natarajan et al., 2013).

    Attributes:
        power: Inverse temperature, of any shape.
        floor: Share of the class prior, below one, of the same shape.
    """

    power: jax.Array
    floor: jax.Array

    def log_posterior(self, logits: jax.Array, log_prior: jax.Array) -> jax.Array:
        """Calibrated log-posteriors.

        Args:
            logits: Logits ``[..., n, K]`` of predictors of this shape.
            log_prior: Log-prior of the classes ``[K]``, in nats, finite.

        Returns:
            Log-posteriors ``[..., n, K]``, in nats.
        """
        power, floor = self.power[..., None, None], self.floor[..., None, None]
        prior = log_prior.reshape((1,) * (logits.ndim - 1) + log_prior.shape)
        return jnp.logaddexp(tempered(power, logits) + jnp.log1p(-floor), prior + jnp.log(jnp.maximum(floor, TINY)))


def fit_calibration(
    logits: jax.Array, labels: jax.Array, log_prior: jax.Array, weights: jax.Array | None = None
) -> Calibration:
    """Fits the power and the floor of least cross-entropy.

    The loss is convex in the floor and has several minima in the power, so powers are tried from that of least loss
    without a floor upwards, each with its best floor. A Gaussian prior holds the logarithm of the power back, and one
    row is explained without the floor beforehand.

    Args:
        logits: Logits ``[n, K]`` of rows that the predictor was not fitted on.
        labels: Class labels ``[n]``.
        log_prior: Log-prior of the classes ``[K]``, in nats, finite.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        A `Calibration` of scalars.
    """
    size = effective_size(weights, labels.shape[0])
    base, by_chance = jnp.maximum(fit_power(logits, labels, weights), LEAST_POWER), jnp.exp(log_prior)[labels]

    def profile(rise: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Loss at a rise of the log-power, with the best floor, and this floor."""
        posteriors = tempered(base * jnp.exp(rise), logits)
        chosen = jnp.exp(jnp.take_along_axis(posteriors, labels[:, None], axis=1)[:, 0])
        gain = by_chance - chosen

        def halve(ends: tuple[jax.Array, jax.Array], _: None) -> tuple[tuple[jax.Array, jax.Array], None]:
            lower, upper = ends
            middle = (lower + upper) / 2
            slope = average(gain / jnp.maximum(chosen + middle * gain, TINY), weights) - 1 / (size * (1 - middle))
            return (jnp.where(slope > 0, middle, lower), jnp.where(slope > 0, upper, middle)), None

        (floor, _), _ = jax.lax.scan(halve, (jnp.zeros(()), jnp.ones(())), None, length=NUM_HALVINGS)
        loss = -average(jnp.log(jnp.maximum(chosen + floor * gain, TINY)), weights)
        return loss + ((rise / SPREAD) ** 2 / 2 - jnp.log1p(-floor)) / size, floor

    def refine(center: jax.Array, step: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """The lowest point of a parabola through three, and the floor of the middle one."""
        (left, middle, right), floors = jax.lax.map(profile, center + step * jnp.arange(-1.0, 2.0))
        bend = jnp.maximum(left - 2 * middle + right, TINY)
        return center + step * jnp.clip((left - right) / (2 * bend), -1, 1), (center, floors[1])

    path = RISE * jnp.arange(1.0 * NUM_RISES)
    best = path[jax.lax.map(profile, path)[0].argmin()]
    _, (rises, floors) = jax.lax.scan(refine, best, jnp.array(STEPS))
    return Calibration(base * jnp.exp(rises[-1]), floors[-1])
