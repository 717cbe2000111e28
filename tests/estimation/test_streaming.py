import contextlib
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import (
    ArrayBatches,
    CustomRedundancy,
    MinimumInformation,
    SpecificityAmbiguity,
    fit_estimator,
    score,
    score_to_file,
)
from lsmi_jax.estimation import _fit_and_score, _streaming
from lsmi_jax.estimation._concatenation import concatenate
from lsmi_jax.estimation._scoring_state import State
from lsmi_jax.inputs import Position, chunks, sample

NUM_ROWS, NUM_CLASSES, CHUNK = 230, 3, 64
PAPER = SpecificityAmbiguity(num_components=4)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(NUM_ROWS) % NUM_CLASSES)
    features = tuple((rng.normal(size=(NUM_ROWS, d)) + labels[:, None]).astype(np.float32) for d in (2, 3))
    return features, labels


@pytest.fixture(scope="module")
def fitted(data):
    return fit_estimator(jax.random.key(0), *data, redundancy=PAPER)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(_streaming, "CHUNK", CHUNK)
    monkeypatch.setattr(_fit_and_score, "CHUNK", CHUNK)


def generator(data, sizes=(50, 1, 100, 79)):
    features, labels = data
    ends = np.cumsum(sizes)
    assert ends[-1] == len(labels)
    for start, end in zip(ends - sizes, ends, strict=True):
        yield tuple(block[start:end] for block in features), labels[start:end]


def memory_map(folder, data):
    arrays = (*data[0], data[1])
    for number, array in enumerate(arrays):
        np.save(folder / f"{number}.npy", array)
    x1, x2, labels = (np.load(folder / f"{number}.npy", mmap_mode="r") for number in range(3))
    return ArrayBatches((x1, x2), labels, size=40)


def pipeline(data):
    grain = pytest.importorskip("grain.python")
    features, labels = data
    source = [((features[0][i], features[1][i]), labels[i]) for i in range(NUM_ROWS)]
    return grain.MapDataset.source(source).to_iter_dataset(grain.ReadOptions(num_threads=1)).batch(37)


def rows_of(estimate):
    return np.stack(list((estimate.columns() | {"kind": estimate.kind}).values()), axis=1)


STREAMS = {
    "generator": lambda data, folder: generator(data),
    "memory map": lambda data, folder: memory_map(folder, data),
    "Grain": lambda data, folder: pipeline(data),
    "list": lambda data, folder: list(generator(data)),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_that_fits_gives_what_the_arrays_give(stream, data, fitted, tmp_path):
    def batches():
        return STREAMS[stream](data, tmp_path)

    estimator = fit_estimator(jax.random.key(0), batches(), redundancy=PAPER)
    chex.assert_trees_all_equal(estimator.discriminators, fitted.discriminators)
    expected, got = score(fitted, *data), score(fitted, batches())
    np.testing.assert_allclose(rows_of(got), rows_of(expected), rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(got.adjusted, expected.adjusted, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(got.diagnostics, expected.diagnostics, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_batches_may_carry_logits(data):
    features, labels = data
    rng = np.random.default_rng(1)
    logits = tuple(rng.normal(size=(NUM_ROWS, NUM_CLASSES)).astype(np.float32) for _ in range(3))
    stream = ArrayBatches(features, labels, logits=logits, size=100)
    estimator = fit_estimator(jax.random.key(0), stream, redundancy=PAPER)
    expected = score(estimator, features, labels, logits=logits)
    np.testing.assert_allclose(rows_of(score(estimator, stream)), rows_of(expected), rtol=1e-4, atol=1e-5)


def test_a_sample_is_of_all_rows_alike_and_does_not_depend_on_the_batches(data):
    features, labels = data
    drawn = sample(jax.random.key(0), generator(data), 60)
    again = sample(jax.random.key(0), ArrayBatches(features, labels, size=7), 60)
    chex.assert_trees_all_equal(drawn, again)
    rows = np.flatnonzero((features[0][:, None] == drawn.batch.features[0][None]).all(2).any(1))
    assert len(rows) == len(np.unique(rows)) == 60
    np.testing.assert_array_equal(drawn.batch.labels, labels[rows])
    np.testing.assert_array_equal(drawn.class_counts, np.bincount(labels))
    # Each row is drawn with probability 60/230: over 200 keys, counts within 5 standard errors of a binomial's.
    counts = np.zeros(NUM_ROWS)
    numbered = (np.arange(NUM_ROWS, dtype=np.float32)[:, None],) * 2
    for seed in range(200):
        one = sample(jax.random.key(seed), ArrayBatches(numbered, labels, size=100), 60)
        counts[one.batch.features[0][:, 0].astype(int)] += 1
    chance = 60 / NUM_ROWS
    assert np.abs(counts - 200 * chance).max() < 5 * np.sqrt(200 * chance * (1 - chance))


def test_long_work_counts_rows_on_a_line(monkeypatch):
    lines = []
    monkeypatch.setattr(_streaming, "shown", lambda progress: contextlib.nullcontext(lines.append))
    with _streaming._row_reports("auto") as report:
        report(65536, 20_000_000)
        report(131072, None)
    assert lines == ["65,536 of 20,000,000 rows", "131,072 rows"]


def test_the_log_prior_is_that_of_the_whole_stream(data):
    features, labels = data
    logits = (np.zeros((NUM_ROWS, NUM_CLASSES), np.float32),) * 3
    batches = ArrayBatches(features, labels, logits=logits, size=50)
    estimator = fit_estimator(jax.random.key(0), batches, max_rows=72, redundancy=MinimumInformation())
    np.testing.assert_allclose(np.exp(estimator.log_prior), np.bincount(data[1]) / NUM_ROWS, rtol=1e-6)


@pytest.mark.parametrize("start", [None, Position(0, 20), Position(2, 13), Position(3, 79)])
def test_chunks_hold_every_row_once_and_begin_where_they_say(data, start):
    features, labels = data
    first = 0 if start is None else int(np.cumsum((0, 50, 1, 100, 79))[start.batch]) + start.row
    for stream in (generator(data), list(generator(data))):
        cut = list(chunks(stream, CHUNK, start))
        assert [len(chunk.labels) for chunk, _ in cut[:-1]] == [CHUNK] * (len(cut) - 1)
        joined = np.concatenate([chunk.features[1] for chunk, _ in cut] or [features[1][:0]])
        np.testing.assert_array_equal(joined, features[1][first:])
        for number, (_, began) in enumerate(cut):
            rest = [chunk.labels for chunk, _ in chunks(list(generator(data)), CHUNK, began)]
            np.testing.assert_array_equal(np.concatenate(rest), labels[first + number * CHUNK :])


@pytest.mark.parametrize("ending", ["npy", "parquet"])
def test_a_file_holds_the_rows_in_order(ending, data, fitted, tmp_path):
    path = tmp_path / f"scores.{ending}"
    reports = []
    result = score_to_file(path, fitted, generator(data), progress=lambda *rows: reports.append(rows))
    assert reports == [(64, None), (128, None), (192, None), (230, None)]
    expected = score(fitted, *data)
    if ending == "npy":
        table = np.load(path, mmap_mode="r", allow_pickle=False)
        assert table.dtype.names == tuple(expected.columns())
        found = np.stack([table[name] for name in table.dtype.names], axis=1)
    else:
        found = pytest.importorskip("pyarrow.parquet").read_table(path)
        assert found.column_names == list(expected.columns())
        found = np.stack([column.to_numpy() for column in found.columns], axis=1)
    np.testing.assert_allclose(found, rows_of(expected), rtol=1e-4, atol=1e-5)
    assert result.num_rows == NUM_ROWS
    np.testing.assert_allclose(result.means, [part.mean() for part in expected.interactions], atol=1e-5)
    np.testing.assert_allclose(result.adjusted, [part.mean() for part in expected.adjusted], atol=1e-5)
    chex.assert_trees_all_close(result.diagnostics, expected.diagnostics, rtol=1e-4, atol=1e-5)
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, path.name + ".state"]


@pytest.mark.slow
def test_a_file_of_the_default_holds_the_union_information(data, tmp_path):
    estimator = fit_estimator(jax.random.key(0), generator(data))
    score_to_file(tmp_path / "scores.npy", estimator, generator(data))
    expected, table = score(estimator, *data), np.load(tmp_path / "scores.npy")
    for name, values in (("i_union", expected.i_union), ("r", expected.interactions.redundancy)):
        np.testing.assert_allclose(table[name], values, rtol=1e-4, atol=1e-5)


class DeathError(Exception):
    pass


def interrupted(stream, after):
    for number, batch in enumerate(stream):
        if number == after:
            raise DeathError
        yield batch


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("after", [1, 3])
def test_an_interrupted_file_goes_on_where_it_was(after, indexed, data, fitted, tmp_path):
    path = tmp_path / "scores.npy"
    with pytest.raises(DeathError):
        score_to_file(path, fitted, interrupted(generator(data), after), checkpoint_seconds=0)
    assert not path.exists()
    kind = list if indexed else iter
    resumed = score_to_file(path, fitted, kind(list(generator(data))))
    whole = score_to_file(tmp_path / "whole.npy", fitted, generator(data))
    assert path.read_bytes() == (tmp_path / "whole.npy").read_bytes()
    chex.assert_trees_all_equal(resumed._replace(path=None), whole._replace(path=None))


def test_a_file_of_another_call_is_not_gone_on_with(data, fitted, tmp_path):
    path = tmp_path / "scores.npy"
    with pytest.raises(DeathError):
        score_to_file(path, fitted, interrupted(generator(data), 3), checkpoint_seconds=0)
    with pytest.raises(ValueError, match="another estimator or redundancy"):
        score_to_file(path, fitted, generator(data), redundancy=MinimumInformation())
    others = [(features, (labels + 1) % NUM_CLASSES) for features, labels in generator(data)]
    with pytest.raises(ValueError, match="the batches of the interrupted call"):
        score_to_file(path, fitted, others)
    (tmp_path / "scores.npy.state").write_text("{")
    with pytest.raises(ValueError, match="delete it"):
        score_to_file(path, fitted, generator(data))


def test_a_finished_file_is_returned_to_the_same_call_only(data, fitted, tmp_path):
    path = tmp_path / "scores.npy"
    first = score_to_file(path, fitted, generator(data))
    written = path.stat().st_mtime_ns
    again = score_to_file(path, fitted, generator(data))
    chex.assert_trees_all_equal(again._replace(path=None), first._replace(path=None))
    assert path.stat().st_mtime_ns == written
    features, labels = data
    others = {
        "labels": ArrayBatches(features, (labels + 1) % NUM_CLASSES, size=50),
        "fewer": ArrayBatches(tuple(block[:100] for block in features), labels[:100], size=50),
        "none": ArrayBatches(tuple(block[:40] for block in features), labels[:40], size=50),
        "more": [*generator(data), (tuple(block[:5] for block in features), labels[:5])],
    }
    for batches in others.values():
        with pytest.raises(ValueError, match="the batches of the finished call"):
            score_to_file(path, fitted, batches)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        score_to_file(path, fitted, generator(data), redundancy=MinimumInformation())
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="which has changed"):
        score_to_file(path, fitted, generator(data))
    score_to_file(path, fitted, others["fewer"], overwrite=True)
    assert len(np.load(path)) == 100
    path.unlink()
    assert score_to_file(path, fitted, generator(data)).num_rows == NUM_ROWS
    assert len(np.load(path)) == NUM_ROWS
    (tmp_path / "scores.npy.state").unlink()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        score_to_file(path, fitted, generator(data))


@pytest.mark.parametrize(
    ("ending", "step"), [("npy", "to_npy"), ("npy", "write_state"), ("parquet", "to_parquet"), ("parquet", "unlink")]
)
def test_a_death_while_the_file_is_finished_changes_nothing(ending, step, data, fitted, tmp_path, monkeypatch):
    path, whole = tmp_path / f"scores.{ending}", tmp_path / f"whole.{ending}"
    expected = score_to_file(whole, fitted, generator(data))
    home = Path if step == "unlink" else _streaming
    done = getattr(home, step)

    def dies(file, *rest, **named):
        done(file, *rest, **named)
        if Path(file).name.startswith("scores") and path.exists():
            raise DeathError

    monkeypatch.setattr(home, step, dies)
    with contextlib.suppress(DeathError):
        score_to_file(path, fitted, generator(data))
    monkeypatch.undo()
    assert path.exists()
    result = score_to_file(path, fitted, generator(data))
    chex.assert_trees_all_equal(result._replace(path=None), expected._replace(path=None))
    assert path.read_bytes() == whole.read_bytes()


def scaled(factor, i1, i2, i12, h1, h2):
    return factor * jnp.minimum(i1, i2)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda *values: scaled(0.5, *values), lambda *values: scaled(0.6, *values)),
        (partial(scaled, 0.5), partial(scaled, 0.6)),
        (partial(scaled, np.float32(0.5)), partial(scaled, np.float32(0.6))),
    ],
)
def test_a_custom_redundancy_is_known_by_what_it_computes(first, second, data, fitted, tmp_path):
    path = tmp_path / "scores.npy"
    first, second = CustomRedundancy(first, PAPER.density), CustomRedundancy(second, PAPER.density)
    with pytest.raises(DeathError):
        score_to_file(path, fitted, interrupted(generator(data), 3), redundancy=first, checkpoint_seconds=0)
    with pytest.raises(ValueError, match="another estimator or redundancy"):
        score_to_file(path, fitted, generator(data), redundancy=second)
    score_to_file(path, fitted, generator(data), redundancy=first)


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        ([], "expected batches of rows, got none"),
        ([np.zeros((3, 2))], "got ndarray as batch 0"),
        ([(1, 2, 3, 4)], "got 4 items as batch 0"),
        ([(np.zeros((3, 2)), [0, 1, 1])], "features: expected a tuple of arrays, got ndarray"),
        (
            [((np.zeros((3, 2)),) * 2, [0, 1])],
            r"one per row in every batch, got lengths \[3, 3, 2\]",
        ),
        ([((np.full((3, 2), np.nan),) * 2, [0, 1, 1])], "got NaN or inf"),
        ([((np.zeros((3, 2)),) * 2, [0, 1, 7])], "labels: expected 0..2"),
        (
            [((np.zeros((3, d)),) * 2, [0, 1, 1]) for d in (4, 5)],
            r"^features: expected rows of shapes \[\(4,\), \(4,\)\] in every batch, got .* in batch 1",
        ),
        (
            [((np.zeros((3, 4)),) * 2, [0, 1, 1]), ((np.zeros((3, 4)),) * 2, [0, 1, 1], (np.zeros((3, 3)),) * 3)],
            r"^logits: expected rows of shapes \[\] in every batch, got .* in batch 1",
        ),
    ],
)
def test_bad_batches_are_named(stream, error, fitted, tmp_path):
    for use in (
        lambda: fit_estimator(jax.random.key(0), stream, num_classes=3),
        lambda: score(fitted, stream),
        lambda: score_to_file(tmp_path / "scores.npy", fitted, stream),
    ):
        with pytest.raises(ValueError, match=error):
            use()


def test_bad_arguments_are_named(data, fitted, tmp_path):
    with pytest.raises(ValueError, match=r"\.npy or \.parquet, got scores\.csv"):
        score_to_file(tmp_path / "scores.csv", fitted, generator(data))
    with pytest.raises(ValueError, match="size: expected at least 1, got 0"):
        ArrayBatches(*data, size=0)
    with pytest.raises(ValueError, match="labels: expected 230, one per row"):
        ArrayBatches(data[0], data[1][1:])
    with pytest.raises(ValueError, match="logits: expected None with batches"):
        score(fitted, generator(data), logits=(1, 2, 3))


def test_a_full_disk_leaves_what_was_safe(data, fitted, tmp_path, full_disk):
    path = tmp_path / "scores.npy"
    whole = score_to_file(tmp_path / "whole.npy", fitted, generator(data))
    a_hundred_rows = 512 + 100 * 19 * 4  # after a header
    with full_disk(a_hundred_rows), pytest.raises(OSError, match="rows already saved are kept"):
        score_to_file(path, fitted, generator(data), checkpoint_seconds=0)
    assert json.loads((tmp_path / "scores.npy.state").read_text())["num_rows"] == CHUNK
    assert score_to_file(path, fitted, generator(data)).num_rows == whole.num_rows
    assert path.read_bytes() == whole.path.read_bytes()


def test_a_folder_that_cannot_be_written_is_an_error(data, fitted, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="could not write"):
        score_to_file(tmp_path / "file" / "scores.npy", fitted, generator(data))


KILLED = """
import sys
import jax, numpy as np
import lsmi_jax
from lsmi_jax.estimation import _streaming
_streaming.CHUNK = 100
folder = sys.argv[1]
scores = folder + "/scores.npy"
rng = np.random.default_rng(0)
labels = np.arange(8000) % 3
features = tuple((rng.normal(size=(8000, d)) + labels[:, None]).astype(np.float32) for d in (4, 5))
key, paper = jax.random.key(0), lsmi_jax.SpecificityAmbiguity(num_components=4)
estimator = lsmi_jax.fit_estimator(key, features, labels, redundancy=paper, checkpoint=folder + "/fit")
batches = lsmi_jax.ArrayBatches(features, labels, size=300)
lsmi_jax.score_to_file(scores, estimator, batches, checkpoint_seconds=0.05)
result = lsmi_jax.estimate(key, features, labels, num_folds=2, checkpoint=folder + "/estimate")
np.save(folder + "/estimate.npy", np.stack([*result.interactions, *result.information, result.i_union]))
"""


@pytest.mark.slow
def test_ten_kills_at_random_moments_change_no_bit(tmp_path):
    def start(name):
        (tmp_path / name).mkdir(exist_ok=True)
        return subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / name)])

    def results(name):
        return [(tmp_path / name / file).read_bytes() for file in ("scores.npy", "estimate.npy")]

    began = time.monotonic()
    assert start("whole").wait(600) == 0
    seconds = time.monotonic() - began
    rng = np.random.default_rng()
    moments, round_ = [], 0
    while len(moments) < 10:  # a run that ends before its next death makes way for a new one
        process = start(f"killed {round_}")
        moment = rng.uniform(0.1, 0.9) * seconds
        try:
            assert process.wait(moment) == 0
            assert results(f"killed {round_}") == results("whole"), moments
            round_ += 1
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            moments.append(moment)
    assert start(f"killed {round_}").wait(600) == 0
    assert results(f"killed {round_}") == results("whole"), moments


def test_the_largest_violation_is_that_of_all_chunks(data, fitted):
    features, labels = data
    whole = score(fitted, features, labels)
    chunks = [
        whole._replace(diagnostics=whole.diagnostics._replace(union_violation=jnp.float32(value)))
        for value in (0.25, 0.75, 0.5)
    ]
    assert concatenate(chunks).diagnostics.union_violation == 0.75
    state = State("")
    for chunk in chunks:
        state = state.added(chunk, Position(0, 0))
    assert state.union_violation == 0.75
