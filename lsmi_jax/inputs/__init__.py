"""What comes in: checks and encoding, the packed data set and its views, batches, folds and sharding."""

from lsmi_jax.inputs._batches import ArrayBatches, Batch, Batches, Position, chunks
from lsmi_jax.inputs._data_options import DataOptions, check_data_options, given_options
from lsmi_jax.inputs._dataset import MANY_COLUMNS, Dataset, check_counts, joined, pack, pairs_of, views
from lsmi_jax.inputs._extras import import_extra
from lsmi_jax.inputs._folds import (
    Folds,
    evenly_spaced,
    in_input_order,
    rows_at,
    spread_rows,
    stratified_folds,
    weights_of,
)
from lsmi_jax.inputs._grouped_folds import consecutive_groups, grouped_folds, grouped_splits
from lsmi_jax.inputs._labels import check_class_counts, check_labels, encode, encode_labels, is_missing
from lsmi_jax.inputs._missing import Missing, Unlabeled
from lsmi_jax.inputs._predictions import check_logits, check_no_logits, num_blocks_of, num_predictions_of
from lsmi_jax.inputs._sampling import Sample, sample
from lsmi_jax.inputs._sharding import across_meshes, mesh_of, to_host
from lsmi_jax.inputs._targets import NUM_KNOTS, Target, bins_of, fitted_bins, names_of_bins
from lsmi_jax.inputs._units import Units, in_units, outlier_ratio, units_of
from lsmi_jax.inputs._validation import (
    check_features,
    check_key,
    check_log_prior,
    check_names,
    check_weights,
)

__all__ = [
    "MANY_COLUMNS",
    "NUM_KNOTS",
    "ArrayBatches",
    "Batch",
    "Batches",
    "DataOptions",
    "Dataset",
    "Folds",
    "Missing",
    "Position",
    "Sample",
    "Target",
    "Units",
    "Unlabeled",
    "across_meshes",
    "bins_of",
    "check_class_counts",
    "check_counts",
    "check_data_options",
    "check_features",
    "check_key",
    "check_labels",
    "check_log_prior",
    "check_logits",
    "check_names",
    "check_no_logits",
    "check_weights",
    "chunks",
    "consecutive_groups",
    "encode",
    "encode_labels",
    "evenly_spaced",
    "fitted_bins",
    "given_options",
    "grouped_folds",
    "grouped_splits",
    "import_extra",
    "in_input_order",
    "in_units",
    "is_missing",
    "joined",
    "mesh_of",
    "names_of_bins",
    "num_blocks_of",
    "num_predictions_of",
    "outlier_ratio",
    "pack",
    "pairs_of",
    "rows_at",
    "sample",
    "spread_rows",
    "stratified_folds",
    "to_host",
    "units_of",
    "views",
    "weights_of",
]
