"""What is not finite is reported, left out of means, and spreads to no other row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import CustomRedundancy, MinimumInformation, UnionInformation
from lsmi_jax.inputs import outlier_ratio

SIZE = 60
LABELS = np.arange(SIZE) % 3


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=(SIZE, 2)) for _ in range(2))


@pytest.fixture(scope="module")
def logits():
    rng = np.random.default_rng(1)
    return tuple((rng.normal(size=(SIZE, 3)) + 2 * np.eye(3)[LABELS]).astype(np.float32) for _ in range(3))


def estimated(features, logits, **options):
    return lsmi_jax.estimate(jax.random.key(0), features, LABELS, logits=logits, num_folds=2, **options)


def with_row(logits, row, values):
    changed = logits[0].copy()
    changed[row] = values
    return (changed, *logits[1:])


@pytest.mark.parametrize("redundancy", [UnionInformation(), pytest.param(MinimumInformation(), marks=pytest.mark.slow)])
def test_an_impossible_label_spreads_to_no_other_row(features, logits, redundancy):
    impossible = np.where(np.arange(3) == LABELS[5], -np.inf, 0.0)
    result = estimated(features, with_row(logits, 5, impossible), redundancy=redundancy)
    others = np.arange(SIZE) != 5
    for part in (*result.interactions, *result.adjusted):
        assert np.isfinite(part[others]).all()
    assert not np.isfinite(result.information[0][5])
    np.testing.assert_allclose(result.diagnostics.finite_fraction, (SIZE - 1) / SIZE, rtol=1e-6)
    assert any("excluded from all means" in finding for finding in result.diagnostics.findings())
    # Means are those of the others, and say over how many.
    summary = result.mean()
    assert summary.num_samples == SIZE - 1
    expected = np.asarray(result.interactions.redundancy, np.float64)[others].mean()
    np.testing.assert_allclose(summary.mean.redundancy, expected, rtol=1e-5)
    assert result.mean(by=LABELS).num_samples.tolist() == [20, 20, 19]
    shifted = result.mean(adjusted=True)
    expected = np.asarray(result.adjusted.redundancy, np.float64)[others].mean()
    np.testing.assert_allclose(shifted.mean.redundancy, expected, atol=1e-6)


def test_a_row_without_any_possible_class_is_refused(features, logits):
    with pytest.raises(ValueError, match=r"logits\[0\]: expected a possible class in every row, got only -inf in 1"):
        estimated(features, with_row(logits, 3, -np.inf))


def test_a_class_that_occurs_has_a_prior(features, logits):
    with pytest.raises(ValueError, match="log_prior: expected a finite value for every class that occurs, got -inf"):
        estimated(features, logits, log_prior=jnp.log(jnp.array([0.5, 0.5, 0.0])))


def test_means_work_where_nan_is_an_error(features, logits):
    result = estimated(features, logits)
    jax.config.update("jax_debug_nans", True)
    try:
        assert np.isfinite(result.mean().mean.redundancy)
        assert np.isfinite(result.mean(by=LABELS, adjusted=True).upper.synergy).all()
    finally:
        jax.config.update("jax_debug_nans", False)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda *_: 0.0, ValueError, r"returns shape \(2,\), got \(\)"),
        (lambda i1, *_: i1.mean(), ValueError, r"returns shape \(2,\), got \(\)"),
        (lambda i1, *_: i1[:, None], ValueError, r"returns shape \(2,\), got \(2, 1\)"),
        (lambda i1, *_: i1.astype(int), TypeError, "returns floats, got dtype int"),
        (lambda i1, i2: i1, TypeError, "a function of i1, i2, i12, h1, h2"),
        (lambda i1, i2, i12, h1, h2: h1 + h2, TypeError, "with h1 and h2 equal to None because density is None"),
        (lambda i1, *_: np.asarray(i1), TypeError, "that JAX can trace"),
    ],
)
def test_a_redundancy_that_cannot_work_is_refused_before_any_fit(features, logits, function, error, message):
    def no_work(stage):
        raise AssertionError(stage)

    with pytest.raises(error, match=f"^redundancy: expected (.* )?{message}"):
        estimated(features, logits, redundancy=CustomRedundancy(function), progress=no_work)


@pytest.mark.parametrize("function", [lambda *_: 0.0, lambda i1, *_: i1[:, None], lambda i1, *_: i1.astype(int)])
def test_decompose_checks_what_a_redundancy_returns(function):
    with pytest.raises((TypeError, ValueError), match=r"^redundancy: expected a function that returns"):
        lsmi_jax.decompose(jnp.ones(3), jnp.ones(3), jnp.ones(3), redundancy=function)


def test_undefined_redundancy_is_reported(features, logits):
    def sometimes(i1, i2, i12, h1, h2):
        return jnp.where(i1 > 0, jnp.minimum(i1, i2), jnp.nan)

    result = estimated(features, logits, redundancy=CustomRedundancy(sometimes))
    defined = float((result.information[0] > 0).mean())
    assert 0 < defined < 1
    np.testing.assert_allclose(result.diagnostics.finite_fraction, defined, rtol=1e-6)
    assert np.isfinite(result.mean().mean.redundancy)


@pytest.mark.parametrize("size", [1.0, 1e2, 1e4, 1e6])
def test_redundancy_lies_between_the_information_at_any_surprisal(size):
    keys = jax.random.split(jax.random.key(0), 4)
    i1, i2 = (jax.random.normal(key, (2000,)) for key in keys[:2])
    h1, h2 = (size * jax.random.normal(key, (2000,)) for key in keys[2:])
    h2 = jnp.where(jnp.arange(2000) % 2 == 0, h2, h1 + i1)  # differences near the information, too
    r = lsmi_jax.specificity_ambiguity(i1, i2, None, h1, h2)
    assert (r >= jnp.minimum(i1, i2)).all()
    assert (r <= jnp.maximum(i1, i2)).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, 1e-39, float("inf"), float("nan")])
def test_a_temperature_is_a_positive_number_of_float32(temperature):
    with pytest.raises(ValueError, match=r"^temperature: expected a positive number"):
        lsmi_jax.soft_decompose(0.5, 0.25, 1.0, 3.0, 2.0, temperature=temperature)


def test_a_rare_event_is_no_absurd_value():
    rare = np.zeros((500, 1), np.float32)
    rare[3] = 1
    assert outlier_ratio(jnp.asarray(rare)) == 0


def test_a_file_has_means_over_the_finite_rows(features, logits, tmp_path):
    fitted = lsmi_jax.fit_estimator(jax.random.key(0), features, LABELS, logits=logits, redundancy=MinimumInformation())
    impossible = tuple(values.copy() for values in logits)
    impossible[1][5, LABELS[5]] = -np.inf
    batches = lsmi_jax.ArrayBatches(features, LABELS, logits=impossible, size=20)
    written = lsmi_jax.score_to_file(tmp_path / "scores.npy", fitted, batches)
    rows = np.load(written.path)
    is_finite = np.isfinite(rows["r"])
    assert list(np.flatnonzero(~is_finite)) == [5]
    assert written.num_rows == SIZE
    np.testing.assert_allclose(written.diagnostics.finite_fraction, 1 - 1 / SIZE, rtol=1e-6)
    for part, mean in zip(["r", "u1", "u2", "s"], written.means, strict=True):
        np.testing.assert_allclose(mean, rows[part][is_finite].mean(), atol=1e-6)
        assert np.isfinite(rows[f"{part}_adjusted"][is_finite]).all()


def test_an_outlier_is_found_behind_rows_that_are_filled_in():
    column = jnp.array([1e6, 0.0, 1.0, 2.0, 3.0])
    filled = jnp.concatenate([column[:1], column])  # an absent row holds a copy of the first present one
    present = jnp.arange(6) > 0
    expected = outlier_ratio(column[:, None])
    assert expected > 1e5
    np.testing.assert_allclose(outlier_ratio(filled[:, None], present), expected, rtol=1e-6)
