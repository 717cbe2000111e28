"""Rows for what a study needs, of several seeds at once, and densities of what models say of them."""

from collections.abc import Sequence

import jax
import numpy as np

from lsmi_jax.density import fit_density
from lsmi_jax.posterior_space import blur, posterior_coordinates


def parts(labels: np.ndarray, tenths: Sequence[int], num_seeds: int) -> tuple[np.ndarray, ...]:
    """Cuts the rows into parts of so many tenths, each class evenly: row indices ``[num_seeds, n_part]`` a part."""
    part = np.repeat(np.arange(len(tenths)), tenths)[np.arange(len(labels)) % 10]
    orders = []
    for seed in range(num_seeds):
        drawn = np.random.default_rng(seed).permutation(len(labels))
        orders.append(drawn[np.argsort(labels[drawn], kind="stable")])
    return tuple(np.stack(orders)[:, part == p] for p in range(len(tenths)))


def posterior_surprisals(key: jax.Array, known: jax.Array, logits: jax.Array) -> jax.Array:
    """Surprisal of posteriors ``[n]`` in nats, under a density fitted on those of other rows; for both, logits."""
    noise_key, key = jax.random.split(key)
    points = blur(noise_key, posterior_coordinates(known))
    density = fit_density(key, points, num_components=16, covariance="diagonal")
    return density.surprisal(posterior_coordinates(logits))
