"""A fitted estimator on disk: written as a whole or not at all, and read without running what was read."""

import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.durable import as_numbers, is_key
from lsmi_jax.estimator import Data, Estimator, unstack
from lsmi_jax.fitting import fit_stacked

__all__ = ["load", "save"]

ABOUT, ARRAYS = "about.json", "arrays"
FORMAT = 1  # raised whenever folders of the last one can no longer be read


def save(path: str | Path, estimator: Estimator, *, overwrite: bool = False) -> None:
    """Writes a fitted estimator to a folder, through Orbax: the folder appears only once it is complete.

    Args:
        path: The folder to write; its parent must exist.
        estimator: From `lsmi_jax.fit_estimator`.
        overwrite: Whether a folder of that name may be replaced.

    Raises:
        FileExistsError: If the path exists and ``overwrite`` is false.
        OSError: If the folder cannot be written; what was there before stays.
    """
    folder = Path(path).absolute()
    if folder.exists() and not overwrite:
        raise FileExistsError(f"path: expected a new folder, got {folder}, which exists; pass overwrite=True")
    written, replaced = (folder.with_name(folder.name + end) for end in (".incomplete", ".replaced"))
    shutil.rmtree(written, ignore_errors=True)
    try:
        _write(written, estimator)
        if folder.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            folder.rename(replaced)
        written.rename(folder)
    except (OSError, ValueError) as error:  # Orbax says of a full disk that a value is wrong
        shutil.rmtree(written, ignore_errors=True)
        raise OSError(f"path: could not write {folder}, what was there before stays: {error}") from error
    shutil.rmtree(replaced, ignore_errors=True)


def _write(folder: Path, estimator: Estimator) -> None:
    folder.mkdir()
    with _checkpointer() as checkpointer:
        checkpointer.save(folder / ARRAYS, _arrays(estimator))
    about = {"format": FORMAT, "lsmi_jax": version("lsmi-jax"), "recipe": _recipe(estimator)}
    (folder / ABOUT).write_text(json.dumps(about | {"files": _checksums(folder / ARRAYS)}, indent=1))


def load(path: str | Path) -> Estimator:
    """Reads what `save` wrote: arrays and a few words, nothing that could run.

    Args:
        path: The folder.

    Returns:
        The `Estimator`, on the default device.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it was not written by `save`, is damaged, or is of a format this version cannot read.
    """
    folder = Path(path).absolute()
    if not folder.is_dir():
        raise FileNotFoundError(f"path: expected a folder, found none at {folder}")
    about = _about(folder)
    skeleton = _skeleton(**about["recipe"])
    with _checkpointer() as checkpointer:
        arrays = checkpointer.restore(folder / ARRAYS, jax.eval_shape(_arrays, skeleton))
    return _from_arrays(arrays, skeleton)


def _about(folder: Path) -> dict[str, Any]:
    """What a folder says of itself, once it is known to be whole."""
    try:
        about = json.loads((folder / ABOUT).read_text())
        found = about["format"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"path: expected a folder that lsmi_jax.save wrote, got {folder} ({error!r})") from error
    if found != FORMAT:
        raise ValueError(f"path: expected an estimator of format {FORMAT} in {folder}, got format {found}")
    if _checksums(folder / ARRAYS) != about["files"]:
        raise ValueError(f"path: expected the files that were saved in {folder}, got others: it is damaged")
    return about


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _checkpointer() -> Any:
    import orbax.checkpoint  # comes with Flax; imported when needed, as that takes long

    return orbax.checkpoint.StandardCheckpointer()


def _arrays(estimator: Estimator) -> dict[str, jax.Array]:
    """Leaves by where they are, keys as numbers."""
    leaves = jax.tree_util.tree_leaves_with_path(estimator)
    return {jax.tree_util.keystr(where): as_numbers(leaf) for where, leaf in leaves}


def _from_arrays(arrays: dict[str, jax.Array], skeleton: Estimator) -> Estimator:
    leaves, structure = jax.tree_util.tree_flatten_with_path(skeleton)
    restored = []
    for where, expected in leaves:
        array = jnp.asarray(arrays[jax.tree_util.keystr(where)])
        restored.append(jax.random.wrap_key_data(array) if is_key(expected) else array)
    return jax.tree.unflatten(structure, restored)


def _recipe(estimator: Estimator) -> dict[str, Any]:
    """What an estimator's structure and shapes follow from."""
    knives = estimator.densities[0].knives
    return {
        "num_features": list(estimator.num_features),
        "num_classes": estimator.log_prior.shape[0],
        "entropy_space": estimator.entropy_space,
        "num_components": knives.log_weights.shape[-1],
        "covariance": knives.covariance,
        "own_logits": estimator.discriminators is None,
    }


def _skeleton(num_features, num_classes, entropy_space, num_components, covariance, own_logits) -> Estimator:
    """An estimator of shapes alone: nothing is computed."""
    num_rows = 10 * num_classes  # any number: no shape depends on it
    key = jax.eval_shape(lambda: jax.random.key(0))
    numbers = jnp.float32
    logits = (jax.ShapeDtypeStruct((num_rows, num_classes), numbers),) * 3 if own_logits else None
    data = Data(
        tuple(jax.ShapeDtypeStruct((num_rows, d), numbers) for d in num_features),  # type: ignore[misc]
        jax.ShapeDtypeStruct((num_rows,), jnp.int32),  # type: ignore[arg-type]
        logits,  # type: ignore[arg-type]
        jax.ShapeDtypeStruct((num_classes,), numbers),  # type: ignore[arg-type]
    )
    rows = jax.ShapeDtypeStruct((1, 1, num_rows), jnp.int32)

    def fitted(key: jax.Array, data: Data, rows: jax.Array) -> Estimator:
        options = {"entropy_space": entropy_space, "num_components": num_components, "covariance": covariance}
        return unstack(fit_stacked(key, data, rows, **options))

    return jax.eval_shape(fitted, key, data, rows)
