import inspect
import re
import subprocess
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import lsmi_jax
from lsmi_jax.__main__ import main
from lsmi_jax.datasets import load_multiple_features

ROOT = Path(__file__).parent.parent


def test_public_names_exist_and_are_documented():
    assert sorted(lsmi_jax.__all__) == sorted(set(lsmi_jax.__all__))
    for name in lsmi_jax.__all__:
        thing = getattr(lsmi_jax, name)
        assert inspect.getdoc(thing), name
    assert re.fullmatch(r"\d+\.\d+\.\d+", lsmi_jax.__version__)


def test_every_public_name_is_in_the_reference():
    reference = (ROOT / "docs" / "api.md").read_text()
    listed = set(re.findall(r"^::: lsmi_jax\.(.+)$", reference, re.MULTILINE))
    modules = ("applications", "baselines", "datasets", "reporting", "sklearn")
    wanted = {name for name in lsmi_jax.__all__ if not inspect.ismodule(getattr(lsmi_jax, name))}
    wanted |= {f"{module}.{name}" for module in modules for name in import_module(f"lsmi_jax.{module}").__all__}
    assert wanted - listed == set()


def test_the_house_is_small_and_its_modules_private():
    """Which folder imports which is checked by import-linter, in make lint."""
    package = ROOT / "lsmi_jax"
    rooms = {path.name for path in package.iterdir()} - {"__pycache__", "py.typed"}
    folders = (
        "decomposition inputs models union storage estimation online reporting applications baselines datasets cli"
    )
    assert rooms == {*folders.split(), "cli", "sklearn.py", "__init__.py", "__main__.py"}
    for path in package.glob("*/*.py"):
        assert path.name.startswith("_"), path


def test_nothing_at_the_root_shares_a_name_with_a_function():
    for name in lsmi_jax.__all__:
        if not inspect.ismodule(getattr(lsmi_jax, name)):
            assert not list((ROOT / "lsmi_jax").glob(f"{name}*")), name


def test_importing_needs_only_the_core():
    extras = ("matplotlib", "sklearn", "pandas", "scipy.stats", "cyclopts", "jinja2", "PIL")
    code = f"import sys, lsmi_jax; print([m for m in {extras} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_digits():
    digits = load_multiple_features()
    assert [block.shape for block in digits.features] == [(2000, d) for d in (47, 64, 76, 216, 240, 6)]
    np.testing.assert_array_equal(np.bincount(digits.labels), 200)
    assert digits.pixels.shape == (2000, 16, 15)
    assert digits.pixels.min() == 0
    assert digits.pixels.max() == 6
    assert all(np.isfinite(block).all() for block in digits.features)
    folder = files("lsmi_jax") / "datasets"
    assert len((folder / "multiple_features.npz").read_bytes()) <= 10**6
    attribution = (folder / "multiple_features.md").read_text()
    assert "CC BY 4.0" in attribution
    assert "10.24432/C5HC70" in attribution


def test_digits_are_the_original_within_their_steps(data_set):
    original, digits = data_set("uci_mfeat"), load_multiple_features()
    for key, block in zip(("x5", "x3", "x1", "x2", "x4", "x6"), digits.features, strict=True):
        span = np.ptp(original[key], axis=0)
        assert (np.abs(original[key] - block) <= span / 510 * 1.01 + 1e-6).all()
    np.testing.assert_array_equal(original["y"], digits.labels)


def test_command_line_errors_are_one_line(tmp_path, capsys):
    occupied = tmp_path / "file"
    occupied.write_text("")
    assert main(["demo", "--out", str(occupied)]) == 1
    assert capsys.readouterr().err.startswith("lsmi-jax: ")
    with pytest.raises(SystemExit) as stop:
        main(["nonsense"])
    assert stop.value.code == 2


@pytest.mark.slow
def test_demo_tells_the_story_of_the_digits(tmp_path, capsys):
    """Over four seeds, as that of one varies by .13 nats with the densities: the tolerance is three standard errors."""
    excesses = []
    for seed in range(4):
        assert main(["demo", "--out", str(tmp_path), "--seed", str(seed)]) == 0
        printed = capsys.readouterr().out
        excesses.append(float(re.search(r"other\s+digits\s+by\s+(\d+\.\d+)\s+nats", printed).group(1)))
    assert abs(np.mean(excesses) - np.log(2)) < 3 * 0.13 / np.sqrt(4)
    rows = (tmp_path / "samples.csv").read_text().splitlines()
    parts, predicted = "r,u1,u2,s,r_adjusted,u1_adjusted,u2_adjusted,s_adjusted", "predicted1,predicted2,predicted12"
    chances = "probability1,probability2,probability12"
    assert rows[0] == f"label,{parts},i1,i2,i12,i_union,gain,kind,{predicted},{chances}"
    assert len(rows) == 2001
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
