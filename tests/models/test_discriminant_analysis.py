import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.covariance import ledoit_wolf

from lsmi_jax.models import fit_discriminant


@pytest.mark.parametrize("num_columns", [6, 60])  # fewer and more than rows
def test_the_covariance_is_that_of_ledoit_and_wolf(rng, num_columns):
    labels = np.arange(40) % 3
    means = rng.normal(size=(3, num_columns))
    rows = means[labels] + rng.normal(size=(40, num_columns)) @ rng.normal(size=(num_columns, num_columns)) / 3
    kernel, bias = fit_discriminant(jnp.asarray(rows, jnp.float32), jnp.asarray(labels), num_classes=3)

    sample_means = np.stack([rows[labels == k].mean(0) for k in range(3)])
    covariance, _ = ledoit_wolf(rows - sample_means[labels], assume_centered=True)
    directions = np.linalg.solve(covariance, sample_means.T)
    log_prior = np.log(np.bincount(labels) / 40)
    expected = rows @ directions - 0.5 * (sample_means.T * directions).sum(0) + log_prior
    logits = jnp.asarray(rows, jnp.float32) @ kernel + bias[None]
    # Solving with a condition number c loses about c eps of the largest logit.
    tolerance = np.linalg.cond(covariance) * np.finfo(np.float32).eps * np.abs(expected).max()
    np.testing.assert_allclose(jax.nn.log_softmax(logits), log_softmax(expected, axis=1), atol=10 * tolerance)


@pytest.mark.slow
def test_rows_of_weight_zero_do_not_matter(rng):
    rows, labels = jnp.asarray(rng.normal(size=(50, 4)), jnp.float32), jnp.asarray(np.arange(50) % 2)
    weights = jnp.ones(50).at[jnp.arange(10, 20)].set(0)
    kept = np.delete(np.arange(50), np.arange(10, 20))
    weighted = fit_discriminant(rows, labels, num_classes=2, weights=weights)
    alone = fit_discriminant(rows[kept], labels[kept], num_classes=2)
    for ours, expected in zip(weighted, alone, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_a_class_without_rows_is_never_likely(rng):
    rows, labels = jnp.asarray(rng.normal(size=(30, 2)), jnp.float32), jnp.asarray(np.arange(30) % 2)
    kernel, bias = fit_discriminant(rows, labels, num_classes=3)
    assert float(jax.nn.softmax(rows @ kernel + bias[None])[:, 2].max()) < 1e-12
