"""Progress reporting and on-disk caching of fit stages."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import jax
import numpy as np
from jax.experimental import multihost_utils

from lsmi_jax.storage._array_file import damage_as_value_error, read_tree, write_tree
from lsmi_jax.storage._atomic_files import as_path, fingerprint, write_atomic

__all__ = ["Progress", "Stage", "announced", "cache_folder", "computed", "kept", "stages"]

T = TypeVar("T")
Stage = Callable[[str, Callable[[], Any]], Any]
"""Runs one stage: takes its name and a function that computes it, and returns the result."""

Progress = Callable[[str], None]
"""Called with the name of each stage before it starts."""

ABOUT = "about.json"


def stages(progress: Progress | None, checkpoint: str | Path | None = None, *inputs: Any) -> Stage:
    """Builds the runner that reports progress and caches results, each only if asked for.

    Args:
        progress: Called with the name of each stage; None for no reports.
        checkpoint: Cache folder, as in `kept`; None for no cache.
        inputs: Pytrees of all arrays and options that determine the results.

    Raises:
        OSError: If the folder cannot be created or written.
        TypeError: If ``progress`` is not a function, or ``checkpoint`` is not a path.
        ValueError: If the folder contains something else.
    """
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: expected a function of a stage's name, got {progress!r}")
    stage: Stage = computed
    if checkpoint is not None:
        stage = kept(checkpoint, fingerprint(inputs, [version(name) for name in ("lsmi-jax", "jax")]))
    return stage if progress is None else announced(progress, stage)


def computed(name: str, compute: Callable[[], T]) -> T:
    """Runs a stage without reports or cache; JAX may then run stages asynchronously."""
    del name
    return compute()


def announced(progress: Progress, stage: Stage) -> Stage:
    """Reports each stage before it starts, and waits for its result."""

    def run(name: str, compute: Callable[[], T]) -> T:
        progress(name)
        return jax.block_until_ready(stage(name, compute))

    return run


def kept(folder: str | Path, identity: str) -> Stage:
    """Caches the result of each stage in a folder and computes only what is missing.

    With several processes, the first writes and all read, so the folder must be on a shared file system.

    Args:
        folder: Cache folder. It is created if it does not exist; its parent must exist.
        identity: Fingerprint of everything that determines the results.

    Raises:
        OSError: If the folder cannot be created or written.
        ValueError: If it caches other data, options or versions, or is not a cache folder.
    """
    folder, identity = cache_folder(folder), _from_first_process(identity)
    if jax.process_index() == 0:
        _check_identity(folder, identity)
    return lambda name, compute: _cached_or_computed(folder / f"{quote(name, safe=' ')}.npz", compute)


def cache_folder(folder: str | Path) -> Path:
    """Creates a folder for a checkpoint, in the first process, unless it exists.

    Args:
        folder: The folder; its parent must exist.

    Returns:
        Its path.

    Raises:
        OSError: If it cannot be created.
        ValueError: If it is a file.
    """
    path = as_path("checkpoint", folder)
    if jax.process_index() == 0:
        if path.exists() and not path.is_dir():
            raise ValueError(f"checkpoint: expected a folder, got the file {path}")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"checkpoint: expected a folder whose parent exists, got {path}")
        path.mkdir(exist_ok=True)
    return path


def _check_identity(folder: Path, identity: str) -> None:
    """Marks an empty folder as the cache of this fit, and rejects the folder of any other."""
    about = folder / ABOUT
    if not about.exists() and not any(folder.glob("[!.]*")):
        write_atomic(about, lambda file: file.write(json.dumps({"identity": identity}).encode()))
    with damage_as_value_error(f"checkpoint: expected a new folder or one of this fit, got {folder}"):
        found = json.loads(about.read_text())["identity"]
    if found != identity:
        raise ValueError(
            f"checkpoint: expected the folder of this fit, got {folder}, which was written with another key, other "
            "data, options or versions; delete it or choose another"
        )


def _cached_or_computed(path: Path, compute: Callable[[], Any]) -> Any:
    """Reads the result of a stage from its file, or computes and writes it."""
    if _from_first_process(path.exists()):
        skeleton = jax.eval_shape(compute)
        try:
            return read_tree(path, skeleton)
        except ValueError as error:
            raise ValueError(f"checkpoint: {error}: delete it") from error
    result = compute()
    write_tree(path, result)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(path.name)
    return result


def _from_first_process(value: Any) -> Any:
    """Broadcasts the value of the first process to all processes."""
    if jax.process_count() == 1:
        return value
    if isinstance(value, str):
        return _from_first_process(np.frombuffer(value.encode(), np.uint8)).tobytes().decode()
    return multihost_utils.broadcast_one_to_all(np.asarray(value))
