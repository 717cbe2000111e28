"""Union information: how much two modalities say about the label if their evidence can only be added."""

from lsmi_jax.union._codebook import fit_codebook, nearest_cell
from lsmi_jax.union._potentials import Potentials, fit_potentials, log_union_scores, potentials_of_rows
from lsmi_jax.union._solver import fixed_point_step, largest_log_sums, log_margins

__all__ = [
    "Potentials",
    "fit_codebook",
    "fit_potentials",
    "fixed_point_step",
    "largest_log_sums",
    "log_margins",
    "log_union_scores",
    "nearest_cell",
    "potentials_of_rows",
]
