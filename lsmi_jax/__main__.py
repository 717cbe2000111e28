"""Command line: ``lsmi-jax`` or ``python -m lsmi_jax``."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from lsmi_jax.cli.interrupt import Abandoned
from lsmi_jax.cli.options import parse

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Words after the program's name; None for those of the process.

    Returns:
        The exit status: 0, 1 for data or a disk that will not do, 130 where it was interrupted.
    """
    options = parse(arguments)
    try:
        from lsmi_jax.cli.commands import run  # after the words are known to make sense, as it takes long

        run(options)
    except KeyboardInterrupt as interrupt:
        resume = "; --resume goes on from the last finished stage" if options.command == "estimate" else ""
        print(f"lsmi-jax: interrupted{resume}", file=sys.stderr)
        if isinstance(interrupt, Abandoned):
            _leave(getattr(options, "out", None))
        return 130
    except (ImportError, OSError, TypeError, ValueError) as error:
        if options.debug:
            raise
        print(f"lsmi-jax: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def _leave(folder: Path | None) -> None:
    """Ends the process while a thread is still at work, and with it whatever that was writing."""
    for half in folder.rglob("*.incomplete") if folder else ():
        with suppress(OSError):
            half.unlink()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
