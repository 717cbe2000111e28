"""Opens tables: ``.parquet`` and Arrow files, whose columns are read one by one, and files of text."""

import gzip
import io
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lsmi_jax.cli._columns import Budget, Columns, damage
from lsmi_jax.inputs import import_extra

__all__ = ["read_arrow", "read_json_lines", "read_parquet", "read_text"]


def read_text(path: Path, budget: Budget, *, separator: str, keep_na: bool) -> Columns:
    """Columns of a text file, which is read at once.

    Args:
        path: The file, of plain text or compressed with gzip.
        budget: Bytes that may be read.
        separator: Separator of the cells.
        keep_na: Whether words such as NA and None are text; otherwise they are missing values, as an empty cell is.

    Returns:
        Arrays by name.

    Raises:
        ImportError: If pandas is not installed.
        ValueError: If the file is damaged or too large.
    """
    missing: dict[str, Any] = {"keep_default_na": False, "na_values": [""]} if keep_na else {}
    return _read_at_once(path, budget, lambda pandas, text: pandas.read_csv(text, sep=separator, **missing))


def read_json_lines(path: Path, budget: Budget) -> Columns:
    """Columns of a file with one JSON object in each line, which is read at once.

    Args:
        path: The file, of plain text or compressed with gzip.
        budget: Bytes that may be read.

    Returns:
        Arrays by name.

    Raises:
        ImportError: If pandas is not installed.
        ValueError: If the file is damaged or too large.
    """
    return _read_at_once(path, budget, _parse_json_lines)


def read_parquet(path: Path, budget: Budget) -> Columns:
    """Columns of a Parquet file, including those of an index; each is read when it is asked for.

    Args:
        path: The file.
        budget: Bytes that may be read.

    Returns:
        Arrays by name.

    Raises:
        ImportError: If pyarrow is not installed.
        ValueError: If the file is damaged.
    """
    parquet = import_extra("pyarrow.parquet", purpose="a .parquet file", extra="cli")
    with damage(path):
        about = parquet.read_metadata(path)
        names = about.schema.to_arrow_schema().names
        num_bytes = dict.fromkeys(names, 0)
        for group in range(about.num_row_groups):
            for number in range(about.num_columns):
                part = about.row_group(group).column(number)
                # Runs of equal values take no room in the file, but 8 bytes each in memory.
                size = max(part.total_uncompressed_size, 8 * part.num_values)
                num_bytes[_owner(part.path_in_schema, num_bytes)] += size

    def load(name: str) -> np.ndarray:
        with damage(path):
            column = parquet.ParquetFile(path).read(columns=[name]).column(name)
        return _values_of(column.to_pandas(), f"{name} of {path}")

    return Columns(path, num_bytes, load, budget)


def read_arrow(path: Path, budget: Budget) -> Columns:
    """Columns of an Arrow or Feather file; each is read when it is asked for.

    Args:
        path: The file.
        budget: Bytes that may be read.

    Returns:
        Arrays by name.

    Raises:
        ImportError: If pyarrow is not installed.
        ValueError: If the file is damaged.
    """
    pyarrow = import_extra("pyarrow", purpose=f"a {path.suffix} file", extra="cli")
    feather = import_extra("pyarrow.feather", purpose=f"a {path.suffix} file", extra="cli")
    with damage(path), pyarrow.memory_map(str(path)) as source:
        names = pyarrow.ipc.open_file(source).schema.names

    def load(name: str) -> np.ndarray:
        with damage(path):
            column = feather.read_table(path, columns=[name], memory_map=True).column(name)
        budget.take(column.nbytes, f"{name} of {path}")
        return _values_of(column.to_pandas(), f"{name} of {path}")

    return Columns(path, dict.fromkeys(names, 0), load, budget)


def _read_at_once(path: Path, budget: Budget, parse: Callable[[Any, BinaryIO], Any]) -> Columns:
    """Columns of a file that pandas parses as a whole."""
    pandas = import_extra("pandas", purpose=f"a {path.suffix} file", extra="cli")
    with _open(path, budget) as text, damage(path):
        table = parse(pandas, text)
        table.columns = table.columns.map(str)
    return Columns(path, dict.fromkeys(table.columns, 0), lambda name: _values_of(table[name], name), budget)


def _open(path: Path, budget: Budget) -> BinaryIO:
    """Opens a file of text, after a check of its size; a compressed one is read."""
    if path.suffix.lower() != ".gz":
        budget.take(path.stat().st_size, str(path))
        return path.open("rb")
    with damage(path), gzip.open(path) as file:
        text = file.read(budget.left + 1)
    budget.take(len(text), str(path))
    return io.BytesIO(text)


def _parse_json_lines(pandas: Any, text: BinaryIO) -> Any:
    """A data frame of the objects; pandas.read_json would turn text that looks like dates into dates."""
    records = [json.loads(line) for line in text if line.strip()]
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("expected one object in each line")
    return pandas.DataFrame(records)


def _owner(path: str, names: Collection[str]) -> str:
    """The column that a part of a nested column belongs to; a name may have dots of its own."""
    return path if path in names else next(name for name in names if path.startswith(f"{name}."))


def _values_of(series: Any, name: str) -> np.ndarray:
    """Values of a pandas column: lists become rows, a missing one a row of NaN, and strings text."""
    values = series.to_numpy()
    if values.dtype != object or not len(values):
        return values
    lists = [value for value in values if isinstance(value, np.ndarray | list | tuple)]
    if lists and all(value is None for value in values if not isinstance(value, np.ndarray | list | tuple)):
        lengths = {len(value) for value in lists}
        if len(lengths) > 1:
            raise ValueError(f"{name}: expected lists of equal length, got {min(lengths)} to {max(lengths)} values")
        nothing = np.full(lengths.pop(), np.nan, np.float32)
        return np.stack([nothing if value is None else np.asarray(value) for value in values])
    return values.astype(str) if all(isinstance(value, str) for value in values) else values
