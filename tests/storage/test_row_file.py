import numpy as np
import pytest

from lsmi_jax.storage import _row_file, open_rows, row_dtype, to_npy, to_parquet

COLUMNS = ("a", "b", "a_shifted")
DTYPE = row_dtype(COLUMNS, integers=("b",))


@pytest.fixture
def rows():
    table = np.zeros(10, DTYPE)
    table["a"], table["b"] = np.arange(10), np.arange(10) ** 2
    return table


def shift(group):
    group["a_shifted"] = group["a"] + 0.5


def write(path, rows):
    with open_rows(path, 0, DTYPE) as file:
        file.write(rows.tobytes())


def read_parquet(path):
    from pyarrow import parquet

    table = parquet.read_table(path)
    assert table.column_names == list(COLUMNS)
    columns = [table[name].to_numpy() for name in COLUMNS]
    assert [column.dtype for column in columns] == [DTYPE[name] for name in COLUMNS]
    return np.stack(columns, 1)


def as_matrix(table):
    return np.stack([table[name] for name in COLUMNS], 1)


@pytest.mark.parametrize("group", [3, 10, 2**20])
@pytest.mark.parametrize("finish", [None, shift])
def test_both_formats_have_the_rows_and_the_finished_column(rows, group, finish, tmp_path, monkeypatch):
    monkeypatch.setattr(_row_file, "ROW_GROUP", group)
    write(tmp_path / "rows", rows)
    to_parquet(tmp_path / "rows", tmp_path / "table.parquet", 10, DTYPE, finish)
    to_npy(tmp_path / "rows", tmp_path / "table.npy", 10, DTYPE, finish)
    if finish is not None:
        finish(rows)
    np.testing.assert_array_equal(read_parquet(tmp_path / "table.parquet"), as_matrix(rows))
    stored = np.load(tmp_path / "table.npy", mmap_mode="r")
    assert stored.dtype == DTYPE
    np.testing.assert_array_equal(stored, rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.npy", "table.parquet"]


def test_finishing_again_after_a_crash_changes_nothing(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(_row_file, "ROW_GROUP", 4)
    write(tmp_path / "rows", rows)

    def crash(group):
        if group["a"][0] > 3:
            raise KeyboardInterrupt
        shift(group)

    with pytest.raises(KeyboardInterrupt):
        to_npy(tmp_path / "rows", tmp_path / "table.npy", 10, DTYPE, crash)
    assert not (tmp_path / "table.npy").exists()
    to_npy(tmp_path / "rows", tmp_path / "table.npy", 10, DTYPE, shift)
    shift(rows)
    np.testing.assert_array_equal(np.load(tmp_path / "table.npy"), rows)


def test_rows_after_the_safe_ones_are_discarded(rows, tmp_path):
    write(tmp_path / "rows", rows)
    with open_rows(tmp_path / "rows", 4, DTYPE) as file:
        file.write(rows[:1].tobytes())
    to_npy(tmp_path / "rows", tmp_path / "table.npy", 5, DTYPE)
    np.testing.assert_array_equal(np.load(tmp_path / "table.npy"), rows[[0, 1, 2, 3, 0]])


def test_missing_rows_and_too_many_columns_are_errors(rows, tmp_path):
    write(tmp_path / "rows", rows)
    with pytest.raises(ValueError, match="expected 11 rows"):
        open_rows(tmp_path / "rows", 11, DTYPE)
    with pytest.raises(ValueError, match="dtype: expected names that fit"):
        to_npy(tmp_path / "rows", tmp_path / "table.npy", 10, row_dtype([f"column_{i}" for i in range(40)]))
