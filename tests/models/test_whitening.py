import jax.numpy as jnp
import numpy as np

from lsmi_jax.models import Standardize, Whiten


def test_whitened_columns_are_uncorrelated_with_unit_spread(rng):
    features = jnp.asarray(rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3)) + 5, jnp.float32)
    rows = Whiten(features)(features)
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(rows.T @ rows / 4000, np.eye(3), atol=1e-2)


def test_with_few_rows_columns_are_only_standardized(rng):
    features = jnp.asarray(rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)), jnp.float32)
    np.testing.assert_allclose(Whiten(features)(features), Standardize(features)(features), rtol=1e-4, atol=1e-5)


def test_log_volume_is_the_jacobian_of_the_map(rng):
    features = jnp.asarray(rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3)), jnp.float32)
    whiten = Whiten(features)
    jacobian = whiten(jnp.eye(3)) - whiten(jnp.zeros((1, 3)))
    np.testing.assert_allclose(whiten.log_volume(), -np.linalg.slogdet(np.asarray(jacobian))[1], atol=1e-3)


def test_a_constant_column_becomes_zero(rng):
    features = jnp.asarray(rng.normal(size=(200, 2)), jnp.float32).at[:, 1].set(7.25)
    whiten = Whiten(features)
    np.testing.assert_array_equal(whiten.varies(), [True, False])
    np.testing.assert_array_equal(whiten(features)[:, 1], 0)


def test_a_linear_map_is_the_same_on_whitened_features(rng):
    features = jnp.asarray(rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)) + 3, jnp.float32)
    kernel, bias = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((4, 3), (3,)))
    whiten = Whiten(features)
    own_kernel, own_bias = whiten.of_whitened(kernel, bias)
    expected = features @ kernel + bias[None]
    np.testing.assert_allclose(whiten(features) @ own_kernel + own_bias[None], expected, atol=1e-3)
