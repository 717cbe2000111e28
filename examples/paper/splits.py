"""Splits of the rows for several seeds at once, and surprisals of a model's posteriors."""

from collections.abc import Sequence

import jax
import numpy as np
from posterior_space import blur, posterior_coordinates

from lsmi_jax.models import fit_density


def parts(labels: np.ndarray, tenths: Sequence[int], num_seeds: int) -> tuple[np.ndarray, ...]:
    """Splits the rows into parts of so many tenths, stratified by class; each part is ``[num_seeds, n_part]`` rows."""
    part = np.repeat(np.arange(len(tenths)), tenths)[np.arange(len(labels)) % 10]
    orders = []
    for seed in range(num_seeds):
        drawn = np.random.default_rng(seed).permutation(len(labels))
        orders.append(drawn[np.argsort(labels[drawn], kind="stable")])
    return tuple(np.stack(orders)[:, part == p] for p in range(len(tenths)))


def posterior_surprisals(key: jax.Array, fit_logits: jax.Array, logits: jax.Array) -> jax.Array:
    """Surprisals ``[n]`` in nats of posteriors given as logits, by a density fitted on the posteriors of other rows."""
    noise_key, key = jax.random.split(key)
    points = blur(noise_key, posterior_coordinates(fit_logits))
    density = fit_density(key, points, num_components=16, covariance="diagonal")
    return density.surprisal(posterior_coordinates(logits))
