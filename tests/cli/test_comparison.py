import re
import shutil

import numpy as np
import pytest

from lsmi_jax.__main__ import main
from lsmi_jax.cli._comparison import compare


@pytest.fixture(scope="module")
def scored(results, arrays, named):
    """Results of ten of the samples, with ids and without."""
    np.savez(results / "ten.npz", **{name: array[:10] for name, array in arrays.items()})
    words = ["score", str(results / "ten.npz"), "--estimator", str(results / "out" / "estimator"), *named]
    assert main([*words, "--ids", "clip", "--format", "csv", "--out", str(results / "scored")]) == 0
    assert main([*words, "--out", str(results / "unnamed")]) == 0
    return results / "scored", results / "unnamed"


def test_samples_of_equal_ids_are_paired(results, arrays, scored, capsys):
    assert main(["compare", str(results / "out"), str(scored[0])]) == 0
    assert capsys.readouterr().out.startswith(f"10 samples in both, of {len(arrays['y'])} and 10")


def test_samples_without_ids_are_paired_only_for_identical_data(results, scored, capsys):
    named, unnamed = scored
    assert main(["compare", str(unnamed), str(named)]) == 0  # 0 to 9, and clip 0 to clip 9
    printed = capsys.readouterr().out
    assert printed.startswith("no samples known to be in both")
    assert printed.count("+0.000 (") == 4
    assert "unpaired" in printed
    assert compare(unnamed, unnamed)[0].startswith("10 samples in both")
    other = shutil.copytree(unnamed, results / "other")
    text = (other / "summary.json").read_text()
    (other / "summary.json").write_text(re.sub(r'"sha256": "..', '"sha256": "xx', text))
    assert compare(unnamed, other)[0].startswith("no samples known to be in both")


def test_a_folder_without_results_is_named(results, capsys):
    assert main(["compare", str(results / "out"), str(results)]) == 1
    assert "expected a folder of results, got one without summary.json" in capsys.readouterr().err
