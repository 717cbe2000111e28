"""Interactions of a data set whose rows are distributed over the hosts of a pod; each host loads only its own rows.

Run the same command on every host of a TPU pod:

    python examples/pod.py --data /path/to/this/hosts/rows.npz --out interactions.npy

The file holds x1 [n, d1], x2 [n, d2] and integer labels y [n]. Every host has the same number of rows, a multiple of
its number of devices. To try it on one machine, start this command twice, the second time with --process 1:
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
    parser.add_argument("--data", required=True, help=".npz file with the rows of this host: x1, x2, y")
    parser.add_argument("--out", required=True, help="file for r, u1, u2, s of all rows, written by the first process")
    parser.add_argument("--coordinator", help="address of the first process; detected on a pod")
    parser.add_argument("--processes", type=int, help="number of processes; detected on a pod")
    parser.add_argument("--process", type=int, help="number of this process; detected on a pod")
    parser.add_argument("--num-folds", type=int, default=5)
    parser.add_argument("--max-rows", type=int, help="rows to fit on, if not all fit on one device")
    arguments = parser.parse_args()

    jax.distributed.initialize(arguments.coordinator, arguments.processes, arguments.process)
    # Replace this with your own loader: each process needs its own rows as numpy arrays.
    with np.load(arguments.data) as data:
        own_rows = data["x1"], data["x2"], data["y"].astype(np.int32)

    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    x1, x2, labels = (jax.make_array_from_process_local_data(sharding, part) for part in own_rows)
    with jax.set_mesh(mesh):
        options = {"num_folds": arguments.num_folds, "max_rows": arguments.max_rows}
        result = lsmi_jax.estimate(jax.random.key(0), (x1, x2), labels, **options)
    all_parts = np.stack([multihost_utils.process_allgather(part, tiled=True) for part in result.interactions])
    if jax.process_index() == 0:
        np.save(arguments.out, all_parts)
        print("R, U1, U2, S in nats:", all_parts.mean(1))


if __name__ == "__main__":
    main()
