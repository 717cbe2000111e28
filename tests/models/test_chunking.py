import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax.models import in_chunks


@pytest.mark.parametrize("size", [1, 3, 4, 10, 100])
def test_chunks_change_nothing_and_are_no_larger_than_asked(size, rng):
    rows = (jnp.asarray(rng.normal(size=(10, 2)), jnp.float32), jnp.arange(10.0))
    lengths = []

    def function(rows):
        lengths.append(len(rows[1]))
        return rows[0] * 2 + rows[1][:, None]

    expected = function(rows)
    lengths.clear()
    np.testing.assert_array_equal(in_chunks(function, rows, size), expected)
    np.testing.assert_array_equal(jax.jit(lambda rows: in_chunks(function, rows, size))(rows), expected)
    assert max(lengths) <= size
