"""Files that survive crashes: atomic writes, a cache of finished fit stages, and append-only tables of scored rows.

Nothing here depends on what the arrays mean: callers name the stages, the columns and the inputs of a result.
"""

from lsmi_jax.storage._array_file import array_sizes, damage_as_value_error, read_tree, write_tree
from lsmi_jax.storage._atomic_files import as_path, fingerprint, write_atomic
from lsmi_jax.storage._progress_line import Reports, shown
from lsmi_jax.storage._records import checksum, parse_record, record_text
from lsmi_jax.storage._row_file import Finish, open_rows, row_dtype, to_npy, to_parquet
from lsmi_jax.storage._stage_cache import Progress, Stage, announced, cache_folder, computed, kept, stages

__all__ = [
    "Finish",
    "Progress",
    "Reports",
    "Stage",
    "announced",
    "array_sizes",
    "as_path",
    "cache_folder",
    "checksum",
    "computed",
    "damage_as_value_error",
    "fingerprint",
    "kept",
    "open_rows",
    "parse_record",
    "read_tree",
    "record_text",
    "row_dtype",
    "shown",
    "stages",
    "to_npy",
    "to_parquet",
    "write_atomic",
    "write_tree",
]
