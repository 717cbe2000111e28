import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from lsmi_jax.baselines import broja, gaussian_mmi


def test_gaussian_closed_form_agrees_with_its_densities(rng):
    factor = rng.normal(size=(5, 5))
    covariance = factor @ factor.T + np.eye(5)
    samples = rng.multivariate_normal(np.zeros(5), covariance, 200_000)

    def log_density(columns):
        return stats.multivariate_normal(cov=covariance[np.ix_(columns, columns)]).logpdf(samples[:, columns])

    target = [4]
    expected = []
    for columns in ([0, 1], [2, 3], [0, 1, 2, 3]):
        pointwise = log_density([*columns, 4]) - log_density(columns) - log_density(target)
        expected.append((pointwise.mean(), 5 * pointwise.std() / np.sqrt(len(samples))))
    r, u1, u2, s = gaussian_mmi(covariance, (2, 2, 1))
    for ours, (mean, tolerance) in zip((r + u1, r + u2, r + u1 + u2 + s), expected, strict=True):
        np.testing.assert_allclose(ours, mean, atol=tolerance)
    assert float(jnp.minimum(u1, u2)) == 0
    with pytest.raises(ValueError, match="covariance: expected"):
        gaussian_mmi(covariance, (2, 2, 2))


@pytest.mark.slow
def test_gaussian_closed_form_is_the_discrete_one_in_the_limit():
    """BROJA of finely binned Gaussians has the same parts, up to the information lost by binning."""
    covariance = np.array([[1, 0.1, 0.6], [0.1, 1, 0.4], [0.6, 0.4, 1]])
    samples = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, 2_000_000)
    edges = stats.norm.ppf(np.linspace(0, 1, 13)[1:-1])
    counts = np.zeros((12, 12, 12))
    np.add.at(counts, tuple(np.digitize(samples, edges).T), 1)
    binned, exact = broja(counts / counts.sum()), gaussian_mmi(covariance, (1, 1, 1))
    np.testing.assert_allclose(binned[:4], exact, atol=0.03)
