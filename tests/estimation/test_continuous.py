"""Continuous targets: information about the number itself, against closed forms of Gaussian variables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from lsmi_jax import MinimumInformation, estimate, export_score, fit_estimator, load, permutation_test, save, score
from lsmi_jax.baselines import gaussian_mmi
from lsmi_jax.decomposition import target_information
from lsmi_jax.estimation import score_rows
from lsmi_jax.inputs._targets import bins_of, fitted_bins
from lsmi_jax.models import Regression, fit_regression, smoother_of
from lsmi_jax.models._ordinal import PENALTIES

CASES = [(0.5, 0.3, 0.0), (0.8, 0.6, 0.3), (0.9, 0.7, -0.4)]
FAST = {"num_folds": 2, "redundancy": MinimumInformation(), "target": "continuous"}


def gaussian(seed, n, first, second, between):
    """A target, two variables of given correlations with it and between their noises, and exact information."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    spread = np.sqrt(1 - np.square([first, second]))
    x = np.array([first, second]) * y[:, None] + spread * rng.multivariate_normal(
        [0, 0], [[1, between], [between, 1]], n
    )
    inner = first * second + spread.prod() * between
    covariance = np.array([[1, inner, first], [inner, 1, second], [first, second, 1]])

    def information(which):
        weights = np.linalg.solve(covariance[np.ix_(which, which)], covariance[which, 2])
        variance = 1 - covariance[which, 2] @ weights
        return norm.logpdf(y, x[:, which] @ weights, np.sqrt(variance)) - norm.logpdf(y)

    return [x[:, :1], x[:, 1:]], y, [information([0]), information([1]), information([0, 1])], covariance


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.3, 0.6, 0.9])
def test_interpolated_bins_tend_to_the_differential_information(rng, correlation):
    y = rng.normal(size=4000)
    spread = np.sqrt(1 - correlation**2)
    x = correlation * y + spread * rng.normal(size=4000)
    exact = norm.logpdf(y, correlation * x, spread) - norm.logpdf(y)
    errors = []
    for num_bins in (8, 16, 32):
        edges = norm.ppf(np.arange(num_bins + 1) / num_bins)
        shares = np.diff(norm.cdf((edges[None] - correlation * x[:, None]) / spread), axis=1).clip(1e-12)
        scores = jnp.log(jnp.asarray(shares / shares.sum(1, keepdims=True), jnp.float32))
        ranks, prior = jnp.asarray(norm.cdf(y), jnp.float32), jnp.full(num_bins, -np.log(num_bins), jnp.float32)
        found = np.asarray(target_information(scores, ranks, prior))
        errors.append(np.sqrt(np.mean((found - exact) ** 2)))
    assert errors[0] > errors[1] > errors[2]
    assert abs(found.mean() - exact.mean()) < 0.01
    assert np.corrcoef(found, exact)[0, 1] > 0.99


def test_densities_are_normalized_and_scores_keep_their_sum(rng):
    scores = jax.nn.log_softmax(jnp.asarray(rng.normal(size=(5, 6)), jnp.float32))
    prior = jnp.log(jnp.array([0.1, 0.3, 0.2, 0.2, 0.15, 0.05]))
    ranks = (np.arange(4000) + 0.5) / 4000
    for row in np.asarray(scores):
        values = target_information(jnp.tile(row[None], (4000, 1)), jnp.asarray(ranks, jnp.float32), prior)
        # The grid of the normalization has 48 points, where kinks of the interpolation fall between.
        np.testing.assert_allclose(np.exp(values).mean(), 1, atol=5e-3)
        less = target_information(jnp.tile(row[None] - 0.7, (4000, 1)), jnp.asarray(ranks, jnp.float32), prior)
        np.testing.assert_allclose(less, values - 0.7, atol=1e-5)
    with pytest.raises(ValueError, match=r"^log_scores: expected scores \[n, B\]"):
        target_information(scores, jnp.zeros(4), prior)


def test_bins_hold_equal_weight_and_ties_stay_together(rng):
    values = rng.exponential(size=401)
    bins, ranks, knots = bins_of(values, 401, None, None)
    assert bins.max() + 1 == 10  # half the root of n
    assert np.ptp(np.bincount(bins)) <= 1
    assert (np.diff(ranks[np.argsort(values)]) > 0).all()
    np.testing.assert_allclose(knots[[0, 128, 256]], np.quantile(values, [0, 0.5, 1]), rtol=0.05)
    tied, ranks, _ = bins_of(np.repeat([1.0, 2.0, 7.0], [50, 30, 20]), 100, 10, None)
    np.testing.assert_array_equal(np.unique(tied), [0, 1, 2])
    np.testing.assert_allclose(np.unique(ranks), [0.25, 0.65, 0.9])
    weighted, ranks, _ = bins_of(np.array([3.0, 1.0, 2.0]), 3, 4, jnp.array([1.0, 2.0, 1.0]))
    np.testing.assert_allclose(ranks, [0.875, 0.25, 0.625])
    np.testing.assert_array_equal(weighted, [2, 0, 1])


@pytest.mark.parametrize("tied", [False, True])
def test_new_targets_get_the_bins_of_the_fit(rng, tied):
    values = rng.integers(0, 5, 2000).astype(float) if tied else rng.normal(size=2000)
    bins, ranks, knots = bins_of(values, 2000, 8, None)
    prior = np.log(np.bincount(bins) / 2000)
    again, same_ranks = fitted_bins(values, 2000, knots, prior)
    assert (again == bins).mean() > 0.98  # quantiles are interpolated between 257
    np.testing.assert_allclose(same_ranks, ranks, atol=6e-3)
    far, _ = fitted_bins(np.array([-1e9, 1e9]), 2, knots, prior)
    np.testing.assert_array_equal(far, [0, bins.max()])


def test_smoothing_keeps_what_a_gaussian_target_has():
    scores = norm.ppf((np.arange(12) + 0.5) / 12)
    smoother = smoother_of(12)
    for logits in (scores, scores**2, np.ones(12)):
        np.testing.assert_allclose(logits @ smoother, logits, atol=1e-4)
    assert np.linalg.matrix_rank(smoother, tol=1e-3) == 6
    np.testing.assert_allclose(smoother_of(4), np.eye(4), atol=1e-5)


def test_interpolated_densities_have_the_mass_of_each_bin(rng):
    prior = np.array([0.1, 0.3, 0.05, 0.15, 0.15, 0.15, 0.1])
    centers = np.cumsum(prior) - prior / 2
    smooth = rng.normal(size=(4, 2)) @ np.stack([4 * centers, np.sin(4 * centers)]) + np.log(prior)
    scores = jax.nn.log_softmax(jnp.asarray(smooth, jnp.float32))
    steps = (np.arange(400) + 0.5) / 400
    for row in np.asarray(scores):
        for b, (start, mass) in enumerate(zip(np.cumsum(prior) - prior, prior, strict=True)):
            ranks = jnp.asarray(start + mass * steps, jnp.float32)
            values = target_information(jnp.tile(row[None], (400, 1)), ranks, jnp.log(jnp.asarray(prior, jnp.float32)))
            assert np.exp(values).mean() * mass == pytest.approx(np.exp(row[b]), rel=0.01)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_regression_is_that_of_least_squares(rng, weighted):
    rows = rng.normal(size=(500, 3)).astype(np.float32)
    scores = rows @ [0.7, -0.2, 0.0] + 0.5 * rng.normal(size=500)
    ranks = norm.cdf((scores - scores.mean()) / scores.std())
    bins = 8
    prior = jnp.full(bins, -np.log(bins), jnp.float32)
    counts = rng.integers(0, 3, 500) if weighted else np.ones(500, int)
    fitted = fit_regression(jnp.asarray(rows), jnp.asarray(ranks, jnp.float32), prior, jnp.asarray(counts, jnp.float32))
    repeated = np.repeat(np.arange(500), counts)
    design = np.column_stack([rows, np.ones(500)])[repeated]
    solution, residual, *_ = np.linalg.lstsq(design, norm.ppf(ranks)[repeated], rcond=None)
    # Hardly any penalty with so many rows.
    np.testing.assert_allclose(fitted.kernel, solution[:3], atol=2e-3)
    np.testing.assert_allclose(fitted.bias, solution[3], atol=2e-3)
    freedom = 1 - 4 * (counts**2).sum() / counts.sum() ** 2
    np.testing.assert_allclose(fitted.spread, np.sqrt(residual[0] / counts.sum() / freedom), rtol=2e-3)
    edges = norm.ppf(np.arange(bins + 1) / bins)
    mean = rows @ np.asarray(fitted.kernel) + float(fitted.bias)
    shares = np.diff(norm.cdf((edges[None] - mean[:, None]) / float(fitted.spread)), axis=1)
    np.testing.assert_allclose(np.exp(fitted.log_posterior(jnp.asarray(rows))), shares, atol=1e-5)


@pytest.mark.parametrize("dim", [30, 300])
def test_the_penalty_is_that_of_generalized_cross_validation(rng, dim):
    rows = (rng.normal(size=(120, dim)) * np.linspace(2, 0.2, dim)).astype(np.float32)
    scores = rows[:, :5].sum(1) + 2 * rng.normal(size=120)
    ranks = (scores.argsort().argsort() + 0.5) / 120
    prior = jnp.log(jnp.full(4, 0.25))
    fitted = fit_regression(jnp.asarray(rows), jnp.asarray(ranks, jnp.float32), prior, jnp.ones(120))
    centered, target = (rows - rows.mean(0)).astype(np.float64), norm.ppf(ranks)
    gram = centered.T @ centered
    best = np.inf, None
    for penalty in np.array(PENALTIES) * np.linalg.eigvalsh(gram).max():
        solve = np.linalg.solve(gram + penalty * np.eye(dim), centered.T)
        errors = target - centered @ solve @ target
        left = 1 - (1 + np.trace(centered @ solve)) / 120
        best = min(best, ((errors**2).mean() / left**2, (solve @ target, np.sqrt((errors**2).mean() / left))))
    np.testing.assert_allclose(fitted.kernel, best[1][0], atol=1e-4)
    np.testing.assert_allclose(fitted.spread, best[1][1], rtol=1e-3)


def test_a_regression_is_finite_far_from_its_rows():
    edges = jnp.asarray(norm.ppf(np.arange(1, 8) / 8), jnp.float32)
    far = Regression(jnp.array([1.0]), jnp.zeros(()), jnp.asarray(1e-3), edges)
    rows = jnp.array([[-1e6], [-3.0], [0.0], [1e-4], [3.0], [1e6]])
    posterior = far.log_posterior(rows)
    assert np.isfinite(posterior).all()
    np.testing.assert_allclose(np.exp(posterior).sum(1), 1, rtol=1e-5)
    assert posterior.argmax(1).tolist() == [0, 0, 3, 4, 7, 7]
    assert np.isfinite(jax.grad(lambda x: far.log_posterior(x)[:, 2].sum())(rows)).all()


@pytest.fixture(scope="module")
def small():
    features, y, exact, _ = gaussian(0, 200, 0.8, 0.6, 0.0)
    return features, y, exact


@pytest.mark.slow
def test_an_estimate_of_numbers(small):
    features, y, exact = small
    result = estimate(jax.random.key(0), features, y, **FAST)
    assert np.corrcoef(result.information[2], exact[2])[0, 1] > 0.8
    for units in (1000 * y - 7, np.exp(y)):  # only ranks count
        other = estimate(jax.random.key(0), features, units, **FAST)
        np.testing.assert_allclose(other.information[2], result.information[2], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("num_samples", [2000, 10_000])
@pytest.mark.parametrize("case", CASES)
def test_gaussian_information_and_parts(case, num_samples):
    features, y, exact, covariance = gaussian(3, num_samples, *case)
    result = estimate(jax.random.key(0), features, y, target="continuous")
    for ours, expected in zip(result.information, exact, strict=True):
        assert abs(float(ours.mean()) - expected.mean()) < 0.03
        assert np.corrcoef(ours, expected)[0, 1] > 0.97
    # The union information of Gaussian scalars is that of the minimum mutual information.
    truth = gaussian_mmi(covariance, (1, 1, 1))
    error = np.std(exact[2]) / np.sqrt(num_samples)
    for part, expected in zip(result.interactions, truth, strict=True):
        assert abs(float(part.mean()) - float(expected)) < 0.03 + 2 * error


@pytest.mark.slow
def test_order_is_used():
    """Bins in their order predict held-out bins better than the same bins as classes without order."""
    gains = []
    for seed in range(20):
        features, y, _, _ = gaussian(10 + seed, 1000, 0.8, 0.6, 0.0)
        train = np.arange(1000) < 500
        blocks, test = [x[train] for x in features], tuple(jnp.asarray(x[~train], jnp.float32) for x in features)
        bins, _, knots = bins_of(y[train], 500, 16, None)
        ordered = fit_estimator(jax.random.key(seed), blocks, y[train], num_classes=16, target="continuous")
        classes = fit_estimator(jax.random.key(seed), blocks, bins)
        held_out, _ = fitted_bins(y[~train], 500, knots, ordered.log_prior)
        losses = [
            -np.asarray(score_rows(fitted, test).log_posteriors[0])[np.arange(500), held_out]
            for fitted in (ordered, classes)
        ]
        gains.append((losses[1] - losses[0]).mean())
    assert np.mean(gains) > 2.1 * np.std(gains, ddof=1) / np.sqrt(20)  # t of 19 degrees of freedom, one-sided .025


@pytest.mark.slow
def test_fits_of_numbers_are_saved_and_score_new_ones(tmp_path):
    features, y, exact, _ = gaussian(5, 3000, 0.8, 0.6, 0.3)
    train = np.arange(3000) < 2000
    fitted = fit_estimator(jax.random.key(0), [x[train] for x in features], y[train], target="continuous")
    save(tmp_path / "saved", fitted)
    rest = [x[~train] for x in features]
    one, other = (score(estimator, rest, y[~train]) for estimator in (fitted, load(tmp_path / "saved")))
    for ours, same, expected in zip(one.information, other.information, exact, strict=True):
        np.testing.assert_array_equal(ours, same)
        assert abs(float(ours.mean()) - expected[~train].mean()) < 0.03
        assert np.corrcoef(ours, expected[~train])[0, 1] > 0.97


def test_a_fit_of_numbers_is_not_exported(small, rng):
    _, y, _ = small
    logits = [rng.normal(size=(200, 7)) for _ in range(3)]
    fitted = fit_estimator(jax.random.key(0), None, y, logits=logits, **{n: FAST[n] for n in ("redundancy", "target")})
    with pytest.raises(ValueError, match=r"^estimator: expected one of classes"):
        export_score(fitted)
    assert score(fitted, None, y, logits=logits).num_samples == 200


def test_mistakes_are_named(small):
    features, y, _ = small
    key = jax.random.key(0)
    for labels, message in (
        (np.where(y > 1, np.nan, y), "^labels: expected finite numbers, got NaN or inf in"),
        (np.ones(200), "^labels: expected at least two different numbers"),
        (y[:7], r"^labels: expected shape \(200,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            estimate(key, features, labels, **FAST)
    with pytest.raises(TypeError, match=r"^labels: expected real numbers"):
        estimate(key, features, y.astype(str), **FAST)
    with pytest.raises(TypeError, match=r'^labels: expected integers .* target="continuous" takes numbers'):
        estimate(key, features, y)
    with pytest.raises(ValueError, match=r"^target: expected one of classes, continuous, got 'number'"):
        estimate(key, features, y, target="number")
    with pytest.raises(ValueError, match=r"^target: expected None with batches; pass arrays of all rows"):
        fit_estimator(key, [(features, y)], target="continuous")
    with pytest.raises(ValueError, match=r'^null: expected "labels" or "rows" for a continuous target'):
        permutation_test(key, features, y, null="within_class", **FAST)
