import subprocess
import sys

import jax
import numpy as np
import pytest

from lsmi_jax import MinimumInformation, SpecificityAmbiguity, export_score, fit_estimator, score
from lsmi_jax.decomposition import QUANTITIES

FRESH = """
import sys
import jax.export, numpy as np
program, rows, out = sys.argv[1:]
exported = jax.export.deserialize(bytearray(open(program, "rb").read()))
with np.load(rows) as stored:
    result = exported.call((stored["x1"], stored["x2"]), stored["labels"])
np.savez(out, **result)
assert "lsmi_jax" not in sys.modules
"""


def columns(estimate):
    values = estimate.columns()
    return np.stack([values[q.column] for q in QUANTITIES if q.column in values] + [estimate.kind])


def stacked(result):
    return np.stack([result[q.column] for q in QUANTITIES if q.column in result] + [result["kind"]])


@pytest.mark.slow
def test_a_fresh_process_without_the_package_scores_the_same(blobs, tmp_path):
    (x1, x2), labels = blobs
    estimator = fit_estimator(jax.random.key(0), (x1, x2), labels)
    (tmp_path / "program").write_bytes(export_score(estimator).serialize())
    np.savez(tmp_path / "rows.npz", x1=x1, x2=x2, labels=labels)
    arguments = [str(tmp_path / name) for name in ("program", "rows.npz", "out.npz")]
    subprocess.run([sys.executable, "-c", FRESH, *arguments], check=True, cwd=tmp_path)
    with np.load(tmp_path / "out.npz") as out:
        found = stacked(out)
    np.testing.assert_allclose(found, columns(score(estimator, (x1, x2), labels)), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_any_number_of_rows_any_redundancy_the_users_logits_and_other_platforms(blobs):
    features, labels = blobs
    rng = np.random.default_rng(1)
    logits = tuple(rng.normal(size=(72, 3)).astype(np.float32) for _ in range(3))
    redundancy = SpecificityAmbiguity(num_components=4)
    estimator = fit_estimator(jax.random.key(0), features, labels, logits=logits, redundancy=redundancy)
    exported = export_score(estimator, redundancy=MinimumInformation(), platforms=("cpu", "cuda", "tpu"))
    assert exported.platforms == ("cpu", "cuda", "tpu")
    expected = columns(score(estimator, features, labels, logits=logits, redundancy=MinimumInformation()))
    for size in (1, 90):
        some = [tuple(block[:size] for block in blocks) for blocks in (features, logits)]
        found = stacked(exported.call(some[0], labels[:size], some[1]))
        np.testing.assert_allclose(found, expected[:, :size], rtol=1e-4, atol=1e-5)
