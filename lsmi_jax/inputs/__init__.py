"""What comes in: checks and encoding, the packed data set and its views, batches, folds and sharding."""

from lsmi_jax.inputs._batches import ArrayBatches, Batch, Batches, Position, chunks
from lsmi_jax.inputs._dataset import MANY_COLUMNS, Dataset, pack, pairs_of, views
from lsmi_jax.inputs._extras import import_extra
from lsmi_jax.inputs._folds import Folds, in_input_order, spread_rows, stratified_folds
from lsmi_jax.inputs._labels import check_class_counts, check_labels, encode_labels
from lsmi_jax.inputs._sampling import Sample, sample
from lsmi_jax.inputs._sharding import across_meshes, to_host
from lsmi_jax.inputs._units import Units, in_units, outlier_ratio, units_of
from lsmi_jax.inputs._validation import check_features, check_key, check_log_prior, check_logits, check_no_logits

__all__ = [
    "MANY_COLUMNS",
    "ArrayBatches",
    "Batch",
    "Batches",
    "Dataset",
    "Folds",
    "Position",
    "Sample",
    "Units",
    "across_meshes",
    "check_class_counts",
    "check_features",
    "check_key",
    "check_labels",
    "check_log_prior",
    "check_logits",
    "check_no_logits",
    "chunks",
    "encode_labels",
    "import_extra",
    "in_input_order",
    "in_units",
    "outlier_ratio",
    "pack",
    "pairs_of",
    "sample",
    "spread_rows",
    "stratified_folds",
    "to_host",
    "units_of",
    "views",
]
