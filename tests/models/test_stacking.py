import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from lsmi_jax.models import fit_powers, fit_products, fit_stack, mixture_log_weights
from lsmi_jax.models._stacking import SPREAD


def losses_of(log_posterior, labels):
    return -np.take_along_axis(np.asarray(log_posterior), np.asarray(labels)[..., None], axis=-1)[..., 0]


def unsure(rng, labels, num_classes, sharpness=3.0):
    """Posteriors that favor the given classes, by parts."""
    logits = sharpness * np.eye(num_classes)[labels] + rng.normal(size=(*labels.shape, num_classes))
    return jax.nn.log_softmax(jnp.asarray(logits, jnp.float32))


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


@pytest.mark.parametrize("num_classes", [3, pytest.param(20, marks=pytest.mark.slow)])  # more than the directions
def test_products_find_what_only_pairs_of_classes_tell(rng, num_classes):
    hidden = rng.integers(0, num_classes if num_classes < 10 else 4, (2, 3, 500))
    labels = (hidden[0] + hidden[1]) % num_classes
    first, second = (unsure(rng, view, num_classes, sharpness=8.0) for view in hidden)
    products, held_out = jax.jit(fit_products)(first, second, jnp.asarray(labels))
    chance = -np.log(np.bincount(labels.ravel(), minlength=num_classes) / labels.size + 1e-9)[labels].mean()
    assert losses_of(held_out, labels).mean() < 0.2 * chance
    fitted = products.log_posterior(first[0], second[0])
    np.testing.assert_allclose(jnp.exp(fitted).sum(1), 1, rtol=1e-5)
    assert losses_of(fitted, labels[0]).mean() < 0.2 * chance
    # An exported program takes any number of rows.
    rows = jax.ShapeDtypeStruct((*jax.export.symbolic_shape("n"), num_classes), jnp.float32)
    assert jax.eval_shape(products.log_posterior, rows, rows).shape == rows.shape


def test_a_joint_that_says_nothing_is_replaced(rng):
    labels = rng.integers(0, 3, (3, 200))
    first, second = unsure(rng, labels, 3), unsure(rng, labels, 3)
    joint = jnp.broadcast_to(jnp.log(jnp.full(3, 1 / 3)), first.shape)
    stack, _ = jax.jit(fit_stack)(joint, first, second, jnp.asarray(labels), jnp.log(jnp.full(3, 1 / 3)))
    fresh = rng.integers(0, 3, 2000)
    parts = unsure(rng, fresh, 3), unsure(rng, fresh, 3)
    stacked = stack.log_posterior(jnp.full((2000, 3), -jnp.log(3.0)), *parts)
    exact = jax.nn.log_softmax(parts[0] + parts[1])
    assert losses_of(stacked, fresh).mean() < min(losses_of(part, fresh).mean() for part in parts)
    assert losses_of(stacked, fresh).mean() < losses_of(exact, fresh).mean() + 0.02


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
