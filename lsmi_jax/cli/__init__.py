"""The command line (extra ``[cli]``): files in; a table of samples, a summary and a report out."""

import sys

from lsmi_jax.inputs import import_extra

__all__ = ["run"]


def run(words: list[str] | None) -> int:
    """Runs the command line.

    Args:
        words: Words after the program's name; None for those of the process.

    Returns:
        The exit status: 0 on success, 1 for bad data, a failed write, or a missing library.

    Raises:
        SystemExit: With status 2 for a usage error.
    """
    try:
        import_extra("cyclopts", purpose="the command line", extra="cli")
    except ImportError as error:
        print(f"lsmi-jax: {error}", file=sys.stderr)
        return 1
    from lsmi_jax.cli import _app  # needs cyclopts

    return _app.run(words)
