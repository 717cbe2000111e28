import chex
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lsmi_jax
from lsmi_jax import Interactions
from lsmi_jax.applications import partition


def interactions_of(values, by="redundancy"):
    values = np.asarray(values, float)
    return Interactions(*(values if name == by else np.zeros_like(values) for name in Interactions._fields))


@given(
    values=st.lists(st.integers(-3, 3), min_size=1, max_size=40),
    quantiles=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4, unique=True).map(sorted),
    by=st.sampled_from(range(4)),
)
def test_every_row_is_in_one_part_and_parts_are_ordered(values, quantiles, by):
    values = np.array(values, float)
    field, column = Interactions._fields[by], ("r", "u1", "u2", "s")[by]
    parts = partition(interactions_of(values, field), by=column, quantiles=quantiles)
    chex.assert_trees_all_equal(parts, partition(interactions_of(values, field), by=field, quantiles=quantiles))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(values)))
    np.testing.assert_array_equal(np.cumsum([len(p) for p in parts])[:-1], np.rint(np.array(quantiles) * len(values)))
    expected = np.split(np.argsort(values, kind="stable"), np.cumsum([len(p) for p in parts])[:-1])
    for part, rows in zip(parts, expected, strict=True):  # lower values first, earlier rows first among equals
        np.testing.assert_array_equal(part, np.sort(rows))


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    quantiles=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=3, unique=True).map(sorted),
    seed=st.integers(0, 100),
)
def test_classes_are_in_every_part_in_proportion(labels, quantiles, seed):
    labels = 3 * np.array(labels) - 2  # any integers are allowed
    values = np.random.default_rng(seed).integers(0, 5, len(labels)).astype(float)
    parts = partition(interactions_of(values), quantiles=quantiles, labels=labels)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    num_classes = len(np.unique(labels))
    for index, quantile in enumerate(quantiles):
        below = np.concatenate(parts[: index + 1])
        assert len(below) == np.rint(quantile * len(labels))
        for c in np.unique(labels):
            # Half a row for rounding this class, and a share of the rounding of the others.
            share, count = np.mean(labels == c), np.sum(labels[below] == c)
            assert abs(count - quantile * np.sum(labels == c)) <= 1 + share * num_classes / 2
            inside, outside = (values[np.flatnonzero(s & (labels == c))] for s in _membership(below, len(labels)))
            if len(inside) and len(outside):
                assert inside.max() <= outside.min()


def _membership(rows, size):
    chosen = np.isin(np.arange(size), rows)
    return chosen, ~chosen


def test_an_estimate_and_its_interactions_give_the_same_parts(held_out):
    estimator, blocks, logits, labels = held_out
    estimate = lsmi_jax.score(estimator, blocks, labels, logits=logits)
    parts = partition(estimate, by="synergy", quantiles=(0.3, 0.9))
    chex.assert_trees_all_equal(parts, partition(estimate.interactions, by="synergy", quantiles=(0.3, 0.9)))
    highest = [float(estimate.interactions.synergy[part].max()) for part in parts]
    assert highest == sorted(highest)


def test_invalid_arguments_of_partition_are_rejected():
    values = interactions_of([1.0, 2.0])
    with pytest.raises(ValueError, match=r"by: expected one of r \(redundancy\), .* got 'i1'"):
        partition(values, by="i1")
    for quantiles in ((), (0.0,), (0.5, 0.5), (1.0,), (float("nan"),)):
        with pytest.raises(ValueError, match="quantiles: expected increasing numbers"):
            partition(values, quantiles=quantiles)
    with pytest.raises(ValueError, match="got NaN for 1"):
        partition(interactions_of([1.0, np.nan]))
    with pytest.raises(ValueError, match=r"labels: expected shape \(2,\)"):
        partition(values, labels=np.array([0]))
    with pytest.raises(TypeError, match="labels: expected integers"):
        partition(values, labels=np.array([0.0, 1.0]))
