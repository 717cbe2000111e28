"""Work that Ctrl-C ends at once: XLA hears of it only after seconds or minutes, when a program has run to its end."""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax

__all__ = ["Abandoned", "interruptible"]

P = ParamSpec("P")
T = TypeVar("T")
INTERVAL = 0.1  # seconds: on Windows a thread that waits without an end does not hear either


class Abandoned(KeyboardInterrupt):
    """Ctrl-C, while a thread is at work that cannot be stopped: the process must end without it."""


def interruptible(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does work in a thread beside this one, which listens.

    Args:
        work: What to do.
        args: What it is called with.
        kwargs: The same, by name.

    Returns:
        Its result, computed to its end.

    Raises:
        Abandoned: If Ctrl-C came first.
        BaseException: Whatever the work raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(jax.block_until_ready(work(*args, **kwargs)))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(INTERVAL)
    except KeyboardInterrupt:
        raise Abandoned from None
    if errors:
        raise errors[0]
    return results[0]
