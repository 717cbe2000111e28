import jax
import numpy as np
import pytest

from lsmi_jax.inputs import consecutive_groups, grouped_folds, grouped_splits


def rows_of(indices, weights):
    """The rows of a fold that do not only fill up."""
    return np.asarray(indices)[np.asarray(weights) > 0]


@pytest.fixture(scope="module", params=["many", "few", "of one class each"])
def sample(request):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    if request.param == "many":
        return labels, np.unique(rng.integers(0, 120, 300), return_inverse=True)[1], 5
    if request.param == "few":
        return (
            labels,
            np.unique(rng.choice(8, 300, p=[0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05]), return_inverse=True)[1],
            3,
        )
    groups = np.repeat(np.arange(60), 5)
    return np.arange(60)[groups] % 3, groups, 5


def test_groups_stay_together_and_every_row_is_left_out_once(key, sample):
    labels, groups, num_folds = sample
    folds = grouped_folds(key, labels, groups, num_folds, 2)
    assert folds.train.shape[:2] == folds.left_out.shape[:2] == (2, num_folds)
    for seed in range(2):
        seen = []
        for fold in range(num_folds):
            train = rows_of(folds.train[seed, fold], folds.train_weights[seed, fold])
            left_out = rows_of(folds.left_out[seed, fold], folds.left_out_weights[seed, fold])
            assert not np.intersect1d(groups[train], groups[left_out]).size
            assert set(np.asarray(folds.left_out[seed, fold])) == set(left_out)  # what fills up repeats its rows
            assert len(train) + len(left_out) == len(labels)
            seen.append(left_out)
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(len(labels)))


def test_classes_and_sizes_are_spread(key, sample):
    labels, groups, num_folds = sample
    folds = grouped_folds(key, labels, groups, num_folds, 1)
    largest = np.bincount(groups).max()
    counts = [
        np.bincount(labels[rows_of(*fold)], minlength=3)
        for fold in zip(folds.left_out[0], folds.left_out_weights[0], strict=True)
    ]
    # No fold exceeds another by more than the largest group, in rows or in those of a class.
    assert np.ptp(np.sum(counts, axis=1)) <= largest
    assert np.ptp(counts, axis=0).max() <= largest


def test_groups_stay_together_within_the_training_rows(key, sample):
    labels, groups, num_folds = sample
    folds = grouped_folds(key, labels, groups, num_folds, 1)
    train, fill = np.asarray(folds.train), np.asarray(folds.train_weights)
    splits = grouped_splits(key, labels, groups, train, fill, 5, 3)
    assert splits.train.shape[:3] == (1, num_folds, 3)
    for fold in range(num_folds):
        own = train[0, fold]
        for split in range(3):
            inner = rows_of(splits.train[0, fold, split], splits.train_weights[0, fold, split])
            left_out = rows_of(splits.left_out[0, fold, split], splits.left_out_weights[0, fold, split])
            assert (fill[0, fold][np.concatenate([inner, left_out])] == 1).all()
            assert len(inner) + len(left_out) == fill[0, fold].sum()
            assert len(left_out)
            assert not np.intersect1d(groups[own[inner]], groups[own[left_out]]).size


def test_other_keys_give_other_folds(sample):
    labels, groups, num_folds = sample
    several = [grouped_folds(jax.random.key(seed), labels, groups, num_folds, 1).left_out for seed in range(5)]
    assert not all(np.array_equal(several[0], other) for other in several[1:])


def test_single_rows_as_groups_are_stratified_folds(key):
    labels = np.arange(100) % 4
    folds = grouped_folds(key, labels, np.arange(100), 5, 1)
    counts = [
        np.bincount(labels[rows_of(*fold)]) for fold in zip(folds.left_out[0], folds.left_out_weights[0], strict=True)
    ]
    np.testing.assert_array_equal(counts, np.full((5, 4), 5))


def test_consecutive_groups():
    np.testing.assert_array_equal(consecutive_groups(5, 2), [0, 0, 1, 1, 2])
    with pytest.raises(ValueError, match=r"^size: expected at least 1"):
        consecutive_groups(5, 0)
