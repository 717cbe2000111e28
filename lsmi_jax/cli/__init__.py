"""The command line (extra ``[cli]``): files in; a table of samples, a summary and a report out."""

import sys

from lsmi_jax.cli._process import Interrupt, exit_on_interrupt

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Words after the program's name; None for those of the process, which Ctrl-C then ends immediately
            with status 130.

    Returns:
        The exit status: 0 on success, 1 for bad data, a failed write, or a missing library.

    Raises:
        SystemExit: With status 2 for a usage error.
    """
    if arguments is not None:
        return _run(arguments, Interrupt())
    with exit_on_interrupt() as interrupt:
        return _run(sys.argv[1:], interrupt)


def _run(words: list[str], interrupt: Interrupt) -> int:
    """Runs the command line if its libraries are installed."""
    # Imports of slow libraries begin here, so that Ctrl-C ends them too.
    from lsmi_jax.inputs import import_extra

    try:
        import_extra("cyclopts", purpose="the command line", extra="cli")
    except ImportError as error:
        print(f"lsmi-jax: {error}", file=sys.stderr)
        return 1
    from lsmi_jax.cli import _app  # needs cyclopts

    return _app.run(words, interrupt)
