"""Saves a fitted estimator atomically and loads it without running any code from the file."""

import json
import os
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import REDUNDANCIES, CustomRedundancy, DensityOptions, Redundancy, check_redundancy
from lsmi_jax.estimation._estimator import Estimator, check_estimator, unstack
from lsmi_jax.estimation._fitting import fit_stacked
from lsmi_jax.estimation._stage_names import names_of_modalities
from lsmi_jax.inputs import NUM_KNOTS, Dataset, Units, num_predictions_of
from lsmi_jax.storage import as_path, checksum, damage_as_value_error, parse_record, read_tree, record_text, write_tree

__all__ = ["load", "save"]

ABOUT, ARRAYS = "about.json", "arrays.npz"
CUSTOM = CustomRedundancy.__name__
FORMAT = 9  # incremented when older folders can no longer be read


def save(path: str | Path, estimator: Estimator, *, overwrite: bool = False) -> None:
    """Writes a fitted estimator to a folder; the write is atomic.

    Args:
        path: The folder to write; its parent must exist.
        estimator: From `lsmi_jax.fit_estimator`.
        overwrite: Whether to replace a folder that an earlier call wrote.

    Raises:
        FileExistsError: If the path exists and ``overwrite`` is false, or it is not such a folder.
        OSError: If the folder cannot be written; its previous content is preserved.
        TypeError: If ``estimator`` has the wrong type.
    """
    check_estimator(estimator)
    folder = as_path("path", path)
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
    except OSError as error:
        shutil.rmtree(written, ignore_errors=True)
        reason = os.strerror(error.errno) if error.errno else str(error)
        message = f"path: could not write {folder}; its previous content is preserved: {reason}"
        raise OSError(error.errno, message) from error
    shutil.rmtree(replaced, ignore_errors=True)


def _write(folder: Path, estimator: Estimator) -> None:
    """Writes the arrays, then the description with their checksum."""
    folder.mkdir()
    write_tree(folder / ARRAYS, estimator)
    arrays = checksum((folder / ARRAYS).read_bytes())
    about = {"format": FORMAT, "lsmi_jax": version("lsmi-jax"), "recipe": _recipe(estimator), "arrays": arrays}
    (folder / ABOUT).write_bytes(record_text(about))


def load(path: str | Path, *, redundancy: Redundancy | None = None) -> Estimator:
    """Reads an estimator that `save` wrote: arrays and a description, no code.

    Args:
        path: The folder.
        redundancy: The `lsmi_jax.CustomRedundancy` that it was fitted for, whose function is not stored in the folder;
            None for any other.

    Returns:
        The `Estimator`, on the default device.

    Raises:
        FileNotFoundError: If there is no such folder.
        TypeError: If ``redundancy`` is not an option object.
        ValueError: If it was not written by `save`, is damaged, has a format this version cannot read, or needs
            another ``redundancy``.
    """
    folder = as_path("path", path)
    if not folder.is_dir():
        raise FileNotFoundError(f"path: expected a folder, found none at {folder}")
    recipe = _checked_recipe(folder)
    not_an_estimator = f"path: expected the description of an estimator, got {folder / ABOUT}"
    with damage_as_value_error(not_an_estimator):
        stored = _stored_redundancy(**recipe.pop("redundancy"))
    chosen = _chosen(stored, redundancy)
    with damage_as_value_error(not_an_estimator):
        skeleton = _skeleton(redundancy=chosen, **recipe)
    try:
        return read_tree(folder / ARRAYS, skeleton)
    except ValueError as error:
        raise ValueError(f"path: {error}") from error


def _checked_recipe(folder: Path) -> dict[str, Any]:
    """The recipe of an estimator, after a check that both files are complete, unchanged and of sensible size."""
    with damage_as_value_error(f"path: expected a folder that lsmi_jax.save wrote, got {folder}"):
        text = (folder / ABOUT).read_bytes()
        found = json.loads(text)["format"]
    if found != FORMAT:
        raise ValueError(f"path: expected an estimator of format {FORMAT} in {folder}, got format {found}")
    with damage_as_value_error(f"path: expected the files that were saved in {folder}, but they have changed"):
        about, arrays = parse_record(text), (folder / ARRAYS).read_bytes()
        numbers = [leaf for leaf in jax.tree.leaves(about["recipe"]) if isinstance(leaf, int | float)]
        # Every number is the length of some array, so a larger one would only waste memory.
        if about["arrays"] != checksum(arrays) or any(abs(number) > len(arrays) for number in numbers):
            raise ValueError
    return about["recipe"]


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
        "continuous": estimator.knots is not None,
        # Two modalities have no names of their own.
        "names": list(estimator.names) if len(estimator.names) > 2 else None,
    }


def _stored_redundancy(name: str, options: dict[str, Any]) -> Redundancy:
    """The redundancy of a recipe; the function of a custom one is not stored."""
    if name != CUSTOM:
        return REDUNDANCIES[name](**options)
    density = options["density"]
    return CustomRedundancy(_not_stored, None if density is None else DensityOptions(**density))


def _not_stored(*_: Any) -> Any:
    """Placeholder for the function of a custom redundancy."""
    raise TypeError("redundancy: expected the custom one it was fitted for")


def _chosen(stored: Redundancy, given: Redundancy | None) -> Redundancy:
    """The stored redundancy; a custom one is the caller's."""
    if not isinstance(stored, CustomRedundancy):
        if given is not None:
            raise ValueError(f"redundancy: expected None, because the folder stores {stored!r}, got {given!r}")
        return stored
    if given is None or check_redundancy(given).density != stored.density:
        raise ValueError(
            f"redundancy: expected the custom one with density={stored.density} it was fitted for, got {given!r}"
        )
    return given


def _skeleton(
    num_features: list[int],
    num_classes: int,
    redundancy: Redundancy,
    own_logits: bool,
    continuous: bool,
    names: list[str] | None,
) -> Estimator:
    """The structure of an estimator, without values; nothing is computed."""
    num_rows = 10 * num_classes  # any number: the structure does not depend on it
    key = jax.eval_shape(lambda: jax.random.key(0))

    def floats(*shape: int) -> Any:
        return jax.ShapeDtypeStruct(shape, jnp.float32)

    def integers(*shape: int) -> Any:
        return jax.ShapeDtypeStruct(shape, jnp.int32)

    named = names_of_modalities(names, len(num_features))
    together = len(named) > 2
    logits = (floats(num_rows, num_classes),) * num_predictions_of(len(named)) if own_logits else None
    features = tuple(floats(num_rows, d) for d in num_features)
    units = tuple(Units(floats(2, d), floats(d)) for d in num_features)
    positions, knots = (floats(num_rows), floats(NUM_KNOTS)) if continuous else (None, None)
    data = Dataset(features, integers(num_rows), logits, floats(num_classes), units, positions=positions, knots=knots)

    def fitted(key: jax.Array, data: Dataset, rows: jax.Array) -> Estimator:
        return unstack(fit_stacked(key, data, rows, redundancy, names=named, together=together))

    return jax.eval_shape(fitted, key, data, integers(1, 1, num_rows))
