import numpy as np
import pytest

from lsmi_jax.__main__ import main


@pytest.fixture(scope="session")
def named():
    """The required names of the arrays."""
    return ["--x1", "audio", "--x2", "video", "--labels", "y"]


@pytest.fixture(scope="session")
def arrays(blobs):
    (audio, video), labels = blobs
    num_rows = len(labels)
    return {
        "audio": audio,
        "video": video,
        "y": np.array(["cat", "<dog>", "eel"])[labels],
        "clip": np.array([f"clip {row}" for row in range(num_rows)]),
        "speaker": np.arange(num_rows) % 2,
        "frame": np.random.default_rng(1).integers(0, 255, size=(num_rows, 4, 5)).astype(np.uint8),
    }


@pytest.fixture(scope="session")
def results(arrays, named, tmp_path_factory):
    """A folder with ``data.npz`` and the results of ``estimate`` in ``out``."""
    folder = tmp_path_factory.mktemp("results")
    np.savez(folder / "data.npz", **arrays)
    extra = ["--ids", "clip", "--means-by", "speaker", "--image", "frame", "--num-folds", "2", "--save-estimator"]
    assert main(["estimate", str(folder / "data.npz"), *named, *extra, "--out", str(folder / "out")]) == 0
    return folder
