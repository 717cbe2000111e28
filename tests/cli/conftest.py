import numpy as np
import pytest

from lsmi_jax.__main__ import main

NUM_ROWS = 72


@pytest.fixture(scope="session")
def named():
    """The required names of the arrays."""
    return ["--x1", "audio", "--x2", "video", "--labels", "y"]


@pytest.fixture(scope="session")
def arrays():
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_ROWS) % 3
    return {
        "audio": (rng.normal(size=(NUM_ROWS, 2)) + labels[:, None]).astype(np.float32),
        "video": (rng.normal(size=(NUM_ROWS, 3)) + labels[:, None]).astype(np.float32),
        "y": np.array(["cat", "<dog>", "eel"])[labels],
        "clip": np.array([f"clip {row}" for row in range(NUM_ROWS)]),
        "speaker": np.arange(NUM_ROWS) % 2,
        "frame": rng.integers(0, 255, size=(NUM_ROWS, 4, 5)).astype(np.uint8),
    }


@pytest.fixture(scope="session")
def results(arrays, named, tmp_path_factory):
    """A folder with ``data.npz`` and the results of ``estimate`` in ``out``."""
    folder = tmp_path_factory.mktemp("results")
    np.savez(folder / "data.npz", **arrays)
    extra = ["--ids", "clip", "--group", "speaker", "--image", "frame", "--num-folds", "2", "--save-estimator"]
    assert main(["estimate", str(folder / "data.npz"), *named, *extra, "--out", str(folder / "out")]) == 0
    return folder
