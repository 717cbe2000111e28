"""Work that Ctrl-C ends at once: XLA hears of it only after seconds or minutes, when a program has run to its end."""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax

__all__ = ["at_work", "interruptible"]

P = ParamSpec("P")
T = TypeVar("T")
NAME = "lsmi-jax at work"
INTERVAL = 0.1  # seconds: on Windows a thread that waits without an end does not hear either


def interruptible(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does work in a thread beside this one, which listens.

    Args:
        work: What to do.
        args: What it is called with.
        kwargs: The same, by name.

    Returns:
        Its result, computed to its end.

    Raises:
        KeyboardInterrupt: If Ctrl-C came first; the thread stays `at_work`.
        BaseException: Whatever the work raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(jax.block_until_ready(work(*args, **kwargs)))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name=NAME, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(INTERVAL)
    if errors:
        raise errors[0]
    return results[0]


def at_work() -> bool:
    """Whether work goes on that Ctrl-C has left behind: no thread can be stopped, the process must end without it.

    Returns:
        Whether such a thread is alive; asked of the threads themselves, as Ctrl-C may come at any line above.
    """
    return any(thread.name == NAME for thread in threading.enumerate())
