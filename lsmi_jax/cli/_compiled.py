"""Compiled programs that outlive the process."""

import os
from pathlib import Path

import jax

__all__ = ["keep_compiled"]


def keep_compiled() -> None:
    """Lets JAX keep compiled programs between runs, in the user's cache folder; programs call it, the library never."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lsmi_jax"
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(cache))
