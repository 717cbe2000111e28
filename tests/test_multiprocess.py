"""Two processes of four devices, each with half of the rows, run the pod example as a user would launch it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from lsmi_jax import estimate

EXAMPLE = Path(__file__).parent.parent / "examples" / "pod.py"


@pytest.mark.slow
@pytest.mark.parametrize("max_rows", [None, 60])
def test_two_processes_with_half_of_the_rows_each_agree_with_one(rng, tmp_path, max_rows):
    labels = np.arange(248) % 2
    features = [rng.normal(size=(248, 2)).astype(np.float32) + labels[:, None] for _ in range(2)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for process, half in enumerate((slice(124), slice(124, 248))):
        mine = tmp_path / f"{process}.npz"
        np.savez(mine, x1=features[0][half], x2=features[1][half], y=labels[half])
        command = [sys.executable, str(EXAMPLE), "--data", str(mine), "--out", str(tmp_path / "all.npy")]
        command += ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process", str(process)]
        command += ["--num-folds", "2", *([] if max_rows is None else ["--max-rows", str(max_rows)])]
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "4"}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    outputs = [one.communicate(timeout=400)[0] for one in started]
    assert [one.returncode for one in started] == [0, 0], outputs
    alone = estimate(jax.random.key(0), features, labels, num_folds=2, max_rows=max_rows)
    np.testing.assert_allclose(np.load(tmp_path / "all.npy"), np.stack(alone.interactions), atol=2e-3)
