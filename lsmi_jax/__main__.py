"""Command line: ``lsmi-jax`` or ``python -m lsmi_jax``."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from lsmi_jax.cli import at_work
from lsmi_jax.cli import parse

__all__ = ["main"]

OPTIONS = {
    "features": "--x1, --x2",
    "features[0]": "--x1",
    "features[1]": "--x2",
    "labels": "--labels",
    "logits[0]": "--logits (the first)",
    "logits[1]": "--logits (the second)",
    "logits[2]": "--logits (the third)",
    "num_folds": "--folds",
    "num_seeds": "--repeats",
    "checkpoint": "--resume",
    "path": "--estimator",
}
"""What an argument of the library, with which its errors begin, is called here."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Words after the program's name; None for those of the process.

    Returns:
        The exit status: 0, 1 for data or a disk that will not do, 130 where it was interrupted.
    """
    options = parse(arguments)
    try:
        from lsmi_jax.cli import run  # after the words are known to make sense, as it takes long

        run(options)
    except KeyboardInterrupt:
        resume = "; --resume goes on from the last finished stage" if options.command == "estimate" else ""
        words = f"lsmi-jax: interrupted{resume}"
        if at_work():
            _leave(words, getattr(options, "out", None))
        print(words, file=sys.stderr)
        return 130
    except Exception as error:
        if options.debug:
            raise
        words = _in_options(" ".join(str(error).split()))
        if not isinstance(error, (ImportError, OSError, TypeError, ValueError)):  # of no kind that we raise
            words = f"{type(error).__name__}: {words} (--debug shows where it comes from)"
        print(f"lsmi-jax: {words}", file=sys.stderr)
        return 1
    return 0


def _in_options(message: str) -> str:
    """An error of the library, with what its arguments are called here."""
    argument, colon, rest = message.partition(": ")
    return f"{OPTIONS.get(argument, argument)}{colon}{rest}".replace("num_folds=", "--folds ")


def _leave(words: str, folder: Path | None) -> NoReturn:
    """Ends the process while a thread is still at work, and with it whatever that was writing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who presses twice is no quicker
    print(words, file=sys.stderr)
    for half in folder.rglob("*.incomplete") if folder else ():
        with suppress(OSError):
            half.unlink()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
