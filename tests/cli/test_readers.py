import zipfile

import numpy as np
import pytest

from lsmi_jax.cli._readers import read
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


def test_a_parquet_column_of_lists_is_a_block(arrays, tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"audio": list(arrays["audio"])}).to_parquet(tmp_path / "data.parquet")
    np.testing.assert_array_equal(block(read(tmp_path / "data.parquet"), "audio", "--x1"), arrays["audio"])


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nowhere.npz", "nowhere.npz: no such file or folder"),
        ("data.txt", "expected .npz, .safetensors, .parquet, .csv, or a folder of .npy, got .txt"),
        ("data", "got a file without an ending"),
        ("empty", "expected a folder of .npy files, got one without any"),
        ("objects.npz", "objects.npz: expected .npz of numbers or strings, got objects or damage"),
        ("text.npz", "text.npz: expected .npz of numbers or strings, got objects or damage"),
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
    with pytest.raises(ValueError, match=r"--max-bytes: expected at most \d+ bytes .* got 8796093022208 for huge of"):
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
    with pytest.raises(ValueError, match=r"^--max-bytes: expected at most \d+ bytes more to read, got"):
        list(read(path, 9000).values())
    whole = read(path, 40_000)
    np.testing.assert_array_equal(whole["a"], whole["b"])


def test_runs_of_a_parquet_file_are_counted_as_values(tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"a": np.zeros(10**6)}).to_parquet(tmp_path / "data.parquet")
    assert (tmp_path / "data.parquet").stat().st_size < 10**5
    with pytest.raises(ValueError, match=r"^--max-bytes: .* got 8000000 for"):
        read(tmp_path / "data.parquet", 10**6)
