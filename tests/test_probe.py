import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from sklearn.linear_model import LogisticRegression

from lsmi_jax import Probe
from lsmi_jax.discriminator import fit_discriminator


def test_a_new_probe_says_nothing_and_starts_linear(key, rng):
    features = jnp.asarray(rng.normal(size=(30, 4)), jnp.float32)
    probe = Probe(key, features, num_classes=3)
    np.testing.assert_array_equal(probe(features), 0)
    probe.fit_linear(features, jnp.asarray(rng.integers(0, 3, 30)), penalty=jnp.float32(0.1))
    np.testing.assert_allclose(probe(features), probe.linear(probe.whiten(features)))


def test_linear_part_agrees_with_scikit_learn(key, rng):
    features = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))  # correlated columns
    labels = (features[:, 0] + rng.normal(size=400) > 0).astype(int) + (features[:, 1] > 0)
    probe = Probe(key, jnp.asarray(features, jnp.float32), num_classes=3)
    whitened = np.asarray(probe.whiten(jnp.asarray(features, jnp.float32)), float)
    for penalty in (1e-3, 1e-1):
        theirs = LogisticRegression(C=1 / (penalty * 400), tol=1e-8, max_iter=10000).fit(whitened, labels)
        probe.fit_linear(jnp.asarray(features, jnp.float32), jnp.asarray(labels), penalty=jnp.float32(penalty))
        ours = np.asarray(probe.linear.kernel[...], float), np.asarray(probe.linear.bias[...], float)
        ours, optimum = (
            objective(weights, bias, whitened, labels, penalty)
            for weights, bias in (ours, (theirs.coef_.T, theirs.intercept_))
        )
        assert ours - optimum < 1e-5


def test_rotation_turns_the_weights_and_changes_no_output(key, rng):
    features = rng.normal(size=(2000, 5)) * np.arange(1, 6)
    labels = jnp.asarray(rng.integers(0, 3, 2000))
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    outputs = []
    for x in (features, features @ rotation):
        x = jnp.asarray(x, jnp.float32)
        probe = Probe(key, x, num_classes=3)
        probe.fit_linear(x, labels, penalty=jnp.float32(0.01))
        outputs.append((probe(x), probe.hidden(probe.whiten(x))))
    for one, turned in zip(*outputs, strict=True):
        np.testing.assert_allclose(one, turned, atol=1e-3)


def objective(weights, bias, features, labels, penalty):
    log_posterior = scipy.special.log_softmax(features @ weights + bias, axis=1)
    return -log_posterior[np.arange(len(labels)), labels].mean() + penalty / 2 * (weights**2).sum()


def test_units_and_constant_columns_do_not_matter(key, rng):
    features = jnp.asarray(rng.normal(size=(50, 3)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 2, 50))
    padded = jnp.concatenate([features * 1e3 + 5, jnp.ones((50, 2))], axis=1)
    outputs = []
    for x in (features, padded):
        probe = Probe(key, x, num_classes=2)
        probe.fit_linear(x, labels, penalty=jnp.float32(0.1))
        outputs.append(probe(x))
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
