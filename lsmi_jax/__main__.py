"""Command line: ``python -m lsmi_jax demo``."""

import argparse
import sys
from pathlib import Path

import lsmi_jax

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Words after the program's name; None for those of the process.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="lsmi-jax", description=lsmi_jax.__doc__)
    parser.add_argument("--version", action="version", version=f"lsmi-jax {lsmi_jax.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="decompose 2000 handwritten digits that come with the package")
    demo.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for the files (%(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="seed of the random key (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        from lsmi_jax.demo import run_demo

        run_demo(options.out, seed=options.seed)
    except ModuleNotFoundError as error:
        print(f"lsmi-jax: {error.name} is missing; pip install 'lsmi-jax[demo]'", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"lsmi-jax: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
