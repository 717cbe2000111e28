import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lsmi_jax import Interactions
from lsmi_jax.applications import shares


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
def test_shares_are_nonnegative_and_sum_to_one(parts):
    weights = np.array(shares(Interactions(*(jnp.float32(part) for part in parts))))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(), 1, atol=4 * np.finfo(np.float32).eps)


def test_shares_of_single_parts():
    columns = np.array([[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2], [-1, -1, 0, -2]]).T
    got = np.stack(shares(Interactions(*(jnp.asarray(part, jnp.bfloat16) for part in columns))), axis=1)
    assert got.dtype == np.float32
    third = np.full(3, np.float32(1 / 3))
    np.testing.assert_array_equal(got, [[0.5, 0.5, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], third])
