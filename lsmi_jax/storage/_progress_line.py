"""A line that shows the current stage of long work on a terminal or in a notebook."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TextIO

from lsmi_jax.storage._stage_cache import Progress

__all__ = ["Reports", "shown"]

Reports = Progress | Literal["auto"] | None
"""How to report stages: by a function of their names, by a line on a terminal or in a notebook, or not at all."""

DELAY = 3.0  # seconds before the line appears


@contextmanager
def shown(progress: Reports) -> Iterator[Progress | None]:
    """Turns an option into a function of stage names, and clears the line at the end.

    Args:
        progress: ``"auto"`` for a line on a terminal or in a notebook, a function, or None.

    Yields:
        The function; None for no reports.

    Raises:
        TypeError: If ``progress`` has the wrong type.
    """
    if progress is not None and progress != "auto" and not callable(progress):
        raise TypeError(f"progress: expected a function of a stage's name, 'auto' or None, got {progress!r}")
    if progress != "auto":
        yield progress
        return
    if not _is_watched(sys.stderr):
        yield None
        return
    line = _Line(sys.stderr)
    try:
        yield line
    finally:
        line.close()


def _is_watched(stream: TextIO) -> bool:
    """Whether a stream is a terminal or the output of a notebook."""
    return stream.isatty() or type(stream).__module__.startswith("ipykernel")


class _Line:
    """Shows the last stage once some seconds have passed."""

    def __init__(self, stream: TextIO):
        self.stream, self.name, self.width = stream, "", 0
        self.is_late, self.lock = False, threading.Lock()
        self.timer = threading.Timer(DELAY, self._begin)
        self.timer.daemon = True
        self.timer.start()

    def __call__(self, name: str) -> None:
        with self.lock:
            self.name = name
            self._draw()

    def close(self) -> None:
        """Clears the line."""
        self.timer.cancel()
        with self.lock:
            if self.width:
                self._write("")
                self.stream.write("\r")
            self.is_late = False

    def _begin(self) -> None:
        """Shows the line from now on."""
        with self.lock:
            self.is_late = True
            self._draw()

    def _draw(self) -> None:
        """Shows the stage, if there is one and it is time."""
        if self.is_late and self.name:
            self._write(f"lsmi_jax: {self.name} ...")

    def _write(self, text: str) -> None:
        """Replaces the text of the line."""
        self.stream.write("\r" + text.ljust(self.width))
        self.stream.flush()
        self.width = len(text)
