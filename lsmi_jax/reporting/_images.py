"""Thumbnails of samples, from pixels or from image files (extra ``[cli]``: Pillow)."""

import base64
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lsmi_jax.inputs import import_extra
from lsmi_jax.storage import damage_as_value_error

__all__ = ["check_images", "thumbnail"]

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")  # formats that Pillow may open, whatever the name of the file
MAX_SIDE = 96  # pixels; larger images are reduced


def check_images(values: np.ndarray, folder: Path) -> np.ndarray:
    """Checks the images of all samples before any work is done; a row of pixels becomes a square.

    Args:
        values: Names of files ``[n]``, or pixels ``[n, h, w]``, ``[n, h, w, 3]`` or ``[n, h * h]``.
        folder: Folder that the names are relative to.

    Returns:
        Paths ``[n]``, or pixels ``[n, h, w]`` or ``[n, h, w, 3]``.

    Raises:
        ValueError: If the values are neither, or a file is missing or not an image.
    """
    if values.ndim == 1 and values.dtype.kind in "UO":
        return _check_files([str(name) for name in values], folder)
    side = math.isqrt(values.shape[1]) if values.ndim == 2 else 0
    if values.ndim == 2 and side**2 == values.shape[1]:
        return values.reshape(len(values), side, side)
    if values.ndim == 3 or (values.ndim == 4 and values.shape[3] == 3):
        return values
    raise ValueError(
        f"--image: expected names of files [n], or pixels [n, h, w], [n, h, w, 3] or [n, h * h], got {values.shape}"
    )


def thumbnail(image: Any) -> str:
    """A small PNG as a data URI.

    Args:
        image: Pixels ``[h, w]`` or ``[h, w, 3]`` of any numbers, which are stretched to 256 levels, or the path of
            an image file.

    Returns:
        The URI, for the ``src`` of an ``img`` element.
    """
    pillow = _pillow()
    if isinstance(image, Path):
        with _image(image) as opened:
            orient = import_extra("PIL.ImageOps", purpose="a thumbnail", extra="cli").exif_transpose
            picture = orient(opened)
            picture.load()
        if picture.mode[0] in "IF":  # 16 or 32 bits
            picture = pillow.fromarray(_levels(np.asarray(picture)))
    else:
        picture = pillow.fromarray(_levels(np.asarray(image)))
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGBA")
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    content = io.BytesIO()
    picture.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _pillow() -> Any:
    """Pillow, imported when it is needed."""
    return import_extra("PIL.Image", purpose="a thumbnail", extra="cli")


def _check_files(names: list[str], folder: Path) -> np.ndarray:
    """Checks that every name is that of an image file in the folder; only headers are read."""
    root = folder.resolve()
    paths = [folder / name for name in names]
    for name, path in zip(names, paths, strict=True):
        # A link, or a name with dots, could put any file of this machine into a report.
        if ".." in Path(name).parts or not path.resolve().is_relative_to(root):
            raise ValueError(f"--image: expected names of files in the folder of the data, {folder}, got {name}")
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            raise ValueError(f"--image: expected names of {', '.join(ENDINGS)} files, got {path}")
        with _image(path):
            pass
    return np.asarray(paths, dtype=object)


@contextmanager
def _image(path: Path) -> Iterator[Any]:
    """An open image file of one of the formats."""
    refused = damage_as_value_error(f"--image: expected an image, got {path}")
    with refused, _pillow().open(path, formats=FORMATS) as image:
        yield image


def _levels(pixels: np.ndarray) -> np.ndarray:
    """Stretches pixels of any numbers to 256 levels."""
    pixels = pixels.astype(float)
    return np.rint(255 * (pixels - pixels.min()) / (np.ptp(pixels) or 1)).astype(np.uint8)
