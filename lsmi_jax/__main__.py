"""Command line: ``lsmi-jax`` or ``python -m lsmi_jax``."""

import signal
import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Words after the program's name; None for those of the process.

    Returns:
        The exit status: 0 on success, 1 for bad data or a failed write, 130 after Ctrl-C.
    """
    try:
        from lsmi_jax.cli import run  # slow: imports JAX

        return run(arguments)
    except KeyboardInterrupt:  # while Python imports the package; later, the process ends at once
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the exit
        print("lsmi-jax: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
