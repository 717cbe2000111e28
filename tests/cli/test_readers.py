import numpy as np
import pytest

from lsmi_jax.cli._readers import block, read


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
        ("objects.npz", "objects.npz: expected a .npz file of numbers or strings, got objects"),
        ("text.npz", "text.npz: expected a .npz file of numbers or strings, got something else"),
        ("text.safetensors", "text.safetensors: expected a .safetensors file, got something else"),
        ("text.csv", r"text.csv: expected a .csv file, got something else \(No columns to parse"),
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
