import jax.numpy as jnp
import numpy as np
from sklearn.metrics.pairwise import rbf_kernel

from lsmi_jax.models import kernel_features


def test_inner_products_are_those_of_the_kernel(rng):
    rows = rng.normal(size=(60, 3))  # fewer rows than landmarks: the features are exact
    expansion = kernel_features(jnp.asarray(rows, jnp.float32))
    features = np.asarray(expansion(jnp.asarray(rows, jnp.float32)))
    exact = rbf_kernel(rows, gamma=0.3 / rows.var(0).sum())
    # The ridge on the kernel matrix changes each entry by no more than itself.
    np.testing.assert_allclose(features @ features.T, exact, atol=2e-4)


def test_constant_rows_have_finite_features():
    expansion = kernel_features(jnp.zeros((10, 2)))
    assert jnp.isfinite(expansion(jnp.zeros((3, 2)))).all()
