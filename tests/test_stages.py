import resource
import signal

import chex
import jax
import numpy as np
import pytest

from lsmi_jax import estimate, fit_estimator
from lsmi_jax.stages import kept

STAGES = ["first discriminator", "second discriminator", "joint discriminator", "first density", "second density"]
OPTIONS = {"num_folds": 2, "num_components": 4}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    return tuple((rng.normal(size=(60, d)) + labels[:, None]).astype(np.float32) for d in (2, 3)), labels


class DeathError(Exception):
    pass


def dying_before(last):
    def progress(name):
        if name == last:
            raise DeathError

    return progress


def numbers(result):
    return result._replace(key=jax.random.key_data(result.key))


def test_a_fit_goes_on_after_the_last_stage_that_is_kept(data, tmp_path):
    folder, key = tmp_path / "kept", jax.random.key(0)
    with pytest.raises(DeathError):
        estimate(key, *data, **OPTIONS, checkpoint=folder, progress=dying_before("first density"))
    assert sorted(file.stem for file in folder.glob("*.npz")) == sorted(STAGES[:3])
    resumed = estimate(key, *data, **OPTIONS, checkpoint=folder)
    whole = estimate(key, *data, **OPTIONS)
    chex.assert_trees_all_equal(numbers(resumed), numbers(whole))
    again = estimate(key, *data, **OPTIONS, checkpoint=folder)
    chex.assert_trees_all_equal(numbers(again), numbers(whole))


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
def test_a_folder_of_another_fit_is_refused(change, data, tmp_path):
    (features, labels), key, options = data, jax.random.key(0), dict(OPTIONS)
    with pytest.raises(DeathError):
        estimate(key, *data, **OPTIONS, checkpoint=tmp_path / "kept", progress=dying_before(STAGES[0]))
    if change == "key":
        key = jax.random.key(1)
    elif change == "data":
        features = (features[0] + np.eye(*features[0].shape, dtype=np.float32), features[1])
    else:
        options["num_folds"] = 3
    with pytest.raises(ValueError, match="another key, other data"):
        estimate(key, features, labels, **options, checkpoint=tmp_path / "kept")


def test_other_folders_and_damaged_files_are_refused(data, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").touch()
    with pytest.raises(ValueError, match="checkpoint: expected a new folder"):
        fit_estimator(jax.random.key(0), *data, checkpoint=tmp_path / "letters")
    stage = kept(tmp_path / "kept", "it")
    stage("one", lambda: jax.numpy.arange(100.0))
    file = tmp_path / "kept" / "one.npz"
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"one\.npz, which is damaged: delete it"):
        stage("one", lambda: jax.numpy.arange(100.0))


@pytest.mark.filterwarnings("ignore:Exception ignored in.*ZipFile:pytest.PytestUnraisableExceptionWarning")  # NumPy 2.0
def test_a_full_disk_or_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        kept(tmp_path / "nowhere" / "kept", "it")
    stage = kept(tmp_path / "kept", "it")
    stage("one", lambda: jax.numpy.arange(3.0))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="what was there before stays"):
            stage("two", lambda: jax.numpy.arange(3000.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == ["about.json", "one.npz"]
