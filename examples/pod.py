"""Interactions of a data set whose rows are spread over the hosts of a pod, each holding its own part.

On every host of a TPU pod, the same line:

    python examples/pod.py --data /path/to/this/hosts/rows.npz --out interactions.npy

The file holds x1 [n, d1], x2 [n, d2] and integer labels y [n]; every host has the same number of rows, a multiple of
the number of its devices. To try it on one machine, start two of these (the second with --process 1) with
`JAX_NUM_CPU_DEVICES=4 python examples/pod.py --coordinator 127.0.0.1:12345 --processes 2 --process 0 ...`.
"""

import argparse

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import lsmi_jax


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="npz of the rows of this host: x1, x2, y")
    parser.add_argument("--out", required=True, help="file for r, u1, u2, s of all rows, written by the first host")
    parser.add_argument("--coordinator", help="address of the first process; on a pod JAX knows it")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--process", type=int)
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()

    # To change for your own loader: whatever gives each process its own rows, as numpy arrays.
    jax.distributed.initialize(arguments.coordinator, arguments.processes, arguments.process)
    with np.load(arguments.data) as mine:
        rows = mine["x1"], mine["x2"], mine["y"].astype(np.int32)

    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    spread = NamedSharding(mesh, PartitionSpec("data"))
    x1, x2, labels = (jax.make_array_from_process_local_data(spread, part) for part in rows)
    with jax.set_mesh(mesh):
        result = lsmi_jax.estimate(jax.random.key(0), (x1, x2), labels, num_folds=arguments.folds)
    everything = np.stack([multihost_utils.process_allgather(part, tiled=True) for part in result.interactions])
    if jax.process_index() == 0:
        np.save(arguments.out, everything)
        print("R, U1, U2, S in nats:", everything.mean(1))


if __name__ == "__main__":
    main()
