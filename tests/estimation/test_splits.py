"""Splits within a fold."""

import jax
import numpy as np
import pytest

from lsmi_jax.estimation._splits import ALL_HELD_OUT, folds_of, inner_splits_of
from lsmi_jax.inputs import pack
from lsmi_jax.models import NUM_PARTS, NUM_SPLITS


@pytest.mark.parametrize("grouped", [False, True])
def test_few_rows_are_all_held_out_once_and_many_in_part(key, grouped):
    for num_rows in (2 * ALL_HELD_OUT, 2 * ALL_HELD_OUT + 20):
        groups = np.arange(num_rows) // 2 if grouped else None
        data = pack([np.zeros((num_rows, 1), np.float32)] * 2, np.arange(num_rows) // 2 % 2, groups=groups)
        train = folds_of(key, data, 2, 1).train  # half of the rows
        splits = inner_splits_of(jax.random.split(key, 1), data, train, None)
        held_out, times = np.unique(splits.left_out[0, 0], return_counts=True)
        assert set(held_out) <= set(range(train.shape[-1]))
        if num_rows == 2 * ALL_HELD_OUT:
            assert splits.left_out.shape[2] == NUM_PARTS
            assert len(held_out) == train.shape[-1]
            assert (times == 1).all()
        else:
            assert splits.left_out.shape[2] == NUM_SPLITS
            np.testing.assert_allclose(len(held_out) / train.shape[-1], NUM_SPLITS / NUM_PARTS, atol=0.01)
