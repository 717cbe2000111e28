"""Redundancy, uniqueness and synergy of two modalities, for every single sample."""

from importlib.metadata import version

from lsmi_jax import datasets, synthetic
from lsmi_jax.decomposition import (
    Interactions,
    adjust,
    common_change,
    decompose,
    minimum_information,
    shared_exclusions,
    single_source_fraction,
    specificity_ambiguity,
)
from lsmi_jax.diagnostics import Diagnostics
from lsmi_jax.encoding import encode_labels
from lsmi_jax.estimate import estimate, fit_estimator, score
from lsmi_jax.estimator import Estimator
from lsmi_jax.information import label_log_prior, log_ratio_coordinates, pointwise_information
from lsmi_jax.knife import Knife
from lsmi_jax.permutation import PermutationTest, permutation_test
from lsmi_jax.probe import Probe
from lsmi_jax.result import Estimate
from lsmi_jax.summary import Means, Summary, summarize
from lsmi_jax.training import Fit, fit

__version__ = version("lsmi-jax")

__all__ = [
    "Diagnostics",
    "Estimate",
    "Estimator",
    "Fit",
    "Interactions",
    "Knife",
    "Means",
    "PermutationTest",
    "Probe",
    "Summary",
    "adjust",
    "common_change",
    "datasets",
    "decompose",
    "encode_labels",
    "estimate",
    "fit",
    "fit_estimator",
    "label_log_prior",
    "log_ratio_coordinates",
    "minimum_information",
    "permutation_test",
    "pointwise_information",
    "score",
    "shared_exclusions",
    "single_source_fraction",
    "specificity_ambiguity",
    "summarize",
    "synthetic",
]
