import chex
import jax
import numpy as np
import pytest

from lsmi_jax import SpecificityAmbiguity, estimate, fit_estimator
from lsmi_jax.storage import kept

STAGES = ["first discriminator", "second discriminator", "joint discriminator", "first density", "second density"]
OPTIONS = {"num_folds": 2, "redundancy": SpecificityAmbiguity(num_components=4)}


class CrashError(Exception):
    pass


def crash_before(last):
    def progress(name):
        if name == last:
            raise CrashError

    return progress


def with_key_data(result):
    return result._replace(key=jax.random.key_data(result.key))


@pytest.mark.slow
def test_a_fit_resumes_after_the_last_cached_stage(blobs, tmp_path):
    folder, key = tmp_path / "kept", jax.random.key(0)
    with pytest.raises(CrashError):
        estimate(key, *blobs, **OPTIONS, checkpoint=folder, progress=crash_before("first density"))
    assert sorted(file.stem for file in folder.glob("*.npz")) == sorted(STAGES[:3])
    resumed = estimate(key, *blobs, **OPTIONS, checkpoint=folder)
    uninterrupted = estimate(key, *blobs, **OPTIONS)
    chex.assert_trees_all_equal(with_key_data(resumed), with_key_data(uninterrupted))
    again = estimate(key, *blobs, **OPTIONS, checkpoint=folder)
    chex.assert_trees_all_equal(with_key_data(again), with_key_data(uninterrupted))


def test_stages_are_computed_once(tmp_path):
    computed = []

    def compute():
        computed.append(1)
        return {"a": jax.numpy.arange(3.0), "key": jax.random.key(7), "none": None}

    first = kept(tmp_path / "folder", "it")("stage", compute)
    count = len(computed)
    second = kept(tmp_path / "folder", "it")("stage", jax.jit(lambda: compute()))
    assert len(computed) == count + 1  # traced for its shapes, not run
    chex.assert_trees_all_equal(first["a"], second["a"])
    assert (jax.random.key_data(first["key"]) == jax.random.key_data(second["key"])).all()
    assert second["none"] is None


@pytest.mark.parametrize("change", ["key", "data", "option"])
def test_the_folder_of_another_fit_is_rejected(change, blobs, tmp_path):
    (features, labels), key, options = blobs, jax.random.key(0), dict(OPTIONS)
    with pytest.raises(CrashError):
        estimate(key, *blobs, **OPTIONS, checkpoint=tmp_path / "kept", progress=crash_before(STAGES[0]))
    if change == "key":
        key = jax.random.key(1)
    elif change == "data":
        features = (features[0] + np.eye(*features[0].shape, dtype=np.float32), features[1])
    else:
        options["num_folds"] = 3
    with pytest.raises(ValueError, match="another key, other data"):
        estimate(key, features, labels, **options, checkpoint=tmp_path / "kept")


def test_other_folders_and_damaged_files_are_rejected(blobs, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").touch()
    with pytest.raises(ValueError, match="checkpoint: expected a new folder"):
        fit_estimator(jax.random.key(0), *blobs, checkpoint=tmp_path / "letters")
    stage = kept(tmp_path / "kept", "it")
    stage("first", lambda: jax.numpy.arange(100.0))
    file = tmp_path / "kept" / "first.npz"
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"first\.npz, which is damaged: delete it"):
        stage("first", lambda: jax.numpy.arange(100.0))


@pytest.mark.filterwarnings("ignore:Exception ignored in.*ZipFile:pytest.PytestUnraisableExceptionWarning")  # NumPy 2.0
def test_a_full_disk_or_a_missing_folder_is_an_error(tmp_path, full_disk):
    with pytest.raises(OSError, match="nowhere"):
        kept(tmp_path / "nowhere" / "kept", "it")
    stage = kept(tmp_path / "kept", "it")
    stage("first", lambda: jax.numpy.arange(3.0))
    with full_disk(1000), pytest.raises(OSError, match="an existing file is unchanged"):
        stage("second", lambda: jax.numpy.arange(3000.0))
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == ["about.json", "first.npz"]
