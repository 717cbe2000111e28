"""The UCI Multiple Features data set, which is part of the package."""

from importlib.resources import files
from typing import NamedTuple

import numpy as np

__all__ = ["MultipleFeatures", "load_multiple_features"]

_VIEWS = (
    ("zer", "Zernike moments"),
    ("kar", "Karhunen-Loeve coefficients"),
    ("fou", "Fourier coefficients"),
    ("fac", "profile correlations"),
    ("pix", "pixel averages"),
    ("mor", "morphological features"),
)


class MultipleFeatures(NamedTuple):
    """Six feature blocks of 2000 handwritten digits.

    Attributes:
        features: Feature blocks ``[2000, d]`` in float32: Zernike moments (47 columns), Karhunen-Loeve
            coefficients (64), Fourier coefficients (76), profile correlations (216), pixel averages (240)
            and morphological features (6).
        labels: The digits ``[2000]``, 200 of each.
        names: Names of the feature blocks.
        pixels: The images ``[2000, 16, 15]``, integers 0 to 6.
    """

    features: tuple[np.ndarray, ...]
    labels: np.ndarray
    names: tuple[str, ...]
    pixels: np.ndarray


def load_multiple_features() -> MultipleFeatures:
    """Loads the UCI Multiple Features data set, with each column quantized to 256 steps.

    Van Breukelen et al., "Handwritten digit recognition by combined classifiers", Kybernetika 34, 1998,
    doi 10.24432/C5HC70, CC BY 4.0. ``multiple_features.md``, next to the data, lists the changes.

    Returns:
        Features, labels, names of the feature blocks, and images.

    Examples:
        >>> digits = load_multiple_features()
        >>> print([block.shape[1] for block in digits.features])
        [47, 64, 76, 216, 240, 6]
    """
    with files("lsmi_jax.datasets").joinpath("multiple_features.npz").open("rb") as stream:
        stored = dict(np.load(stream, allow_pickle=False))
    # Undo the quantization of each column: value = offset + step * code.
    features = tuple(
        stored[f"{view}_offset"] + stored[f"{view}_step"] * stored[view].astype(np.float32) for view, _ in _VIEWS
    )
    pixels = np.rint(features[4]).astype(np.int32).reshape(-1, 16, 15)
    return MultipleFeatures(features, stored["labels"].astype(np.int32), tuple(name for _, name in _VIEWS), pixels)
