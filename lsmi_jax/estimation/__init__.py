"""Estimates: fitting, scoring and their results, summaries, checkpoints, export and streaming."""

from lsmi_jax.estimation._added import added_cells
from lsmi_jax.estimation._assembly import assemble
from lsmi_jax.estimation._checkpoint import load, save
from lsmi_jax.estimation._data_checks import check_data, told_apart
from lsmi_jax.estimation._diagnostics import Diagnostics, all_finite
from lsmi_jax.estimation._estimate import estimate, estimate_pairs
from lsmi_jax.estimation._estimator import Estimator, stack, unstack
from lsmi_jax.estimation._expected import expected_interactions, log_posteriors
from lsmi_jax.estimation._export import export_score
from lsmi_jax.estimation._fit_and_score import CHUNK, fit_estimator, redundancy_of, score
from lsmi_jax.estimation._fitting import fit_stacked, fit_stages
from lsmi_jax.estimation._formatting import (
    LABELS,
    MEAN_COLUMNS,
    NORMAL,
    SET_TO_ZERO,
    WITHOUT_FIT,
    Cell,
    Overview,
    Row,
    is_concrete,
    mean_cell,
    plain_repr,
    shift_note,
)
from lsmi_jax.estimation._frames import SAMPLE_COLUMNS, named_columns, to_pandas, to_xarray
from lsmi_jax.estimation._labels import Labels, estimate_labels
from lsmi_jax.estimation._negative_parts import negative_parts
from lsmi_jax.estimation._pairs import Pairs
from lsmi_jax.estimation._permutation import PermutationTest, permutation_test
from lsmi_jax.estimation._predictions import Predictions
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.estimation._rows_to_fit import rows_to_fit
from lsmi_jax.estimation._scoring import Scores, cross_fitted_posteriors, score_rows
from lsmi_jax.estimation._several import columns_of_means, estimate_of, means_of, overview_of
from lsmi_jax.estimation._splits import folds_of
from lsmi_jax.estimation._stage_names import stages_of
from lsmi_jax.estimation._streaming import RowProgress, ScoredFile, score_to_file
from lsmi_jax.estimation._summary import Summary, summarize
from lsmi_jax.estimation._together import Together, WholeParts
from lsmi_jax.estimation._top_groups import GroupMean
from lsmi_jax.estimation._top_samples import RANKED_BY, ranked, suspicious
from lsmi_jax.estimation._views import cross_fitted_view

__all__ = [
    "CHUNK",
    "LABELS",
    "MEAN_COLUMNS",
    "NORMAL",
    "RANKED_BY",
    "SAMPLE_COLUMNS",
    "SET_TO_ZERO",
    "WITHOUT_FIT",
    "Cell",
    "Diagnostics",
    "Estimate",
    "Estimator",
    "GroupMean",
    "Labels",
    "Overview",
    "Pairs",
    "PermutationTest",
    "Predictions",
    "Row",
    "RowProgress",
    "ScoredFile",
    "Scores",
    "Summary",
    "Together",
    "WholeParts",
    "added_cells",
    "all_finite",
    "assemble",
    "check_data",
    "columns_of_means",
    "cross_fitted_posteriors",
    "cross_fitted_view",
    "estimate",
    "estimate_labels",
    "estimate_of",
    "estimate_pairs",
    "expected_interactions",
    "export_score",
    "fit_estimator",
    "fit_stacked",
    "fit_stages",
    "folds_of",
    "is_concrete",
    "load",
    "log_posteriors",
    "mean_cell",
    "means_of",
    "named_columns",
    "negative_parts",
    "overview_of",
    "permutation_test",
    "plain_repr",
    "ranked",
    "redundancy_of",
    "rows_to_fit",
    "save",
    "score",
    "score_rows",
    "score_to_file",
    "shift_note",
    "stack",
    "stages_of",
    "summarize",
    "suspicious",
    "to_pandas",
    "to_xarray",
    "told_apart",
    "unstack",
]
