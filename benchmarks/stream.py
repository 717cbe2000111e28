"""More rows than memory: an estimator fitted on a memory-mapped file, and its scores streamed to another.

    python benchmarks/stream.py [--rows 20000000] [--folder /somewhere/with/room] [--ending npy|parquet]

Two blocks of 32 float32 columns and ten classes. Prints seconds, rows per second and the largest resident memory.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

import lsmi_jax

DIM, NUM_CLASSES, AT_A_TIME = 32, 10, 2**18


def write_rows(folder: Path, num_rows: int) -> None:
    """Files of features whose means follow the label, written in pieces so that they count for little memory."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, NUM_CLASSES, DIM)).astype(np.float32) / 4
    with (folder / "x1").open("wb") as first, (folder / "x2").open("wb") as second, (folder / "y").open("wb") as third:
        for start in range(0, num_rows, AT_A_TIME):
            labels = rng.integers(NUM_CLASSES, size=min(AT_A_TIME, num_rows - start), dtype=np.int32)
            for file, centre in zip((first, second), centres, strict=True):
                rows = rng.standard_normal((len(labels), DIM), dtype=np.float32)
                file.write((rows + centre[labels]).tobytes())
            third.write(labels.tobytes())


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--folder", type=Path, help="where the files of about 300 bytes a row go; they are removed")
    parser.add_argument("--ending", default="npy", choices=("npy", "parquet"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        write_rows(folder, arguments.rows)
        x1, x2 = (np.memmap(folder / x, np.float32, "r", shape=(arguments.rows, DIM)) for x in ("x1", "x2"))
        batches = lsmi_jax.ArrayBatches((x1, x2), np.memmap(folder / "y", np.int32, "r"))
        start = time.perf_counter()
        estimator = jax.block_until_ready(lsmi_jax.fit_estimator(jax.random.key(0), batches))
        print(f"fit    {time.perf_counter() - start:8.1f} s, at most {peak():.2f} GiB resident", flush=True)
        start = time.perf_counter()
        result = lsmi_jax.score_to_file(folder / f"scores.{arguments.ending}", estimator, batches, progress=True)
        seconds = time.perf_counter() - start
        print(f"score  {seconds:8.1f} s, {arguments.rows / seconds:,.0f} rows/s, at most {peak():.2f} GiB resident")
        print(
            f"file   {result.path.stat().st_size / 2**30:8.2f} GiB; R U1 U2 S", *map("{:.4f}".format, result.adjusted)
        )


if __name__ == "__main__":
    main()
