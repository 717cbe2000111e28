"""How sure a predictor may be: power and floor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from lsmi_jax.models import Calibration, fit_calibration, fit_powers
from lsmi_jax.models._powers import SPREAD

NUM_ROWS, NUM_CLASSES = 3000, 4
LOG_PRIOR = np.log([0.4, 0.3, 0.2, 0.1])
FIT = jax.jit(fit_calibration)


def drawn(rng, noise):
    """Logits of a predictor that is half as sure as it could be, and labels, some of which are drawn from the prior."""
    logits = 2 * rng.normal(size=(NUM_ROWS, NUM_CLASSES))
    labels = (2 * logits + rng.gumbel(size=logits.shape)).argmax(1)
    others = rng.choice(NUM_CLASSES, NUM_ROWS, p=np.exp(LOG_PRIOR))
    return logits.astype(np.float32), np.where(rng.random(NUM_ROWS) < noise, others, labels)


def objective(log_power, floor, base, logits, labels, weights):
    """The penalized loss of the fit, in NumPy."""
    posterior = np.exp(log_softmax(np.exp(log_power) * np.asarray(logits, float), axis=1))
    chosen = (1 - floor) * posterior[np.arange(len(labels)), labels] + floor * np.exp(LOG_PRIOR)[labels]
    size = weights.sum() ** 2 / (weights**2).sum()
    penalty = ((log_power - np.log(base)) / SPREAD) ** 2 / 2 - np.log1p(-floor)
    return -(weights * np.log(chosen)).sum() / weights.sum() + penalty / size


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_power_and_floor_have_the_least_loss(rng, noise, weighted):
    logits, labels = drawn(rng, noise)
    weights = rng.uniform(0.5, 1.5, NUM_ROWS) if weighted else np.ones(NUM_ROWS)
    given = jnp.asarray(weights, jnp.float32) if weighted else None
    arrays = jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(LOG_PRIOR, jnp.float32), given
    found = FIT(*arrays)
    base = float(fit_powers(jax.nn.log_softmax(arrays[0])[None], arrays[1], jnp.zeros(NUM_CLASSES), given)[0])

    def loss(unknowns):
        return objective(unknowns[0], expit(unknowns[1]), base, logits, labels, weights)

    starts = [(power, floor) for power in (0.0, 1.0) for floor in (-6.0, 0.0)]
    best = min(minimize(loss, start, method="Nelder-Mead").fun for start in starts)
    reached = objective(np.log(float(found.power)), float(found.floor), base, logits, labels, weights)
    assert reached < best + 1e-5
    # The share of noise has a standard error of about sqrt(.25 / n); the power, of a few hundredths.
    assert abs(float(found.floor) - noise) < 4 * np.sqrt(0.25 / NUM_ROWS)
    assert abs(float(found.power) - 2) < 0.3


def test_without_noise_the_power_is_that_without_a_floor(rng):
    logits, labels = drawn(rng, 0.0)
    found = FIT(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(LOG_PRIOR, jnp.float32))
    (power,) = fit_powers(jax.nn.log_softmax(jnp.asarray(logits))[None], jnp.asarray(labels), jnp.zeros(NUM_CLASSES))
    assert float(found.floor) < 0.01
    np.testing.assert_allclose(found.power, power, rtol=0.03)


def test_labels_that_are_noise_give_the_prior(rng):
    logits, labels = drawn(rng, 1.0)
    log_prior = jnp.asarray(LOG_PRIOR, jnp.float32)
    found = FIT(jnp.asarray(logits), jnp.asarray(labels), log_prior)
    posterior = found.log_posterior(jnp.asarray(logits), log_prior)
    # An estimated mean of n rows is off by some standard errors of sqrt(.25 / n).
    assert np.abs(np.exp(posterior) - np.exp(LOG_PRIOR)).mean() < 4 * np.sqrt(0.25 / NUM_ROWS)


def test_a_posterior_with_a_floor_is_normalized_and_smooth_at_its_edges():
    logits, log_prior = jnp.asarray([[0.0, 1e4], [3.0, 3.0]]), jnp.log(jnp.asarray([0.25, 0.75]))

    def posterior(logits, floor):
        return Calibration(jnp.asarray(2.0), floor).log_posterior(logits, log_prior)

    for floor in (0.0, 0.5):
        values = posterior(logits, jnp.asarray(floor))
        np.testing.assert_allclose(np.exp(values).sum(1), 1, rtol=1e-6)
        gradients = jax.grad(lambda x: posterior(x, jnp.asarray(floor)).sum())(logits)  # noqa: B023
        assert np.isfinite(gradients).all()
    np.testing.assert_allclose(posterior(logits, jnp.asarray(0.5))[0, 0], np.log(0.125), rtol=1e-6)
