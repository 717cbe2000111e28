"""What the studies in examples/paper do to a data set before they use it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

sys.path.append(str(Path(__file__).parents[1] / "examples" / "paper"))
data = pytest.importorskip("data")


def test_components_keep_what_those_of_scikit_learn_keep_and_leave_narrow_blocks():
    digits = data.digit_views().at_most(200)
    reduced = digits.components(40)
    for block, few in zip(digits.features, reduced.features, strict=True):
        if block.shape[1] <= 40:
            np.testing.assert_array_equal(few, block)
            continue
        expected = PCA(40, svd_solver="full").fit_transform(block.astype(float))
        # The same inner products of rows, in a basis where no column has most of the variance.
        products = expected @ expected.T
        np.testing.assert_allclose(few @ few.T, products, atol=1e-5 * np.abs(products).max())  # float32
        assert few.var(0).max() < 0.5 * expected.var(0).max()
    np.testing.assert_array_equal(reduced.labels, digits.labels)
