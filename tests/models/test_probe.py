import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import Probe
from lsmi_jax.models import fit_linear


def with_linear_part(key, features, labels, penalty=0.1, num_classes=3) -> Probe:
    probe = Probe(key, features, num_classes=num_classes)
    penalties = jnp.array([penalty])
    kernels, biases = fit_linear(
        probe.whiten(features), labels, num_classes=num_classes, penalties=penalties, num_steps=100
    )
    probe.kernel[...] = kernels[0]
    probe.bias[...] = biases[0]
    return probe


def test_a_new_probe_says_nothing_and_starts_linear(key, rng):
    features = jnp.asarray(rng.normal(size=(30, 4)), jnp.float32)
    probe = Probe(key, features, num_classes=3)
    np.testing.assert_array_equal(probe(features), 0)
    probe = with_linear_part(key, features, jnp.asarray(rng.integers(0, 3, 30)))
    expected = probe.whiten(features) @ probe.kernel[...] + probe.bias[...][None]
    np.testing.assert_allclose(probe(features), expected, rtol=1e-6)


@pytest.mark.slow
def test_rotation_turns_the_weights_and_changes_no_output(key, rng):
    features = rng.normal(size=(2000, 5)) * np.arange(1, 6)
    labels = jnp.asarray(rng.integers(0, 3, 2000))
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    outputs = []
    for x in (features, features @ rotation):
        x = jnp.asarray(x, jnp.float32)
        probe = with_linear_part(key, x, labels, penalty=0.01)
        outputs.append((probe(x), probe.whiten(x) @ probe.hidden_kernel[...]))
    for original, rotated in zip(*outputs, strict=True):
        np.testing.assert_allclose(original, rotated, atol=1e-3)


@pytest.mark.slow
def test_units_and_constant_columns_do_not_matter(key, rng):
    features = jnp.asarray(rng.normal(size=(50, 3)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 2, 50))
    padded = jnp.concatenate([features * 1e3 + 5, jnp.ones((50, 2))], axis=1)
    outputs = []
    for x in (features, padded):
        outputs.append(with_linear_part(key, x, labels, num_classes=2)(x))
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-3)
