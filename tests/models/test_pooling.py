import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from lsmi_jax.models import Pool, fit_pool, fit_powers, mixture_log_weights
from lsmi_jax.models._powers import SPREAD


def test_weights_are_those_of_the_largest_likelihood(rng):
    log_likelihoods = jnp.asarray(np.log(rng.uniform(0.05, 1, (3, 200))), jnp.float32)
    log_weights = mixture_log_weights(log_likelihoods)
    probs = np.exp(np.asarray(log_likelihoods, float))

    def loss(logits):
        weights = np.exp(logits - np.logaddexp.reduce(logits))
        return -np.log(weights @ probs).mean()

    best = minimize(loss, np.zeros(3)).fun
    assert abs(loss(np.asarray(log_weights, float)) - best) < 1e-3
    np.testing.assert_allclose(np.exp(log_weights).sum(), 1, rtol=1e-5)


def test_powers_undo_overconfidence(rng):
    logits = rng.normal(size=(20000, 3))
    labels = jnp.asarray((logits + rng.gumbel(size=logits.shape)).argmax(1))  # drawn from the softmax
    overconfident = jax.nn.log_softmax(jnp.asarray(4 * logits, jnp.float32))
    (power,) = fit_powers(overconfident[None], labels, jnp.zeros(3))
    # The standard error of the power, from its curvature, is about 0.25 / sqrt(20000 / 2).
    assert abs(float(power) - 0.25) < 0.015


def test_powers_have_the_least_loss_on_many_rows(rng):
    """Compiled sums over classes were wrong after the first 32768 entries; scipy minimizes the same loss in NumPy."""
    labels = rng.integers(0, 10, 2000)
    shifted = rng.normal(size=(2, 2000, 10)) + np.array([2, 1])[:, None, None] * np.eye(10)[labels]
    posteriors = jax.nn.log_softmax(jnp.asarray(shifted, jnp.float32))
    powers = jax.jit(fit_powers)(posteriors, jnp.asarray(labels), jnp.zeros(10))
    exact = np.asarray(posteriors, float)

    def loss(powers):
        fused = np.tensordot(powers, exact, 1)
        prior = ((powers - 1) ** 2).sum() / (2 * SPREAD**2 * len(labels))
        return (np.log(np.exp(fused).sum(1)) - fused[np.arange(2000), labels]).mean() + prior

    np.testing.assert_allclose(powers, minimize(loss, np.ones(2)).x, atol=2e-3)


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e-3])
def test_equal_members_of_many_rows_have_equal_weights(scale):
    # In float32, round-off of sums over so many rows is larger than a hundredth of a row.
    num_rows = 100_000
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x, sign = rng.integers(0, 2, num_rows), rng.integers(0, 2, num_rows) * 2 - 1
        evidence = scale * np.stack([x, x + 0.001, x, 0.5 * x, 0.2 - 0.3 * x, x + 0.1, 0 * x]) * sign
        weights = np.exp(mixture_log_weights(jnp.asarray(np.log(0.5) + evidence, jnp.float32)))
        assert np.isfinite(weights).all()
        np.testing.assert_allclose(weights[0], weights[2], rtol=0.01)
        np.testing.assert_allclose(weights, 1 / 7, rtol=0.1)


def test_a_pool_is_as_sure_as_it_is_right():
    """Two calibrated views of a label with independent noise: their mixture is less sure than it is right."""
    rng, num_rows = np.random.default_rng(0), 40_000
    labels = rng.integers(0, 2, num_rows)
    # Of unit noise around plus and minus one, the log-odds are twice the value.
    values = 2.0 * labels - 1 + rng.normal(size=(2, num_rows))
    members = jax.nn.log_softmax(jnp.asarray(np.stack([-values, values], axis=-1), jnp.float32))
    log_prior = jnp.log(jnp.asarray([0.5, 0.5]))
    train, test = slice(0, num_rows // 2), slice(num_rows // 2, None)
    pool = fit_pool(members[:, train], jnp.asarray(labels[train]), log_prior)
    np.testing.assert_allclose(np.exp(pool.log_weights[:2]), 0.5, atol=0.05)

    def scored(pool):
        """How much less sure the pool is than right, and its loss on each row."""
        log_probs = np.asarray(pool.log_posterior(members[:, test], log_prior))
        np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, rtol=1e-5)
        gap = (log_probs.argmax(1) == labels[test]).mean() - np.exp(log_probs).max(1).mean()
        return gap, -np.take_along_axis(log_probs, labels[test][:, None], axis=1)[:, 0]

    (gap, losses), (gap_of_mixture, losses_of_mixture) = scored(pool), scored(pool._replace(power=jnp.asarray(1.0)))
    assert gap_of_mixture > 4 * np.sqrt(0.25 / (num_rows / 2))
    assert abs(gap) < gap_of_mixture / 2
    gain = losses_of_mixture - losses
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))


def test_no_class_is_less_likely_than_the_prior_allows():
    members = jnp.log(jnp.asarray([[[1 - 1e-6, 1e-6]]]))
    pool = Pool(jnp.log(jnp.asarray([0.99, 0.01])), jnp.asarray(5.0))
    log_prior = jnp.log(jnp.asarray([0.5, 0.5]))
    np.testing.assert_allclose(pool.log_posterior(members, log_prior)[0, 1], np.log(0.005), rtol=1e-4)
