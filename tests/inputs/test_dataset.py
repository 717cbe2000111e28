"""Views: which shapes the discriminators see."""

import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax.inputs import views


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ((2, 3), [5, 5, 5]),  # narrow: one shape
        ((100, 120), [100, 120, 220]),
        ((200, 60), [200, 60, 260]),  # one side of the limit stays there
        ((768, 39), [807, 39, 807]),  # nearly as wide as the joint
        ((30, 80, 50), [64, 128, 64, 128, 128, 192]),
    ],
)
def test_padding_leaves_few_shapes_and_the_columns_as_they_are(widths, expected):
    blocks = tuple(jnp.full((4, width), 1.0 + index) for index, width in enumerate(widths))
    padded = views(blocks)
    assert [view.shape[1] for view in padded] == expected
    for block, view in zip(blocks, padded[: len(blocks)], strict=True):
        np.testing.assert_array_equal(view[:, : block.shape[1]], block)
        assert not view[:, block.shape[1] :].any()
