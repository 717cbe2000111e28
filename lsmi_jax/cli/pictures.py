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


def pictures(values: np.ndarray) -> np.ndarray:
    """Checks what is to be shown of each sample; a row of pixels is taken for a square.

    Args:
        values: Names of files ``[n]``, or pixels ``[n, h, w]``, ``[n, h, w, 3]`` or ``[n, h * h]``.

    Returns:
        Names ``[n]``, or pixels ``[n, h, w]`` or ``[n, h, w, 3]``.

    Raises:
        ValueError: If it is none of these.
    """
    side = math.isqrt(values.shape[1]) if values.ndim == 2 else 0
    if values.ndim == 2 and side**2 == values.shape[1]:
        return values.reshape(len(values), side, side)
    if values.ndim == (1 if values.dtype.kind in "UO" else 3) or (values.ndim == 4 and values.shape[3] == 3):
        return values
    raise ValueError(
        f"--image: expected names of files [n], or pixels [n, h, w], [n, h, w, 3] or [n, h * h], got {values.shape}"
    )


def as_html(image: Any, folder: Path) -> str:
    """A picture with all its bytes inside.

    Args:
        image: Pixels ``[h, w]`` or ``[h, w, 3]``, or the name of a file.
        folder: Where that name begins.

    Returns:
        An ``img`` element.

    Raises:
        ValueError: If there is no such file, or of another kind than a browser shows.
    """
    if np.ndim(image):
        kind, content = "png", png(np.asarray(image))
    else:
        file = folder / str(image)
        if file.suffix.lower() not in MEDIA or not file.is_file():
            raise ValueError(f"--image: expected pixels or names of {', '.join(MEDIA)} files, got {file}")
        kind, content = MEDIA[file.suffix.lower()], file.read_bytes()
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
