import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.covariance import ledoit_wolf

from lsmi_jax.models import fit_discriminant, fit_powers, leave_one_out


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


def explicit_leave_one_out(rows, labels, weights, weight, ridge):
    """Analyses of all rows but one, with the covariance of the other rows times a weight, plus a ridge."""
    counts, num_classes = np.bincount(labels, weights), labels.max() + 1
    logits, traces = [], []
    for row, k in enumerate(labels):
        own = np.where(np.arange(len(rows)) == row, 0, weights)
        means = np.stack([np.average(rows[labels == j], axis=0, weights=own[labels == j]) for j in range(num_classes)])
        centered = rows - means[labels]
        covariance = weight * (centered * own[:, None]).T @ centered + ridge * np.eye(rows.shape[1])
        directions = np.linalg.solve(covariance, means.T)
        logits.append(rows[row] @ directions - 0.5 * (means.T * directions).sum(0) + np.log(counts / counts.sum()))
        share = own[labels == k].sum() / counts[k]
        traces.append(share * centered[row] @ np.linalg.solve(covariance, centered[row]))
    noise = np.average(traces, weights=weights) / 2 * (1 / (counts[labels] - weights) - 1 / counts[labels])
    return np.stack(logits) + noise[:, None] * np.eye(num_classes)[labels]


@pytest.mark.parametrize("num_columns", [4, 60])  # fewer and more than rows
def test_leaving_out_one_row_is_fitting_without_it(rng, num_columns):
    labels = np.arange(40) % 3
    means = 2 * rng.normal(size=(3, num_columns))
    rows = means[labels] + rng.normal(size=(40, num_columns))
    sample_means = np.stack([rows[labels == k].mean(0) for k in range(3)])
    centered = rows - sample_means[labels]
    _, shrinkage = ledoit_wolf(centered, assume_centered=True)
    ridge = shrinkage * (centered**2).mean() + 1e-6
    expected = explicit_leave_one_out(rows, labels, np.ones(40), (1 - shrinkage) / 40, ridge)
    logits = leave_one_out(jnp.asarray(rows, jnp.float32), jnp.asarray(labels), num_classes=3)
    np.testing.assert_allclose(logits, expected, atol=1e-5 * np.abs(expected).max())


def test_leaving_out_one_row_takes_its_weight(rng):
    labels, weights = np.arange(300) % 3, rng.uniform(0.5, 2, 300)
    rows = rng.normal(size=(3, 2))[labels] + rng.normal(size=(300, 2))
    single = [jnp.asarray(array, jnp.float32) for array in (rows, weights)]
    kernel, _ = fit_discriminant(single[0], jnp.asarray(labels), num_classes=3, weights=single[1])
    # The kernel solves (weight moment + ridge) kernel = means^T.
    means = np.stack([np.average(rows[labels == k], axis=0, weights=weights[labels == k]) for k in range(3)])
    centered = rows - means[labels]
    moment = (centered * weights[:, None]).T @ centered
    sides = np.stack([(moment @ kernel).ravel(), np.asarray(kernel).ravel()], axis=1)
    weight, ridge = np.linalg.lstsq(sides, means.T.ravel(), rcond=None)[0]
    expected = explicit_leave_one_out(rows, labels, weights, weight, ridge)
    logits = leave_one_out(single[0], jnp.asarray(labels), num_classes=3, weights=single[1])
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.abs(expected).max())


def test_the_only_row_of_a_class_does_not_know_itself(rng):
    rows, labels = jnp.asarray(rng.normal(size=(11, 3)), jnp.float32), jnp.asarray([0, 1] * 5 + [2])
    logits = leave_one_out(rows, labels, num_classes=3)
    assert np.isfinite(logits).all()
    assert float(jax.nn.softmax(logits[10])[2]) < 1e-12


def test_rows_of_weight_zero_are_left_out_of_all(rng):
    rows, labels = jnp.asarray(rng.normal(size=(30, 3)), jnp.float32), jnp.asarray(np.arange(30) % 2)
    weights = jnp.ones(30).at[:10].set(0)
    logits = leave_one_out(rows, labels, num_classes=2, weights=weights)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits[10:], leave_one_out(rows[10:], labels[10:], num_classes=2), rtol=1e-4, atol=1e-4)


def test_the_temperature_without_single_rows_is_that_of_new_rows():
    num_classes, per_class, num_columns = 20, 8, 100
    flat, ours, of_parts = jnp.zeros(num_classes), [], []

    def power_of(logits, labels):
        return float(fit_powers(jax.nn.log_softmax(logits)[None], labels, flat)[0])

    for seed in range(8):
        rng = np.random.default_rng(seed)
        means = 0.4 * rng.normal(size=(num_classes, num_columns))
        labels = jnp.asarray(np.arange(100 * num_classes) % num_classes)
        drawn = jnp.asarray(means[labels] + rng.normal(size=(len(labels), num_columns)), jnp.float32)
        size = per_class * num_classes
        rows, own = drawn[:size], labels[:size]
        kernel, bias = fit_discriminant(rows, own, num_classes=num_classes)
        expected = power_of(drawn[size:] @ kernel + bias[None], labels[size:])
        ours.append(power_of(leave_one_out(rows, own, num_classes=num_classes), own) / expected)
        is_part = jnp.arange(size) // num_classes < 2
        kernel, bias = fit_discriminant(rows, own, num_classes=num_classes, weights=jnp.where(is_part, 0.0, 1.0))
        of_parts.append(power_of(rows[is_part] @ kernel + bias[None], own[is_part]) / expected)
    error = 2 * np.std(ours, ddof=1) / np.sqrt(len(ours))
    assert abs(np.mean(ours) - 1) < error < 0.1
    assert np.mean(of_parts) < 0.9  # an analysis of fewer rows is less sure
