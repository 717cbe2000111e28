"""Where arrays live: rows spread over a mesh, of whatever kind, and over processes."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.typing import ArrayLike

__all__ = ["everywhere", "to_host"]

P = ParamSpec("P")
R = TypeVar("R")


def to_host(array: ArrayLike) -> np.ndarray:
    """All of an array, also of one whose rows other processes hold.

    Args:
        array: A small array, such as labels.

    Returns:
        A numpy array, the same in every process.
    """
    if isinstance(array, jax.Array) and not (array.is_fully_addressable or array.is_fully_replicated):
        return np.asarray(multihost_utils.process_allgather(array, tiled=True))
    return np.asarray(array)


def everywhere(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function take arrays that are spread over an Explicit mesh as if it were an Auto one.

    The compiler then places what is computed on the way; results come back on the caller's own mesh.

    Args:
        function: A function of pytrees of arrays, at the host boundary.

    Returns:
        The same function, for meshes of either kind.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        mesh = _explicit_mesh((args, kwargs))
        if mesh is None:
            return function(*args, **kwargs)
        auto = Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))
        args, kwargs = _moved((args, kwargs), auto)
        with jax.set_mesh(auto):
            result = function(*args, **kwargs)
        return _moved(result, mesh)

    return wrapped


def _explicit_mesh(tree: Any) -> Mesh | None:
    """The mesh with an Explicit axis that the first array is spread over which is on such a mesh."""
    for leaf in jax.tree.leaves(tree, is_leaf=_is_stream):
        if isinstance(leaf, jax.Array) and isinstance(leaf.sharding, NamedSharding):
            mesh = leaf.sharding.mesh
            if isinstance(mesh, Mesh) and AxisType.Explicit in mesh.axis_types:
                return mesh
    return None


def _moved(tree: Any, mesh: Mesh) -> Any:
    """Arrays on the same devices in the same way, under another mesh."""

    def moved(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array) and isinstance(leaf.sharding, NamedSharding):
            return jax.device_put(leaf, NamedSharding(mesh, leaf.sharding.spec))
        return leaf

    return jax.tree.map(moved, tree, is_leaf=_is_stream)


def _is_stream(node: Any) -> bool:
    """Whether something is iterated over by the function itself."""
    return isinstance(node, Iterable) and not isinstance(node, (tuple, list, Mapping, np.ndarray, jax.Array))
