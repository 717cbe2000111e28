"""Saves a fitted estimator atomically and loads it without running any code from the file."""

import hashlib
import json
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import REDUNDANCIES, CustomRedundancy, DensityOptions, Redundancy, check_redundancy
from lsmi_jax.estimation._estimator import Estimator, unstack
from lsmi_jax.estimation._fitting import fit_stacked
from lsmi_jax.inputs import Dataset, Units
from lsmi_jax.storage import is_key, key_as_integers

__all__ = ["load", "save"]

ABOUT, ARRAYS = "about.json", "arrays"
CUSTOM = CustomRedundancy.__name__
FORMAT = 4  # incremented when older folders can no longer be read


def save(path: str | Path, estimator: Estimator, *, overwrite: bool = False) -> None:
    """Writes a fitted estimator to a folder through Orbax; the folder appears only when it is complete.

    Args:
        path: The folder to write; its parent must exist.
        estimator: From `lsmi_jax.fit_estimator`.
        overwrite: Whether to replace a folder that an earlier call wrote.

    Raises:
        FileExistsError: If the path exists and ``overwrite`` is false, or it is something else than such a folder.
        OSError: If the folder cannot be written; its previous content is preserved.
    """
    folder = Path(path).absolute()
    if folder.exists() and not overwrite:
        raise FileExistsError(f"path: expected a new folder, got {folder}, which exists; pass overwrite=True")
    if folder.exists() and not (folder / ABOUT).is_file():
        raise FileExistsError(f"path: expected a new folder or one that save wrote, got {folder}, which is kept")
    written, replaced = (folder.with_name(folder.name + end) for end in (".incomplete", ".replaced"))
    shutil.rmtree(written, ignore_errors=True)
    try:
        _write(written, estimator)
        if folder.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            folder.rename(replaced)
        written.rename(folder)
    except (OSError, ValueError) as error:  # Orbax raises ValueError on a full disk
        shutil.rmtree(written, ignore_errors=True)
        reason = str(error).partition(" [")[0]  # without the settings of Orbax's store
        raise OSError(f"path: could not write {folder}; its previous content is preserved: {reason}") from error
    shutil.rmtree(replaced, ignore_errors=True)


def _write(folder: Path, estimator: Estimator) -> None:
    """Writes the arrays, then the description with their checksums."""
    folder.mkdir()
    with _checkpointer() as checkpointer:
        checkpointer.save(folder / ARRAYS, arrays := _arrays(estimator))
    shapes = {name: array.shape for name, array in arrays.items()}  # some depend on the number of rows
    about = {"format": FORMAT, "lsmi_jax": version("lsmi-jax"), "recipe": _recipe(estimator), "shapes": shapes}
    (folder / ABOUT).write_text(json.dumps(about | {"files": _checksums(folder / ARRAYS)}, indent=1))


def load(path: str | Path, *, redundancy: Redundancy | None = None) -> Estimator:
    """Reads an estimator that `save` wrote: arrays and a description, no code.

    Args:
        path: The folder.
        redundancy: The `lsmi_jax.CustomRedundancy` that it was fitted for, whose function no file holds; None for
            any other.

    Returns:
        The `Estimator`, on the default device.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it was not written by `save`, is damaged, has a format this version cannot read, or needs
            another ``redundancy``.
    """
    folder = Path(path).absolute()
    if not folder.is_dir():
        raise FileNotFoundError(f"path: expected a folder, found none at {folder}")
    about = _about(folder)
    recipe = about["recipe"]
    chosen = _redundancy(recipe.pop("redundancy"), redundancy)
    skeleton = _skeleton(redundancy=chosen, **recipe)
    expected = jax.eval_shape(_arrays, skeleton).items()
    targets = {name: jax.ShapeDtypeStruct(about["shapes"][name], leaf.dtype) for name, leaf in expected}
    with _checkpointer() as checkpointer:
        arrays = checkpointer.restore(folder / ARRAYS, targets)
    return _from_arrays(arrays, skeleton)


def _about(folder: Path) -> dict[str, Any]:
    """The description of a folder, after a check that its files are complete and unchanged."""
    try:
        about = json.loads((folder / ABOUT).read_text())
        found = about["format"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"path: expected a folder that lsmi_jax.save wrote, got {folder} ({error!r})") from error
    if found != FORMAT:
        raise ValueError(f"path: expected an estimator of format {FORMAT} in {folder}, got format {found}")
    if _checksums(folder / ARRAYS) != about["files"]:
        raise ValueError(f"path: expected the files that were saved in {folder}, got different ones: it is damaged")
    return about


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _checkpointer() -> Any:
    """Orbax's checkpointer."""
    import orbax.checkpoint  # a dependency of Flax; the import is slow

    return orbax.checkpoint.StandardCheckpointer()


def _arrays(estimator: Estimator) -> dict[str, jax.Array]:
    """Leaves by their path in the pytree, with keys as integers."""
    leaves = jax.tree_util.tree_leaves_with_path(estimator)
    return {jax.tree_util.keystr(where): key_as_integers(leaf) for where, leaf in leaves}


def _from_arrays(arrays: dict[str, jax.Array], skeleton: Estimator) -> Estimator:
    """The inverse of `_arrays`."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(skeleton)
    restored = []
    for where, expected in leaves:
        array = jnp.asarray(arrays[jax.tree_util.keystr(where)])
        restored.append(jax.random.wrap_key_data(array) if is_key(expected) else array)
    return jax.tree.unflatten(structure, restored)


def _recipe(estimator: Estimator) -> dict[str, Any]:
    """What determines the structure of an estimator, as JSON."""
    names = {kind: name for name, kind in REDUNDANCIES.items()}
    name, density = names.get(type(estimator.redundancy), CUSTOM), estimator.redundancy.density
    custom = {"density": None if density is None else asdict(density)}
    return {
        "num_features": list(estimator.num_features),
        "num_classes": estimator.num_classes,
        "redundancy": {
            "name": name,
            "options": custom if name == CUSTOM else asdict(cast(Any, estimator.redundancy)),
        },
        "own_logits": estimator.discriminators is None,
    }


def _redundancy(recipe: dict[str, Any], given: Redundancy | None) -> Redundancy:
    """The redundancy of a recipe; a custom one is the caller's."""
    options = recipe["options"]
    if recipe["name"] != CUSTOM:
        if given is not None:
            raise ValueError(f"redundancy: expected none, as the folder has {recipe['name']}, got {given!r}")
        return REDUNDANCIES[recipe["name"]](**options)
    density = None if options["density"] is None else DensityOptions(**options["density"])
    if given is None or check_redundancy(given).density != density:
        raise ValueError(f"redundancy: expected the custom one with density={density} it was fitted for, got {given!r}")
    return given


def _skeleton(num_features, num_classes, redundancy: Redundancy, own_logits: bool) -> Estimator:
    """The structure of an estimator, without values; nothing is computed."""
    num_rows = 10 * num_classes  # any number: the structure does not depend on it
    key = jax.eval_shape(lambda: jax.random.key(0))

    def floats(*shape: int) -> Any:
        return jax.ShapeDtypeStruct(shape, jnp.float32)

    def integers(*shape: int) -> Any:
        return jax.ShapeDtypeStruct(shape, jnp.int32)

    logits = (floats(num_rows, num_classes),) * 3 if own_logits else None
    features = tuple(floats(num_rows, d) for d in num_features)
    units = tuple(Units(floats(2, d), floats(d)) for d in num_features)
    data = Dataset(features, integers(num_rows), logits, floats(num_classes), units)

    def fitted(key: jax.Array, data: Dataset, rows: jax.Array) -> Estimator:
        return unstack(fit_stacked(key, data, rows, redundancy))

    return jax.eval_shape(fitted, key, data, integers(1, 1, num_rows))
