import jax
import numpy as np
import pytest

from lsmi_jax import MinimumInformation, estimate
from lsmi_jax.estimation import folds_of, rows_to_fit
from lsmi_jax.inputs import pack

NUM_FOLDS, MAX_ROWS = 4, 60
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def samples():
    """Three classes of unequal sizes, and a column that is the row's number."""
    labels = np.repeat([0, 1, 2], [180, 90, 30])
    rows = np.arange(300, dtype=np.float32)[:, None]
    return (rows, -rows), labels


def drawn_of(samples, max_rows, **options):
    data = pack(*samples, **options)
    folds = folds_of(KEY, data, NUM_FOLDS, 2)
    return data, folds, rows_to_fit(KEY, data, folds, max_rows)


def test_rows_are_drawn_from_the_other_folds_in_the_shares_of_the_classes(samples):
    data, folds, to_fit = drawn_of(samples, MAX_ROWS)
    assert to_fit.fill is None
    assert to_fit.data.num_rows == 2 * NUM_FOLDS * (MAX_ROWS // (NUM_FOLDS - 1))
    for seed, fold in np.ndindex(2, NUM_FOLDS):
        part = np.asarray(to_fit.rows[seed, fold])
        numbers, labels = np.asarray(to_fit.data.features[0])[part, 0].astype(int), np.asarray(to_fit.data.labels)[part]
        assert len(set(numbers)) == MAX_ROWS
        assert not set(numbers) & set(np.asarray(folds.left_out[seed, fold]).tolist())
        np.testing.assert_array_equal(labels, samples[1][numbers])
        # Of each other fold, a class has its share of rows, up to one at each end.
        counts, shares = np.bincount(labels, minlength=3), np.bincount(samples[1]) / 300
        np.testing.assert_allclose(counts, MAX_ROWS * shares, atol=2 * (NUM_FOLDS - 1))
    np.testing.assert_array_equal(to_fit.data.log_prior, data.log_prior)


def test_rows_of_a_group_stay_together(samples):
    groups = np.arange(300) % 37
    _, folds, to_fit = drawn_of(samples, MAX_ROWS, groups=groups)
    for seed, fold in np.ndindex(2, NUM_FOLDS):
        part = np.asarray(to_fit.rows[seed, fold])
        left_out = set(groups[np.asarray(folds.left_out[seed, fold])].tolist())
        assert not set(np.asarray(to_fit.data.groups)[part].tolist()) & left_out


def test_a_fold_with_fewer_rows_is_padded(samples):
    groups = np.where(np.arange(300) % 10 < 6, np.arange(300) % 2, 2 + np.arange(300) % 11)  # two large groups
    _, folds, to_fit = drawn_of(samples, 200, groups=groups)
    sizes = np.asarray(folds.left_out_weights).sum(-1)
    counts = np.minimum(sizes, 200 // (NUM_FOLDS - 1))
    assert sizes.min() < 200 // (NUM_FOLDS - 1) < sizes.max()
    others = counts.sum(-1, keepdims=True) - counts
    np.testing.assert_array_equal(np.asarray(to_fit.fill).sum(-1), others)


def test_all_rows_are_used_if_they_are_few(samples):
    data, folds, to_fit = drawn_of(samples, 225)
    assert to_fit.data is data
    assert to_fit.rows is folds.train


def test_a_class_that_is_lost_is_an_error(samples):
    with pytest.raises(ValueError, match=r"labels: expected at least 4 samples .* max_rows=12, .* class 2 "):
        drawn_of(samples, 12)


def test_all_rows_are_scored(rng):
    """By models that were fitted on other rows: those of a known class by far have i near log 2."""
    labels = np.arange(400) % 2
    features = tuple(rng.normal(size=(400, 2)).astype(np.float32) + 4 * labels[:, None] for _ in range(2))
    result = estimate(KEY, features, labels, num_folds=2, max_rows=40, redundancy=MinimumInformation(), progress=None)
    assert result.num_samples == 400
    assert np.asarray(result.information[2]).mean() > 0.8 * np.log(2)
    whole = estimate(KEY, features, labels, num_folds=2, redundancy=MinimumInformation(), progress=None)
    assert np.abs(np.asarray(whole.information[2]) - np.asarray(result.information[2])).max() > 1e-3
