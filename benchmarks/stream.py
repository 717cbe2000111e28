"""More rows than memory: fits an estimator on memory-mapped files and streams its scores to another file.

    python benchmarks/stream.py [--rows 20000000] [--folder /path/with/space] [--ending npy|parquet]

Two blocks of 32 float32 columns and ten classes. Prints seconds, rows per second and the peak resident memory.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

import lsmi_jax
from lsmi_jax.reporting import row_bar

DIM, NUM_CLASSES, CHUNK = 32, 10, 2**18


def write_rows(folder: Path, num_rows: int) -> None:
    """Writes files of features whose means depend on the label, in chunks to use little memory."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(2, NUM_CLASSES, DIM)).astype(np.float32) / 4
    with (folder / "x1").open("wb") as first, (folder / "x2").open("wb") as second, (folder / "y").open("wb") as third:
        for start in range(0, num_rows, CHUNK):
            labels = rng.integers(NUM_CLASSES, size=min(CHUNK, num_rows - start), dtype=np.int32)
            for file, center in zip((first, second), centers, strict=True):
                rows = rng.standard_normal((len(labels), DIM), dtype=np.float32)
                file.write((rows + center[labels]).tobytes())
            third.write(labels.tobytes())


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000, help="number of rows (%(default)s)")
    parser.add_argument("--folder", type=Path, help="folder for temporary files, about 300 bytes per row")
    parser.add_argument(
        "--ending", default="npy", choices=("npy", "parquet"), help="format of the scores (%(default)s)"
    )
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
        with row_bar() as bar:
            path = folder / f"scores.{arguments.ending}"
            result = lsmi_jax.score_to_file(path, estimator, batches, progress=bar)
        seconds = time.perf_counter() - start
        print(f"score  {seconds:8.1f} s, {arguments.rows / seconds:,.0f} rows/s, at most {peak():.2f} GiB resident")
        print(
            f"file   {result.path.stat().st_size / 2**30:8.2f} GiB; R U1 U2 S", *map("{:.4f}".format, result.adjusted)
        )


if __name__ == "__main__":
    main()
