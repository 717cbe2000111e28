import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsmi_jax.inputs import rows_at, spread_rows, stratified_folds


@settings(max_examples=15)
@given(
    seed=st.integers(0, 100),
    size=st.sampled_from([4, 7, 60]),
    num_folds=st.integers(2, 4),
    num_classes=st.integers(1, 5),
)
def test_every_row_is_left_out_once_and_classes_are_spread(seed, size, num_folds, num_classes):
    labels = np.random.default_rng(seed).integers(0, num_classes, size).astype(np.int32)
    folds = stratified_folds(jax.random.key(seed), jnp.asarray(labels), num_folds)
    train, left_out = np.asarray(folds.train), np.asarray(folds.left_out)
    counts = np.zeros((num_folds, num_classes), int)
    fold_of = np.full(size, -1)
    for fold in range(num_folds):
        rows = np.unique(left_out[fold])
        assert (fold_of[rows] == -1).all()
        fold_of[rows] = fold
        counts[fold] = np.bincount(labels[rows], minlength=num_classes)
        assert len(np.unique(train[fold])) == train.shape[1] >= size - len(rows) - 1
        assert not np.intersect1d(train[fold], rows).size
    assert (fold_of >= 0).all()
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(1)) <= 1


@pytest.mark.parametrize("num_folds", [2, 5])
def test_folds_depend_on_the_key(num_folds):
    labels = jax.numpy.zeros(50, jax.numpy.int32)
    one, other = (stratified_folds(jax.random.key(seed), labels, num_folds).left_out for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("size", "count"), [(7, 3), (100, 16), (16, 16), (3, 8), (1, 4)])
def test_spread_rows_come_one_from_each_stretch(size, count):
    draws = jax.vmap(lambda key: spread_rows(key, size, count))(jax.random.split(jax.random.key(0), 300))
    assert draws.shape == (300, count)
    assert all(len(np.unique(rows)) == min(size, count) for rows in np.asarray(draws))
    np.testing.assert_array_equal(np.unique(draws), np.arange(size))


@pytest.mark.parametrize("weights", [[1.0, 1.0, 0.0], [0.0, 3.0, 0.1, 0.0]])
def test_no_place_takes_a_row_of_weight_zero(weights):
    weights = jnp.array(weights, jnp.float32)
    places = jnp.array([0.0, 0.5, np.float32(1) - np.float32(2**-24), 1.0])
    rows = rows_at(weights, places)
    assert rows.max() < len(weights)
    assert (weights[rows] > 0).all()
