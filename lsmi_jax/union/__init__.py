"""Union information: how much modalities say about the label if their evidence can only be added."""

from lsmi_jax.union._potentials import (
    MOST_MODALITIES,
    Potentials,
    fit_potentials,
    log_union_scores,
    potentials_of_rows,
)
from lsmi_jax.union._solver import largest_log_sums
from lsmi_jax.union._whole import WholeUnion, fit_whole_union, whole_union_scores

__all__ = [
    "MOST_MODALITIES",
    "Potentials",
    "WholeUnion",
    "fit_potentials",
    "fit_whole_union",
    "largest_log_sums",
    "log_union_scores",
    "potentials_of_rows",
    "whole_union_scores",
]
