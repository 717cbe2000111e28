import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import Interactions, SpecificityAmbiguity, datasets, summarize

FAST = {"num_folds": 2, "redundancy": SpecificityAmbiguity(num_components=4)}


def quantities(rng, n, shift=0.0):
    parts = Interactions(*(jnp.asarray(x + shift, jnp.float32) for x in rng.normal(size=(4, n))))
    return parts, (parts.redundancy + parts.unique1, parts.redundancy + parts.unique2, sum(parts))


@pytest.mark.parametrize("n", [300, 20_000])  # resampled one by one, and in blocks
def test_errors_and_intervals_are_those_of_a_mean(key, rng, n):
    parts, information = quantities(rng, n)
    summary = summarize(key, parts, information, num_resamples=2000)
    for values, mean, error, low, high in zip((*parts, *information), *summary[:4], strict=True):
        expected = np.std(values, ddof=1) / np.sqrt(n)
        np.testing.assert_allclose(mean, np.mean(values), atol=1e-5)
        np.testing.assert_allclose(error, expected, rtol=4 / np.sqrt(2 * 2000) + 4 / np.sqrt(2 * min(n, 8192)))
        np.testing.assert_allclose([low - mean, high - mean], [-1.96 * expected, 1.96 * expected], rtol=0.2)


def test_adjusted_means_are_those_of_the_adjusted_interactions(key, rng):
    parts, information = quantities(rng, 200)
    parts = parts._replace(redundancy=parts.redundancy + 2, unique1=parts.unique1 - 1, synergy=parts.synergy + 2)
    summary = summarize(key, parts, information, adjusted=True)
    np.testing.assert_allclose(summary.mean[:4], [part.mean() for part in lsmi_jax.adjust(parts)], atol=1e-5)
    np.testing.assert_allclose(summary.mean[4:], [i.mean() for i in information], atol=1e-5)
    assert float(summary.standard_error.unique1) < 1e-5  # pinned at zero in every resample


def test_a_group_of_one_has_no_error(key, rng):
    parts, information = quantities(rng, 11)
    summary = summarize(key, parts, information, np.array([0] * 10 + [1]))
    assert np.isfinite(summary.mean.redundancy).all()
    assert np.isfinite(summary.lower.redundancy[0])
    assert np.isnan(summary.standard_error.redundancy[1])
    assert np.isnan(summary.upper.redundancy[1])


def test_bad_options_are_named(key, rng):
    parts, information = quantities(rng, 10)
    with pytest.raises(ValueError, match="level: expected between 0 and 1, got 95"):
        summarize(key, parts, information, level=95)
    with pytest.raises(ValueError, match="num_resamples"):
        summarize(key, parts, information, num_resamples=1)
    with pytest.raises(ValueError, match="num_seeds: expected at least 1, got 0"):
        lsmi_jax.estimate(key, (np.eye(4), np.eye(4)), np.array([0, 1, 0, 1]), num_seeds=0)


@pytest.mark.slow
def test_seeds_give_mean_and_spread(key):
    task = datasets.gaussian_mixture(jax.random.key(1), 240, num_classes=2)
    result = lsmi_jax.estimate(key, task.features, task.labels, num_seeds=3, **FAST)
    assert all(part.shape == (240,) and (part >= 0).all() and part.mean() > 0 for part in result.spread)
    np.testing.assert_allclose(
        result.interactions.redundancy + result.interactions.unique1, result.information[0], atol=1e-5
    )
    single = lsmi_jax.estimate(key, task.features, task.labels, **FAST)
    assert single.spread is None
    deviation = np.abs(single.interactions.redundancy - result.interactions.redundancy)
    assert np.mean(deviation < 6 * result.spread.redundancy + 0.05) > 0.9
