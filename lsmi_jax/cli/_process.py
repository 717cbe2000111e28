"""The process of the command line: Ctrl-C, and the cache of compiled programs."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import jax

__all__ = ["INTERRUPTED", "enable_compilation_cache", "exit_on_interrupt"]

INTERRUPTED = 130  # exit status after Ctrl-C, as shells report it


@contextmanager
def exit_on_interrupt(message: str, folder: Path | None) -> Iterator[None]:
    """Ends the process at once on Ctrl-C, also while XLA compiles or computes, and leaves no half-written file.

    Python runs signal handlers in the main thread only, and not before XLA returns to it. The operating system's
    handler, however, writes each signal to a socket at once, and a thread that waits for it ends the process.

    Args:
        message: Printed to the standard error.
        folder: Folder of results, where unfinished files are removed; None for none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may install handlers
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    watcher = threading.Thread(target=_exit_on_signal, args=(ours, message, folder), daemon=True)
    watcher.start()
    # In this order, so that no signal is lost: first the socket, then a handler that does nothing.
    descriptor = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    previous = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        signal.set_wakeup_fd(descriptor)
        theirs.close()  # ends the watcher
        watcher.join()
        ours.close()


def enable_compilation_cache() -> None:
    """Enables JAX's persistent compilation cache; called by the command line only."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lsmi_jax"
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache))


def _exit_on_signal(wakeup: socket.socket, message: str, folder: Path | None) -> None:
    """Waits for SIGINT, or for the other end to close."""
    while number := wakeup.recv(1):
        if number[0] != signal.SIGINT:
            continue
        for unfinished in folder.rglob("*.incomplete") if folder else ():
            with suppress(OSError):
                unfinished.unlink()
        with suppress(OSError):
            print(message, file=sys.stderr, flush=True)
            sys.stdout.flush()
        os._exit(INTERRUPTED)
