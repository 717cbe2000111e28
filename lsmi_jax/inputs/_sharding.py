"""Arrays that are sharded over a mesh, Auto or Explicit, or over processes."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.typing import ArrayLike

__all__ = ["across_meshes", "mesh_of", "to_host"]

P = ParamSpec("P")
R = TypeVar("R")


def to_host(array: ArrayLike) -> np.ndarray:
    """Copies an array to the host, gathering rows from other processes if necessary.

    Args:
        array: A small array, such as labels.

    Returns:
        A numpy array, the same in every process.
    """
    if isinstance(array, jax.Array) and not (array.is_fully_addressable or array.is_fully_replicated):
        return np.asarray(multihost_utils.process_allgather(array, tiled=True))
    return np.asarray(array)


def mesh_of(arrays: Iterable[Any]) -> Mesh | None:
    """The mesh of two or more devices over which the first such array is placed; None if there is none."""
    for array in arrays:
        if isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer):
            mesh = getattr(array.sharding, "mesh", None)
            if isinstance(mesh, Mesh) and mesh.size > 1:
                return mesh
    return None


def across_meshes(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function take arrays that are sharded over an Explicit mesh as if the mesh were Auto.

    The compiler then places intermediate results; results are returned on the caller's own mesh.

    Args:
        function: A function of pytrees of arrays, at the host boundary.

    Returns:
        The function, for meshes of either kind. It raises TypeError where an array is traced.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        _check_concrete(function.__name__, (args, kwargs))
        mesh = _explicit_mesh((args, kwargs))
        if mesh is None:
            return function(*args, **kwargs)
        auto = Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))
        args, kwargs = _moved((args, kwargs), auto)
        with jax.set_mesh(auto):
            result = function(*args, **kwargs)
        return _moved(result, mesh)

    return wrapped


def _check_concrete(name: str, tree: Any) -> None:
    """Raises TypeError if an array is traced: values are checked, and files and folds made, on the host."""
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree, is_leaf=_is_stream)):
        raise TypeError(
            f"{name}: expected arrays with values, got traced ones; under jit, vmap and grad, use "
            "interactions_from_posteriors, batch_interactions, soft_decompose or update_tracker"
        )


def _explicit_mesh(tree: Any) -> Mesh | None:
    """The mesh of the first array that is sharded over a mesh with an Explicit axis; None if there is none."""
    for leaf in jax.tree.leaves(tree, is_leaf=_is_stream):
        if isinstance(leaf, jax.Array) and isinstance(leaf.sharding, NamedSharding):
            mesh = leaf.sharding.mesh
            if isinstance(mesh, Mesh) and AxisType.Explicit in mesh.axis_types:
                return mesh
    return None


def _moved(tree: Any, mesh: Mesh) -> Any:
    """Moves arrays to another mesh of the same devices, with the same sharding."""

    def moved(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array) and isinstance(leaf.sharding, NamedSharding):
            return jax.device_put(leaf, NamedSharding(mesh, leaf.sharding.spec))
        return leaf

    return jax.tree.map(moved, tree, is_leaf=_is_stream)


def _is_stream(node: Any) -> bool:
    """Whether a node is an iterable of batches, which the function reads itself."""
    return isinstance(node, Iterable) and not isinstance(node, (tuple, list, Mapping, np.ndarray, jax.Array))
