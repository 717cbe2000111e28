"""Splits of the rows for several seeds at once."""

from collections.abc import Sequence

import numpy as np


def parts(labels: np.ndarray, tenths: Sequence[int], num_seeds: int) -> tuple[np.ndarray, ...]:
    """Splits the rows into parts of so many tenths, stratified by class; each part is ``[num_seeds, n_part]`` rows."""
    part = np.repeat(np.arange(len(tenths)), tenths)[np.arange(len(labels)) % 10]
    orders = []
    for seed in range(num_seeds):
        drawn = np.random.default_rng(seed).permutation(len(labels))
        orders.append(drawn[np.argsort(labels[drawn], kind="stable")])
    return tuple(np.stack(orders)[:, part == p] for p in range(len(tenths)))
