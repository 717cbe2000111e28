import sys

import numpy as np
import pytest

from lsmi_jax.cli import _writers


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_an_interrupt_while_writing_leaves_no_half_file(kind, tmp_path, monkeypatch):
    def interrupt(*words, **_):
        words[-1].write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("pyarrow.parquet.write_table", interrupt)
    monkeypatch.setattr(_writers.csv, "writer", lambda file: interrupt(file.buffer))
    with pytest.raises(KeyboardInterrupt):
        _writers.write_table(tmp_path / f"samples.{kind}", {"r": np.zeros(3)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_tables_can_be_read_again(kind, tmp_path):
    pandas = pytest.importorskip("pandas")
    columns = {"id": np.array(["a", 'b,"c"']), "r": np.array([0.1, -2.0])}
    path = tmp_path / f"samples.{kind}"
    _writers.write_table(path, columns)
    table = pandas.read_csv(path) if kind == "csv" else pandas.read_parquet(path)
    assert list(table["id"]) == list(columns["id"])
    np.testing.assert_array_equal(table["r"], columns["r"])


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("pyarrow", "--format parquet needs pyarrow"),
        ("jinja2", "the report needs jinja2"),
        ("PIL.Image", "--image needs PIL"),
    ],
)
def test_libraries_are_checked_before_any_work(module, package, monkeypatch):
    _writers.check_libraries("parquet", has_images=True)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{package}: pip install '\.\[cli\]' in a checkout"):
        _writers.check_libraries("parquet", has_images=True)


def test_only_the_libraries_of_the_options_are_needed(monkeypatch):
    for module in ("pyarrow", "PIL.Image"):
        monkeypatch.setitem(sys.modules, module, None)
    _writers.check_libraries("csv", has_images=False)


def test_no_cell_of_a_csv_file_is_a_formula(tmp_path):
    pandas = pytest.importorskip("pandas")
    ids = np.array(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "plain", "'=quoted"])
    columns = {"id": ids, "=group": ids, "r": np.array([-1.5] * 7)}
    _writers.write_table(tmp_path / "samples.csv", columns)
    lines = (tmp_path / "samples.csv").read_text().splitlines()
    assert lines[0] == "id,'=group,r"
    assert [line[0] for line in lines[1:]] == [*"'''''p'"]
    table = pandas.read_csv(tmp_path / "samples.csv")
    np.testing.assert_array_equal(table["r"], columns["r"])
    np.testing.assert_array_equal(_writers.from_cells(table["id"].to_numpy().astype(str)), ids)
