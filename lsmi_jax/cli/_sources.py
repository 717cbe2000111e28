"""Several files as one: arrays by name, with the rows of a sample in the same place."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from lsmi_jax.cli._columns import Budget, Columns
from lsmi_jax.cli._options import InputOptions
from lsmi_jax.cli._readers import half_of_memory, missing_hint, read
from lsmi_jax.cli._selection import check_ids, column, file_of

__all__ = ["Sources", "open_sources"]


class Sources(Mapping[str, np.ndarray]):
    """Arrays of all files, by name: those of the data by their own, others as ``FILE:NAME``.

    Args:
        files: Path and arrays of each file, by its name in the options; the data have an empty one.
        join: Name of the ids by which rows are matched; None to take them as they are.
        hint: What to do about missing ids.

    Raises:
        ValueError: If ids are missing or repeated, or the files have none in common.
    """

    def __init__(self, files: dict[str, tuple[Path, Columns]], join: str | None, hint: str = "") -> None:
        self._files, self._found = files, dict[str, np.ndarray]()
        self._rows: dict[str, np.ndarray] | None = None
        self.ids: np.ndarray | None = None
        self.left_out: dict[str, int] = {}
        if join is not None:
            self._match(join, hint)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Paths of the files."""
        return tuple(path for path, _ in self._files.values())

    def path_of(self, name: str) -> Path:
        """Path of the file of a name."""
        return self._files[file_of(name)][0]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._found:
            file, own = _split(name)
            array = self._files[file][1][own]
            self._found[name] = array if self._rows is None else array[self._rows[file]]
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        file, own = _split(name)
        return file in self._files and own in self._files[file][1]

    def __iter__(self) -> Iterator[str]:
        for file, (_, columns) in self._files.items():
            yield from (f"{file}:{name}" if file else name for name in columns)

    def __len__(self) -> int:
        return sum(len(columns) for _, columns in self._files.values())

    def _match(self, join: str, hint: str) -> None:
        """Keeps the rows whose ids are in all files, in the order of the first."""
        ids = {
            file: check_ids(column(columns, join, "--join"), f"--join: {path}", hint)
            for file, (path, columns) in self._files.items()
        }
        first, *others = ids.values()
        kinds = {values.dtype.kind for values in ids.values()}
        if len(kinds - set("iu")) + bool(kinds & set("iu")) > 1:
            got = " and ".join(f"{values.dtype} in {self._files[file][0]}" for file, values in ids.items())
            raise ValueError(f"--join: expected ids of the same type, got {got}")
        self.ids = first[np.logical_and.reduce([np.isin(first, other) for other in others])]
        if not len(self.ids):
            raise ValueError("--join: expected ids that all files have, got none")
        self._rows = {file: _rows_of(self.ids, values) for file, values in ids.items()}
        self.left_out = {str(self._files[file][0]): len(values) - len(self.ids) for file, values in ids.items()}


def open_sources(data: Path | None, options: InputOptions) -> Sources:
    """Opens the data and the other files that options name.

    Args:
        data: The file of names that have no file of their own; None if every name has one.
        options: Names of arrays.

    Returns:
        Arrays by name.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a name has no file, no name is in the data, or ``--join`` cannot match the rows.
    """
    given: dict[str, Iterable[str | None] | None]
    given = {f"--{option}": [name] for option, name in options.modalities.items()}
    given |= {"--labels": [options.labels]}
    given |= {"--logits": options.logits, "--probabilities": options.probabilities}
    given |= {"--ids": [options.ids], "--split-by": [options.split_by], "--weights": [options.weights]}
    given |= {"--means-by": options.means_by, "--image": [options.image]}
    named = [(option, name) for option, names in given.items() for name in names or () if name is not None]
    paths: dict[str, Path] = {}
    for option, name in named:
        file = file_of(name)
        path = Path(file) if file else data
        if path is None:
            raise ValueError(f"{option}: expected FILE:NAME, because DATA is not given, got {name!r}")
        paths[file] = path
    if data is not None and data not in paths.values():
        raise ValueError(f"DATA: expected no file, because every name has its own, got {data}")
    if options.join is not None and len(paths) < 2:
        raise ValueError(f"--join: expected names of two files or more, got {len(paths)}")
    budget = Budget(half_of_memory() if options.max_bytes is None else options.max_bytes)
    opened = {file: (path, read(path, budget, keep_na=options.keep_na)) for file, path in paths.items()}
    return Sources(opened, options.join, missing_hint(paths.values(), keep_na=options.keep_na))


def _split(name: str) -> tuple[str, str]:
    """The file of a name, and its name there."""
    file = file_of(name)
    return file, name.removeprefix(f"{file}:") if file else name


def _rows_of(wanted: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Rows of some ids, each of which occurs once."""
    order = np.argsort(ids, kind="stable")
    return order[np.searchsorted(ids, wanted, sorter=order)]
