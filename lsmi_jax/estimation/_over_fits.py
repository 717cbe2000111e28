"""Maps a program over all seeds and folds: on one device, or each on a device of its own."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

__all__ = ["over_fits"]


def over_fits(
    fit: Callable,
    mesh: Mesh | None,
    shared: Any,
    *mapped: Any,
    keys: jax.Array | None = None,
    in_sequence: bool = False,
) -> Any:
    """Maps a function over seeds and folds, which a mesh of devices divides among themselves.

    Every device holds what all fits use, such as the rows of a view, and what its own fits compute. Results are on
    every device.
    If fits do not divide evenly, devices that would be idle repeat the last one.

    Args:
        fit: Function of ``shared``, of the key of a seed if there are ``keys``, and of a slice of each of ``mapped``.
        mesh: The mesh over which rows are sharded; None on one device.
        shared: Pytree of what all fits use.
        *mapped: Pytrees of arrays ``[m, F, ...]``.
        keys: Random key of each seed ``[m]``. Its folds share it, and thus their batches and noise.
        in_sequence: Whether fits on one device follow each other, to bound memory.

    Returns:
        Pytree of arrays ``[m, F, ...]``.
    """
    num_seeds, num_folds = jax.tree.leaves(mapped)[0].shape[:2]
    count = num_seeds * num_folds
    flat = jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[2:]), mapped)
    flat = flat if keys is None else (jnp.repeat(keys, num_folds), *flat)

    def on_one_device(shared: Any, *flat: Any) -> Any:
        if len(jax.tree.leaves(flat)[0]) == 1:  # XLA takes several times longer to compile a map over one element
            return jax.tree.map(lambda leaf: leaf[None], fit(shared, *jax.tree.map(lambda leaf: leaf[0], flat)))
        if in_sequence:
            return jax.lax.map(lambda own: fit(shared, *own), flat)
        return jax.vmap(lambda *own: fit(shared, *own))(*flat)

    if mesh is None or count == 1:
        results = on_one_device(shared, *flat)
    else:
        num_idle = -count % mesh.size
        padded = jax.tree.map(lambda leaf: jnp.concatenate([leaf, jnp.repeat(leaf[-1:], num_idle, 0)]), flat)
        everywhere, own = PartitionSpec(), PartitionSpec(mesh.axis_names)
        specs = (everywhere, *(own for _ in padded))
        spread = jax.shard_map(on_one_device, mesh=mesh, in_specs=specs, out_specs=own, check_vma=False)
        gathered = jax.lax.with_sharding_constraint(spread(shared, *padded), NamedSharding(mesh, everywhere))
        results = jax.tree.map(lambda leaf: leaf[:count], gathered)
    return jax.tree.map(lambda leaf: leaf.reshape(num_seeds, num_folds, *leaf.shape[1:]), results)
