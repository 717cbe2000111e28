"""What the studies in examples/paper do to a data set before they use it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

sys.path.append(str(Path(__file__).parents[1] / "examples" / "paper"))
data = pytest.importorskip("data")


def test_components_are_those_of_scikit_learn_and_leave_narrow_blocks():
    digits = data.digit_views().at_most(200)
    reduced = digits.components(40)
    for block, few in zip(digits.features, reduced.features, strict=True):
        if block.shape[1] <= 40:
            np.testing.assert_array_equal(few, block)
            continue
        expected = PCA(40, svd_solver="full").fit_transform(block)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(np.abs(few), np.abs(expected), atol=1e-3 * scale)  # float32; signs are free
    np.testing.assert_array_equal(reduced.labels, digits.labels)
