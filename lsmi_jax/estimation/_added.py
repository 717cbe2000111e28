"""What each modality adds to the other."""

import jax

from lsmi_jax.decomposition import finite_rows
from lsmi_jax.estimation._formatting import Cell, mean_cell, means_of_seeds
from lsmi_jax.estimation._result import Estimate

__all__ = ["added_cells"]


def added_cells(result: Estimate) -> tuple[Cell, Cell]:
    """Mean information that the first modality adds to the second, and the second to the first, with errors."""
    i1, i2, i12 = result.information
    counted = finite_rows(i1, i2, i12)

    def cell(other: jax.Array, own: int) -> Cell:
        seeds = None
        if result.seeds is not None:  # what is added is unique information plus synergy, under any redundancy
            seeds = means_of_seeds(result.seeds[own] + result.seeds.synergy, counted, result.weights)
        return mean_cell(i12 - other, seeds, counted, result.weights, result.groups)

    return cell(i2, 1), cell(i1, 2)
