"""Redundancy, uniqueness and synergy of two modalities, for every single sample.

The folders form a list; each imports only from those before it: `decomposition` (the mathematics), `inputs` (what
comes in), `models` (what is fitted), `storage` (files), `estimation` (estimates and their results), `online` (inside a
training step), `reporting`, `applications`, `baselines`, `datasets`, `sklearn`, `cli`.
"""

from importlib.metadata import version

from lsmi_jax import applications, datasets
from lsmi_jax.decomposition import (
    KINDS,
    CommonChange,
    CustomRedundancy,
    DensityOptions,
    Interactions,
    Means,
    MinimumInformation,
    SharedExclusions,
    SpecificityAmbiguity,
    adjust,
    common_change,
    decompose,
    gain,
    interactions_from_posteriors,
    kind,
    label_log_prior,
    minimum_information,
    pointwise_information,
    shared_exclusions,
    single_source_fraction,
    soft_decompose,
    specificity_ambiguity,
)
from lsmi_jax.estimation import (
    Diagnostics,
    Estimate,
    Estimator,
    Pairs,
    PermutationTest,
    ScoredFile,
    Summary,
    estimate,
    estimate_pairs,
    export_score,
    fit_estimator,
    load,
    permutation_test,
    save,
    score,
    score_to_file,
    summarize,
)
from lsmi_jax.inputs import ArrayBatches, encode_labels
from lsmi_jax.models import Knife, Probe, log_ratio_coordinates, posterior_coordinates
from lsmi_jax.online import Tracker, batch_interactions, init_tracker, interaction_penalty, update_tracker

__version__ = version("lsmi-jax")

__all__ = [
    "KINDS",
    "ArrayBatches",
    "CommonChange",
    "CustomRedundancy",
    "DensityOptions",
    "Diagnostics",
    "Estimate",
    "Estimator",
    "Interactions",
    "Knife",
    "Means",
    "MinimumInformation",
    "Pairs",
    "PermutationTest",
    "Probe",
    "ScoredFile",
    "SharedExclusions",
    "SpecificityAmbiguity",
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
    "fit_estimator",
    "gain",
    "init_tracker",
    "interaction_penalty",
    "interactions_from_posteriors",
    "kind",
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
    "update_tracker",
]
