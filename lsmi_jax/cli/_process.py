"""The process of the command line: Ctrl-C, and the cache of compiled programs."""

import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Interrupt", "alone_in", "enable_compilation_cache", "exit_on_interrupt"]

INTERRUPTED = 130  # exit status after Ctrl-C, as shells report it
PARKING = 0.05  # seconds that the main thread gets to finish its line


@dataclass
class Interrupt:
    """What Ctrl-C does: it prints a message and removes unfinished files from the folder of results."""

    message: str = "lsmi-jax: interrupted"
    folder: Path | None = None


@contextmanager
def exit_on_interrupt() -> Iterator[Interrupt]:
    """Ends the process immediately on Ctrl-C, even while XLA compiles or computes, and leaves no half-written file.

    Python runs signal handlers in the main thread only, and not before XLA returns to it. The operating system's
    handler, however, writes each signal to a socket at once, and a thread that waits for it ends the process.

    Yields:
        An `Interrupt`, to be changed when more is known. Outside the main thread, it has no effect.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt  # only the main thread may install handlers
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    watcher = threading.Thread(target=_exit_on_signal, args=(ours, interrupt), daemon=True)
    watcher.start()
    # In this order, so that no signal is lost: first the socket, then the handler.
    descriptor = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    previous = signal.signal(signal.SIGINT, _park)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)
        signal.set_wakeup_fd(descriptor)
        theirs.close()  # ends the watcher
        watcher.join()
        ours.close()


@contextmanager
def alone_in(folder: Path | None) -> Iterator[None]:
    """Makes a folder of results, and holds its lock; the system releases it when the process ends in any way.

    A run that fails before it writes anything leaves no new folder behind.

    Raises:
        FileExistsError: If another run holds it.
    """
    if folder is None:
        yield
        return
    import filelock  # an extra

    is_new, lock = not folder.exists(), folder / ".lock"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(lock, blocking=False):
            try:
                yield
            finally:
                if is_new and list(folder.iterdir()) == [lock]:
                    shutil.rmtree(folder)
    except filelock.Timeout:
        raise FileExistsError(f"out: expected a folder that no other run is using, got {folder}") from None


def enable_compilation_cache() -> None:
    """Enables JAX's persistent compilation cache; called by the command line only."""
    import jax  # slow: this module is imported first, to watch for Ctrl-C

    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lsmi_jax"
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # many programs compile in under a second


def _park(*_: object) -> None:
    """Stops the main thread at its next line of Python, so that it writes no more files."""
    threading.Event().wait()


def _exit_on_signal(wakeup: socket.socket, interrupt: Interrupt) -> None:
    """Waits for SIGINT, or for the other end to close."""
    while number := wakeup.recv(1):
        if number[0] != signal.SIGINT:
            continue
        try:
            time.sleep(PARKING)
            _remove_unfinished(interrupt.folder)
            # A progress bar may be on the line, with the cursor hidden; sys.stderr would draw the bar again.
            stream = sys.__stderr__ or sys.stderr
            clear = "\r\033[2K\033[?25h" if stream.isatty() else ""
            print(f"{clear}{interrupt.message}", file=stream, flush=True)
        finally:
            os._exit(INTERRUPTED)


def _remove_unfinished(folder: Path | None) -> None:
    """Removes the temporary files and folders of atomic writes."""
    for path in folder.rglob("*.incomplete") if folder else ():
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
