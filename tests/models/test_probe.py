import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from lsmi_jax.discriminator import fit_discriminator
from lsmi_jax.probe import fit_linear
from lsmi_jax.whiten import Whiten
from sklearn.linear_model import LogisticRegression

from lsmi_jax import Probe


def with_linear_part(key, features, labels, penalty=0.1, num_classes=3) -> Probe:
    probe = Probe(key, features, num_classes=num_classes)
    penalties = jnp.array([penalty])
    kernels, biases = fit_linear(
        probe.whiten(features), labels, num_classes=num_classes, penalties=penalties, num_steps=100
    )
    probe.kernel.set_value(kernels[0])
    probe.bias.set_value(biases[0])
    return probe


def test_a_new_probe_says_nothing_and_starts_linear(key, rng):
    features = jnp.asarray(rng.normal(size=(30, 4)), jnp.float32)
    probe = Probe(key, features, num_classes=3)
    np.testing.assert_array_equal(probe(features), 0)
    probe = with_linear_part(key, features, jnp.asarray(rng.integers(0, 3, 30)))
    expected = probe.whiten(features) @ probe.kernel[...] + probe.bias[...][None]
    np.testing.assert_allclose(probe(features), expected, rtol=1e-6)


def test_linear_part_agrees_with_scikit_learn(key, rng):
    features = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))  # correlated columns
    labels = (features[:, 0] + rng.normal(size=400) > 0).astype(int) + (features[:, 1] > 0)
    whitened = Whiten(jnp.asarray(features, jnp.float32))(jnp.asarray(features, jnp.float32))
    penalties = (1e-1, 1e-2, 1e-3)  # each starts from the one before
    kernels, biases = fit_linear(
        whitened, jnp.asarray(labels), num_classes=3, penalties=jnp.array(penalties), num_steps=60
    )
    rows = np.asarray(whitened, float)
    for kernel, bias, penalty in zip(np.asarray(kernels, float), np.asarray(biases, float), penalties, strict=True):
        theirs = LogisticRegression(C=1 / (penalty * 400), tol=1e-8, max_iter=10000).fit(rows, labels)
        optimum = objective(theirs.coef_.T, theirs.intercept_, rows, labels, penalty)
        assert objective(kernel, bias, rows, labels, penalty) - optimum < 1e-5


def test_rotation_turns_the_weights_and_changes_no_output(key, rng):
    features = rng.normal(size=(2000, 5)) * np.arange(1, 6)
    labels = jnp.asarray(rng.integers(0, 3, 2000))
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    outputs = []
    for x in (features, features @ rotation):
        x = jnp.asarray(x, jnp.float32)
        probe = with_linear_part(key, x, labels, penalty=0.01)
        outputs.append((probe(x), probe.whiten(x) @ probe.hidden_kernel[...]))
    for one, turned in zip(*outputs, strict=True):
        np.testing.assert_allclose(one, turned, atol=1e-3)


def objective(weights, bias, features, labels, penalty):
    log_posterior = scipy.special.log_softmax(features @ weights + bias, axis=1)
    return -log_posterior[np.arange(len(labels)), labels].mean() + penalty / 2 * (weights**2).sum()


@pytest.mark.slow
def test_units_and_constant_columns_do_not_matter(key, rng):
    features = jnp.asarray(rng.normal(size=(50, 3)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 2, 50))
    padded = jnp.concatenate([features * 1e3 + 5, jnp.ones((50, 2))], axis=1)
    outputs = []
    for x in (features, padded):
        outputs.append(with_linear_part(key, x, labels, num_classes=2)(x))
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-3)


def test_pure_noise_gives_the_prior(key, rng):
    features = jnp.asarray(rng.normal(size=(300, 20)), jnp.float32)
    labels = jnp.asarray((rng.random(300) < 0.05).astype(np.int32))
    fit = jax.jit(fit_discriminator, static_argnames="num_classes")
    discriminator = fit(key, features, labels, jnp.arange(300), num_classes=2)
    fresh = jnp.asarray(rng.normal(size=(500, 20)), jnp.float32)
    log_posterior = discriminator.log_posterior(fresh)
    np.testing.assert_allclose(jnp.exp(log_posterior).sum(1), 1, atol=1e-5)
    information = log_posterior - discriminator.log_prior[None]
    expected_information = (jnp.exp(discriminator.log_prior)[None] * information).sum(1)
    assert abs(float(expected_information.mean())) < 0.02
