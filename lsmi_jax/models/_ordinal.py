"""The order of bins: logits that vary smoothly from bin to bin."""

from statistics import NormalDist

import numpy as np

__all__ = ["smoother_of"]

DEGREE = 5  # of the polynomials


def smoother_of(num_bins: int) -> np.ndarray:
    """Projection of the logits of ordered bins on polynomials of their normal score.

    A Gaussian target has logits of degree two in it. Fewer directions than bins leave less noise.

    Args:
        num_bins: Number of bins B.

    Returns:
        Matrix ``[B, B]``, float32, to be multiplied from the right.
    """
    scores = np.array([NormalDist().inv_cdf((b + 0.5) / num_bins) for b in range(num_bins)])
    basis, _ = np.linalg.qr(scores[:, None] ** np.arange(min(DEGREE + 1, num_bins)))
    return (basis @ basis.T).astype(np.float32)
