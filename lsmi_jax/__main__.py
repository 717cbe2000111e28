"""Command line: ``lsmi-jax`` or ``python -m lsmi_jax``."""

import sys

from lsmi_jax.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
