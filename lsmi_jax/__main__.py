"""Command line: ``lsmi-jax`` or ``python -m lsmi_jax``."""

import sys

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
    except KeyboardInterrupt:
        resume = "; --resume goes on from the last finished stage" if options.command == "estimate" else ""
        print(f"lsmi-jax: interrupted{resume}", file=sys.stderr)
        return 130
    except (ImportError, OSError, TypeError, ValueError) as error:
        if options.debug:
            raise
        print(f"lsmi-jax: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
