"""Pictures of samples, from pixels or from files, inside a page."""

import base64
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["as_html", "pictures", "png"]

MEDIA = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp"}


def pictures(values: np.ndarray, folder: Path) -> np.ndarray:
    """Checks what is to be shown of each sample, before any work is done; a row of pixels is taken for a square.

    Args:
        values: Names of files ``[n]``, or pixels ``[n, h, w]``, ``[n, h, w, 3]`` or ``[n, h * h]``.
        folder: Where the names begin.

    Returns:
        Paths ``[n]``, or pixels ``[n, h, w]`` or ``[n, h, w, 3]``.

    Raises:
        ValueError: If it is none of these, or a file is not there or of another kind than a browser shows.
    """
    if values.ndim == 1 and values.dtype.kind in "UO":
        return _files([folder / str(name) for name in values])
    side = math.isqrt(values.shape[1]) if values.ndim == 2 else 0
    if values.ndim == 2 and side**2 == values.shape[1]:
        return values.reshape(len(values), side, side)
    if values.ndim == 3 or (values.ndim == 4 and values.shape[3] == 3):
        return values
    raise ValueError(
        f"--image: expected names of files [n], or pixels [n, h, w], [n, h, w, 3] or [n, h * h], got {values.shape}"
    )


def _files(paths: list[Path]) -> np.ndarray:
    for path in paths:
        if path.suffix.lower() not in MEDIA or not path.is_file():
            raise ValueError(f"--image: expected names of {', '.join(MEDIA)} files, got {path}")
    return np.asarray(paths, dtype=object)


def as_html(image: Any) -> str:
    """A picture with all its bytes inside.

    Args:
        image: Pixels ``[h, w]`` or ``[h, w, 3]``, or the path of a file.

    Returns:
        An ``img`` element.
    """
    if isinstance(image, Path):
        kind, content = MEDIA[image.suffix.lower()], image.read_bytes()
    else:
        kind, content = "png", png(np.asarray(image))
    return f'<img alt="" src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'


def png(pixels: np.ndarray) -> bytes:
    """Pixels, stretched to 256 steps, as a PNG file.

    Args:
        pixels: Of any numbers, ``[h, w]`` or ``[h, w, 3]``.

    Returns:
        Its bytes.
    """
    pixels = pixels.astype(float)
    span = np.ptp(pixels)
    steps = np.rint(255 * (pixels - pixels.min()) / (span or 1)).astype(np.uint8)
    height, width = steps.shape[:2]
    lines = b"".join(b"\0" + line.tobytes() for line in steps)
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if steps.ndim == 2 else 2, 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
