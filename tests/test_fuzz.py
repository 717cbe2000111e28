"""Random inputs and damaged files: a result that keeps the promises, or an error that says what is wrong.

The quick run draws a few examples of each; ``LSMI_FUZZ=10000 pytest tests/test_fuzz.py -m slow`` draws as many as one
likes.
"""

import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import lsmi_jax
from lsmi_jax.cli import _comparison
from lsmi_jax.cli._readers import read
from lsmi_jax.decomposition import check_redundancy
from lsmi_jax.inputs import check_features, check_labels, in_units, units_of
from lsmi_jax.storage import kept

SIZE = 8
LONG = settings(max_examples=int(os.environ.get("LSMI_FUZZ", "2000")))
QUICK = settings(max_examples=25)
LENGTHS = (pytest.param(QUICK, id="quick"), pytest.param(LONG, id="long", marks=pytest.mark.slow))
EPS = float(jnp.finfo(jnp.float32).eps)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-1e4, max_value=1e4)
columns = arrays(np.float32, SIZE, elements=numbers)
anything = arrays(np.float32, SIZE, elements=st.floats(width=32))


def drawn(length, **strategies):
    """Runs a check on examples."""
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]

    def run(check):
        settings(length, suppress_health_check=quiet)(given(**strategies)(check))()

    return run


def outcome(function, *values):
    """What a function returns, and the message of its error, which is empty if there was none."""
    try:
        return function(*values), ""
    except (TypeError, ValueError, FileNotFoundError) as error:
        return None, str(error)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("redundancy", [lsmi_jax.specificity_ambiguity, lsmi_jax.minimum_information, None])
def test_every_redundancy_keeps_the_identities(redundancy, length):
    @drawn(length, i1=columns, i2=columns, i12=columns, h1=columns, h2=columns)
    def check(i1, i2, i12, h1, h2):
        given = {"i_union": i12 / 2} if redundancy is None else {"redundancy": redundancy}
        r, u1, u2, s = map(np.asarray, lsmi_jax.decompose(i1, i2, i12, h1, h2, **given))
        # Each part is a sum of at most four numbers of this size, each rounded.
        tolerance = 8 * EPS * (abs(i1) + abs(i2) + abs(i12) + abs(r) + 1)
        assert (abs(r + u1 - i1) <= tolerance).all()
        assert (abs(r + u2 - i2) <= tolerance).all()
        assert (abs(r + u1 + u2 + s - i12) <= tolerance).all()
        if redundancy is not None:
            low, high = np.minimum(i1, i2), np.maximum(i1, i2)
            assert ((r >= low - tolerance) & (r <= high + tolerance)).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_a_value_that_is_not_finite_reaches_no_other_row(length):
    @drawn(length, i1=anything, i2=anything, i12=anything)
    def check(i1, i2, i12):
        is_finite = np.isfinite(i1) & np.isfinite(i2) & np.isfinite(i12)
        # Half of the range, so that no difference of two overflows.
        i1, i2, i12 = (np.where(np.isfinite(x), np.clip(x, -1e37, 1e37), x) for x in (i1, i2, i12))
        parts = lsmi_jax.decompose(i1, i2, i12, redundancy=lsmi_jax.MinimumInformation())
        assert (np.isfinite(parts).all(0)[is_finite]).all()
        if is_finite.any():
            assert np.isfinite(np.asarray(lsmi_jax.adjust(parts))[:, is_finite]).all()
        codes = np.asarray(lsmi_jax.kind(i1, i2, i12))
        assert ((codes >= 0) & (codes < len(lsmi_jax.KINDS))).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_information_of_any_logits_and_labels(length):
    logits = arrays(
        np.float32, (SIZE, 3), elements=st.floats(width=32, allow_nan=False, min_value=-(2.0**99), max_value=2.0**99)
    )

    @drawn(length, logits=logits, labels=arrays(np.int32, SIZE, elements=st.integers(-5, 7)))
    def check(logits, labels):
        log_prior = np.log(np.full(3, 1 / 3, np.float32))
        information = np.asarray(lsmi_jax.pointwise_information(logits, labels, log_prior))
        valid = (labels >= 0) & (labels < 3)
        assert np.isnan(information[~valid]).all()
        assert not np.isnan(information[valid]).any()
        assert (information[valid] <= np.log(3) + 4 * EPS).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_any_block_has_finite_units_or_an_error_that_begins_with_its_name(length):
    kinds = st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.int8, np.uint32, bool])
    blocks = kinds.flatmap(lambda kind: arrays(kind, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5)))

    @drawn(length, block=blocks)
    def check(block):
        checked, message = outcome(check_features, (block, block))
        if checked is None:
            assert message.startswith("features")
        else:
            rows = np.asarray(in_units(checked[0], units_of(checked[0])))
            # Beyond the largest float32 numbers, pack refuses what is left.
            assert (np.isfinite(rows) | (abs(checked[0].astype(np.float64)) > 1e37)).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_any_labels_are_in_range_or_an_error_that_begins_with_their_name(length):
    kinds = st.sampled_from([np.int64, np.uint8, np.float64, "U3", bool])
    values = kinds.flatmap(lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=2, max_side=9)))

    @drawn(length, labels=values)
    def check(labels):
        found, message = outcome(check_labels, labels, SIZE)
        if found is None:
            assert message.startswith("labels")
        else:
            checked, count = found
            assert checked.shape == (SIZE,)
            assert 0 <= int(checked.min()) <= int(checked.max()) < count <= SIZE


@pytest.mark.parametrize("length", LENGTHS)
def test_anything_else_is_no_redundancy(length):
    values = st.one_of(st.none(), st.text(), st.integers(), st.binary(), st.lists(st.integers()), st.floats())

    @drawn(length, value=values)
    def check(value):
        with pytest.raises(TypeError, match=r"^redundancy: expected"):
            check_redundancy(value)


@st.composite
def damages(draw):
    """A function that damages bytes: it cuts, flips, deletes, inserts or replaces some."""
    kind = draw(st.sampled_from(["cut", "flip", "delete", "insert", "replace"]))
    where, count, noise = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(1, 64)), draw(st.binary(min_size=1))

    def damage(whole: bytes) -> bytes:
        start = int(where * len(whole))
        rest = whole[start + count :]
        middle = {
            "cut": b"",
            "flip": bytes(byte ^ noise[0] for byte in whole[start : start + count]) + rest,
            "delete": rest,
            "insert": noise + whole[start:],
            "replace": noise[:count] + rest,
        }[kind]
        return whole[:start] + middle

    return damage


@pytest.fixture(scope="module")
def files(tmp_path_factory, blobs):
    """Files of every kind, each with how it is read and what is read from it."""
    folder = tmp_path_factory.mktemp("files")
    pandas = pytest.importorskip("pandas")
    table = {"a": np.arange(9.0), "y": np.arange(9) % 3}

    def arrays_of(path):
        return {name: np.asarray(values) for name, values in read(path).items()}

    np.savez(folder / "data.npz", **table)
    (folder / "npy").mkdir()
    np.save(folder / "npy" / "a.npy", table["a"])
    pytest.importorskip("safetensors.numpy").save_file(table, folder / "data.safetensors")
    pandas.DataFrame(table).to_parquet(folder / "data.parquet")
    pandas.DataFrame(table).to_csv(folder / "data.csv", index=False)
    kept(folder / "stages", "it")("first", lambda: jnp.arange(9.0))
    redundancy = lsmi_jax.MinimumInformation()
    logits = (np.zeros((72, 3), np.float32),) * 3
    fitted = lsmi_jax.fit_estimator(jax.random.key(0), *blobs, logits=logits, redundancy=redundancy)
    lsmi_jax.save(folder / "estimator", fitted)

    def stage(path):
        return {"a": np.asarray(kept(path.parent, "it")("first", lambda: jnp.arange(9.0)))}

    def estimator(path):
        return {"prior": np.asarray(lsmi_jax.load(path.parent).log_prior)}

    return {
        "data.npz": arrays_of,
        "npy/a.npy": lambda path: arrays_of(path.parent),
        "data.safetensors": arrays_of,
        "data.parquet": arrays_of,
        "data.csv": arrays_of,
        "stages/first.npz": stage,
        "stages/about.json": stage,
        "estimator/about.json": estimator,
        "estimator/arrays.npz": estimator,
    }, folder


NAMES = (
    "data.npz",
    "npy/a.npy",
    "data.safetensors",
    "data.parquet",
    "data.csv",
    "stages/first.npz",
    "stages/about.json",
    "estimator/about.json",
    "estimator/arrays.npz",
)
WITH_CHECKSUMS = ("data.npz", "estimator/about.json", "estimator/arrays.npz")  # damage is never read as other values


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_a_value_error(name, length, files):
    readers, folder = files
    path, use = folder / name, readers[name]
    whole = path.read_bytes()
    expected = use(path)

    @drawn(length, damage=damages())
    def check(damage):
        path.write_bytes(damage(whole))
        found, message = outcome(use, path)
        path.write_bytes(whole)
        if found is None:
            assert str(path.parent) in message or message.startswith("--max-bytes")
        elif name in WITH_CHECKSUMS:
            for array, wanted in zip(found.values(), expected.values(), strict=False):
                np.testing.assert_array_equal(array, wanted)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_damaged_summary_is_a_value_error(length, tmp_path):
    means = {name: {"mean": 0.5, "standard_error": 0.1} for name in ("R", "U1", "U2", "S", "I1", "I2", "I12")}
    summary = {
        "options": {"format": "csv", "ids": None},
        "data": {"sha256": "a"},
        "errors_include_fit": False,
        "means": {"overall": means},
    }
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps(summary))
        (folder / "samples.csv").write_text(
            "id,r,u1,u2,s,i1,i2,i12\n" + "".join(f"{i},{i},0,1,{i},0,1,{i}\n" for i in range(5))
        )
    whole = (tmp_path / "one" / "summary.json").read_bytes()
    assert len(_comparison.compare(tmp_path / "one", tmp_path / "two")) > 4

    @drawn(length, damage=damages())
    def check(damage):
        (tmp_path / "one" / "summary.json").write_bytes(damage(whole))
        lines, message = outcome(_comparison.compare, tmp_path / "one", tmp_path / "two")
        assert lines or str(tmp_path) in message
