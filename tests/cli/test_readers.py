import sys
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax.cli._columns import Budget
from lsmi_jax.cli._readers import ENDINGS, read
from lsmi_jax.cli._selection import block


@pytest.mark.parametrize("kind", ["npy", "safetensors", "parquet", "csv"])
def test_every_format_gives_the_same_arrays(kind, arrays, tmp_path):
    numbers = {name: arrays[name] for name in ("audio", "video", "speaker")}
    path = tmp_path / f"data.{kind}"
    if kind == "npy":
        path = tmp_path
        for name, array in numbers.items():
            np.save(path / f"{name}.npy", array)
    elif kind == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file(numbers, path)
    else:
        pandas = pytest.importorskip("pandas")
        columns = {
            f"{name}_{d}": numbers[name][:, d] for name in ("audio", "video") for d in range(numbers[name].shape[1])
        }
        table = pandas.DataFrame(columns | {"speaker": numbers["speaker"], "y": arrays["y"]})
        table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
        assert list(read(path)["y"]) == list(arrays["y"])
    columns = read(path)
    for name in ("audio", "video"):
        prefix = f"{name}_" if kind in ("parquet", "csv") else name
        np.testing.assert_allclose(block(columns, prefix, "--x1"), numbers[name], rtol=1e-6)
    np.testing.assert_array_equal(columns["speaker"], numbers["speaker"])


def write(table, path):
    """Writes a data frame in the format of the ending."""
    writers = {
        ".parquet": table.to_parquet,
        ".feather": table.to_feather,
        ".arrow": table.to_feather,
        ".csv": lambda path: table.to_csv(path, index=False),
        ".tsv": lambda path: table.to_csv(path, index=False, sep="\t"),
        ".jsonl": lambda path: table.to_json(path, orient="records", lines=True),
    }
    ending = path.name.removeprefix("data").lower().removesuffix(".gz")
    writers[ending](path)


TABLES = [*ENDINGS[4:], *(f"{ending}.gz" for ending in ENDINGS[-3:]), ".CSV", ".Parquet", ".TSV.GZ"]


@pytest.mark.parametrize("ending", TABLES)
def test_tables_of_every_format_give_the_same_columns(ending, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    given = {"a": [0.5, -1.25, 3.0], "n": [3, 1, 2], "name": ["x", "y", "2021-03-04"], "flag": [True, False, True]}
    path = tmp_path / f"data{ending}"
    write(pandas.DataFrame(given), path)
    found = read(path)
    assert list(found) == list(given)
    assert {name: values.tolist() for name, values in found.items()} == given


@pytest.mark.parametrize("ending", [".csv", ".tsv.gz"])
def test_words_for_missing_values_can_be_kept(ending, tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / f"data{ending}"
    write(pandas.DataFrame({"country": ["NA", "None", "null", "nan", "DE"], "x": [1.0, 2, 3, 4, 5]}), path)
    assert sum(value != value for value in read(path)["country"]) == 4
    kept = read(path, keep_na=True)
    assert kept["country"].tolist() == ["NA", "None", "null", "nan", "DE"]
    assert kept["x"].dtype == float


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_only_the_columns_in_use_must_make_sense(kind, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / f"data.{kind}"
    table = pandas.DataFrame(
        {
            "embedding": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
            "words": [["a"], ["b", "c"], []],
            "a.b": [1.0, 2.0, 3.0],
            "speaker": pandas.Categorical(["ann", "bob", "ann"]),
        }
    )
    table.to_parquet(path) if kind == "parquet" else table.to_feather(path)
    columns = read(path)
    np.testing.assert_array_equal(block(columns, "embedding", "--x1"), [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(columns["a.b"], [1, 2, 3])
    assert columns["speaker"].tolist() == ["ann", "bob", "ann"]
    with pytest.raises(ValueError, match=r"^words of .*: expected lists of equal length, got 0 to 2 values"):
        columns["words"]


def test_the_index_of_a_parquet_file_is_a_column(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table = pandas.DataFrame({"x": [1.0, 2.0]}, index=pandas.Index(["c1", "c2"], name="clip"))
    table.to_parquet(tmp_path / "data.parquet")
    assert read(tmp_path / "data.parquet")["clip"].tolist() == ["c1", "c2"]


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float16"])
def test_small_floats_of_safetensors(dtype, tmp_path):
    save_file = pytest.importorskip("safetensors.flax").save_file
    values = jnp.arange(8.0).reshape(4, 2).astype(dtype)
    save_file({"other": jnp.ones(5), "x": values}, tmp_path / "data.safetensors")
    np.testing.assert_array_equal(block(read(tmp_path / "data.safetensors"), "x", "--x1"), np.arange(8.0).reshape(4, 2))


def test_one_array_has_the_name_of_its_file(tmp_path):
    np.save(tmp_path / "audio.npy", np.ones((3, 2)))
    assert list(read(tmp_path / "audio.npy")) == ["audio"]
    assert block(read(tmp_path / "audio.npy"), "audio", "--x1").shape == (3, 2)


@pytest.mark.parametrize("ending", [".csv.gz", ".jsonl.gz"])
def test_text_is_measured_when_it_is_no_longer_compressed(ending, tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / f"data{ending}"
    write(pandas.DataFrame({"a": np.zeros(10**5)}), path)
    assert path.stat().st_size < 10**4
    with pytest.raises(ValueError, match=r"^--max-bytes: expected at most 10000 more bytes, got"):
        read(path, Budget(10**4))


def test_a_parquet_column_of_lists_is_a_block(arrays, tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"audio": list(arrays["audio"])}).to_parquet(tmp_path / "data.parquet")
    np.testing.assert_array_equal(block(read(tmp_path / "data.parquet"), "audio", "--x1"), arrays["audio"])


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nowhere.npz", "nowhere.npz: no such file or folder"),
        ("data.txt", "expected .npz, .npy, .safetensors, .pt, .parquet, .* or a folder of .npy, got .txt"),
        ("data", "got a file without an ending"),
        ("empty", "expected a folder of .npy files, got one without any"),
        ("objects.npz", "objects.npz: expected .npz of numbers or strings, got Python objects or a damaged file"),
        ("text.npz", "text.npz: expected .npz of numbers or strings, got Python objects or a damaged file"),
        ("text.safetensors", "text.safetensors: expected .safetensors, got something else"),
        ("text.csv", r"text.csv: expected .csv, got something else \(No columns to parse"),
    ],
)
def test_files_of_other_formats_are_named(name, error, tmp_path):
    (tmp_path / "empty").mkdir()
    for file in ("text.csv", "data.txt", "data"):
        (tmp_path / file).touch()
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "text.safetensors").write_text("no tensors")
    np.savez(tmp_path / "objects.npz", y=np.array([{}], dtype=object))
    with pytest.raises((ValueError, OSError), match=error):
        read(tmp_path / name)


def test_an_archive_reads_only_what_is_asked_for(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, x1=np.zeros((3, 2)), x10=np.zeros(3), y=np.arange(3))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("huge.npy", "w") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(1000))
    columns = read(path)
    assert list(columns) == ["x1", "x10", "y", "huge"]
    assert "huge" in columns
    assert block(columns, "x1", "--x1").shape == (3, 2)
    expected = r"--max-bytes: expected at most \d+ more bytes, got 8796093022208 for huge of"
    with pytest.raises(ValueError, match=expected):
        columns["huge"]


@pytest.mark.parametrize("kind", ["npz", "npy", "safetensors", "parquet", "csv"])
def test_no_more_bytes_are_read_than_allowed(kind, tmp_path):
    path, array = tmp_path / f"data.{kind}", np.arange(1000.0)
    if kind == "npz":
        np.savez(path, a=array, b=array)
    elif kind == "npy":
        path = tmp_path
        for name in "ab":
            np.save(path / f"{name}.npy", array)
    elif kind == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file({"a": array, "b": array}, path)
    else:
        table = pytest.importorskip("pandas").DataFrame({"a": array, "b": array})
        table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    with pytest.raises(ValueError, match=r"^--max-bytes: expected at most \d+ more bytes, got"):
        list(read(path, Budget(9000)).values())
    whole = read(path, Budget(40_000))
    np.testing.assert_array_equal(whole["a"], whole["b"])


def test_runs_of_a_parquet_file_are_counted_as_values(tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"a": np.zeros(10**6)}).to_parquet(tmp_path / "data.parquet")
    assert (tmp_path / "data.parquet").stat().st_size < 10**5
    with pytest.raises(ValueError, match=r"^--max-bytes: .* got 8000000 for"):
        read(tmp_path / "data.parquet", Budget(10**6))["a"]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float8_e4m3fn", "int64", "bool"])
def test_tensors_of_pytorch(dtype, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch (extra [torch]) is not installed")
    given = {"x1": torch.arange(8).reshape(4, 2).to(getattr(torch, dtype)).requires_grad_(dtype == "float32")}
    torch.save(given | {"y": torch.tensor([0, 1, 1, 0])}, tmp_path / "data.pt")
    columns = read(tmp_path / "data.pt")
    expected = np.arange(8).reshape(4, 2)
    np.testing.assert_array_equal(block(columns, "x1", "--x1"), expected > 0 if dtype == "bool" else expected)
    np.testing.assert_array_equal(columns["y"], [0, 1, 1, 0])
    with pytest.raises(ValueError, match="--max-bytes: expected at most 1 bytes more"):
        read(tmp_path / "data.pt", Budget(1))["x1"]


class Harmful:
    """Unpickling it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_objects_in_a_file_of_pytorch_are_never_unpickled(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch (extra [torch]) is not installed")
    torch.save({"x1": torch.ones(3), "model": Harmful(str(tmp_path / "harm"))}, tmp_path / "data.pt")
    with pytest.raises(ValueError, match=r"data.pt: expected a .pt file of tensors by name, got Python objects"):
        read(tmp_path / "data.pt")
    assert not (tmp_path / "harm").exists()
    for content, got in (
        (torch.ones(3), "got a Tensor"),
        ({"x1": torch.ones(3), "y": ["a", "b"]}, "got 'y' of type list"),
        ({}, "got an empty one"),
    ):
        torch.save(content, tmp_path / "data.pt")
        with pytest.raises(ValueError, match=f"expected a dictionary of tensors by name, such as x1, x2 and y, {got}"):
            read(tmp_path / "data.pt")


def test_a_file_of_pytorch_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "data.pt").write_bytes(b"")
    with pytest.raises(ImportError, match=r"a .pt file needs torch: pip install '\.\[torch\]' in a checkout"):
        read(tmp_path / "data.pt")
