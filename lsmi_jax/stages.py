"""What happens around each stage of a fit: it is announced, and its result kept on disk and taken from there."""

import json
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from lsmi_jax.durable import as_numbers, fingerprint, is_key, write_whole
from lsmi_jax.placement import to_host

__all__ = ["Progress", "Stage", "announced", "computed", "kept", "stages"]

T = TypeVar("T")
Stage = Callable[[str, Callable[[], Any]], Any]
"""Given the name of a stage and what computes it, returns its result."""

Progress = Callable[[str], None]
"""Called with the name of a stage before it starts."""

ABOUT = "about.json"


def stages(progress: Progress | None, checkpoint: str | Path | None = None, *inputs: Any) -> Stage:
    """What a caller wants to happen around each stage.

    Args:
        progress: Called with the name of each stage; None for nobody.
        checkpoint: The folder of `kept`; None to keep nothing.
        inputs: Pytrees of all arrays and options that the results follow from.

    Returns:
        A stage.

    Raises:
        OSError: If the folder cannot be made or written.
        ValueError: If the folder is of something else.
    """
    stage: Stage = computed
    if checkpoint is not None:
        stage = kept(checkpoint, fingerprint(inputs, [version(name) for name in ("lsmi-jax", "jax")]))
    return stage if progress is None else announced(progress, stage)


def computed(name: str, compute: Callable[[], T]) -> T:
    """Nothing but the result; stages may then be dispatched without waiting for one another."""
    del name
    return compute()


def announced(progress: Progress, stage: Stage) -> Stage:
    """Says what comes before it starts, and waits for its end.

    Args:
        progress: Called with the name of each stage.
        stage: What happens then.

    Returns:
        A stage that does both.
    """

    def run(name: str, compute: Callable[[], T]) -> T:
        progress(name)
        return jax.block_until_ready(stage(name, compute))

    return run


def kept(folder: str | Path, identity: str) -> Stage:
    """Keeps the result of each stage in a folder, and computes only what is not there yet.

    Of many processes, the first writes, and all read: the folder must be one that all of them see.

    Args:
        folder: Is made if it does not exist; its parent must.
        identity: Fingerprint of all that the results follow from.

    Returns:
        A stage that looks into the folder first.

    Raises:
        OSError: If the folder cannot be made or written.
        ValueError: If it holds the stages of other data, options or versions, or is not of this kind.
    """
    folder, identity = Path(folder).absolute(), _of_first_process(identity)
    if jax.process_index() == 0:
        folder.mkdir(exist_ok=True)
        _check_identity(folder, identity)
    return lambda name, compute: _found_or_computed(folder / f"{quote(name, safe=' ')}.npz", compute)


def _check_identity(folder: Path, identity: str) -> None:
    about = folder / ABOUT
    if not about.exists() and not any(folder.glob("[!.]*")):
        write_whole(about, lambda file: file.write(json.dumps({"identity": identity}).encode()))
    try:
        found = json.loads(about.read_text())["identity"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"checkpoint: expected a new folder or one of this fit, got {folder} ({error!r})") from error
    if found != identity:
        raise ValueError(
            f"checkpoint: expected a folder of this very fit, got {folder}, which is of another key, other data, "
            "options or versions; delete it or name another"
        )


def _found_or_computed(path: Path, compute: Callable[[], Any]) -> Any:
    if _of_first_process(path.exists()):
        return _read(path, jax.eval_shape(compute))
    result = compute()
    arrays = [to_host(as_numbers(leaf)) for leaf in jax.tree.leaves(result)]
    if jax.process_index() == 0:
        write_whole(path, lambda file: np.savez(file, *arrays))
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(path.name)
    return result


def _read(path: Path, skeleton: Any) -> Any:
    leaves, structure = jax.tree.flatten(skeleton)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = [jnp.asarray(stored[f"arr_{number}"]) for number in range(len(leaves))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"checkpoint: expected what a stage left, got {path}, which is damaged: delete it") from error
    restored = [
        jax.random.wrap_key_data(array) if is_key(leaf) else array for array, leaf in zip(arrays, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, restored)


def _of_first_process(value: Any) -> Any:
    """What the first process has, in all of them."""
    if jax.process_count() == 1:
        return value
    if isinstance(value, str):
        return _of_first_process(np.frombuffer(value.encode(), np.uint8)).tobytes().decode()
    return multihost_utils.broadcast_one_to_all(np.asarray(value))
