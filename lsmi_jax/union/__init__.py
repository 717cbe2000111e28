"""Union information: how much two modalities say about the label if their evidence can only be added."""

from lsmi_jax.union._potentials import Potentials, fit_potentials, log_union_scores, potentials_of_rows
from lsmi_jax.union._solver import largest_log_sums

__all__ = ["Potentials", "fit_potentials", "largest_log_sums", "log_union_scores", "potentials_of_rows"]
