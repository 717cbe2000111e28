"""Redundancy, uniqueness and synergy of two modalities, for every single sample."""

from importlib.metadata import version

from lsmi_jax import applications, datasets, synthetic
from lsmi_jax.batches import ArrayBatches
from lsmi_jax.checkpoint import load, save
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
from lsmi_jax.export import export_score
from lsmi_jax.information import label_log_prior, log_ratio_coordinates, pointwise_information
from lsmi_jax.knife import Knife
from lsmi_jax.pairs import Pairs, estimate_pairs
from lsmi_jax.permutation import PermutationTest, permutation_test
from lsmi_jax.posterior_space import posterior_coordinates
from lsmi_jax.probe import Probe
from lsmi_jax.regularizers import batch_interactions, interaction_penalty, soft_decompose
from lsmi_jax.result import Estimate
from lsmi_jax.streaming import ScoredFile, score_to_file
from lsmi_jax.summary import Means, Summary, summarize
from lsmi_jax.tracker import Tracker, init_tracker, update_tracker
from lsmi_jax.training import Fit, fit

__version__ = version("lsmi-jax")

__all__ = [
    "ArrayBatches",
    "Diagnostics",
    "Estimate",
    "Estimator",
    "Fit",
    "Interactions",
    "Knife",
    "Means",
    "Pairs",
    "PermutationTest",
    "Probe",
    "ScoredFile",
    "Summary",
    "Tracker",
    "adjust",
    "applications",
    "batch_interactions",
    "common_change",
    "datasets",
    "decompose",
    "encode_labels",
    "estimate",
    "estimate_pairs",
    "export_score",
    "fit",
    "fit_estimator",
    "init_tracker",
    "interaction_penalty",
    "label_log_prior",
    "load",
    "log_ratio_coordinates",
    "minimum_information",
    "permutation_test",
    "pointwise_information",
    "posterior_coordinates",
    "save",
    "score",
    "score_to_file",
    "shared_exclusions",
    "single_source_fraction",
    "soft_decompose",
    "specificity_ambiguity",
    "summarize",
    "synthetic",
    "update_tracker",
]
