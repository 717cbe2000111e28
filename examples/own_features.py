"""Interactions of your own features: two arrays and labels in, one row per sample out.

    python examples/own_features.py data.npz --x1 audio --x2 video --labels y --out samples.csv

The input file holds two feature blocks [n, d1] and [n, d2] and integer labels [n] in 0..K-1.
"""

import argparse

import jax
import numpy as np

import lsmi_jax


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--x1", default="x1")
    parser.add_argument("--x2", default="x2")
    parser.add_argument("--labels", default="y")
    parser.add_argument("--out", default="samples.csv")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    with np.load(options.data, allow_pickle=False) as data:
        features, labels = (data[options.x1], data[options.x2]), data[options.labels]
    result = lsmi_jax.estimate(jax.random.key(options.seed), features, labels, progress=print)

    summary = result.mean()
    for name, mean, low, high in zip(summary.mean._fields, summary.mean, summary.lower, summary.upper, strict=True):
        print(f"{name:13s} {float(mean):+.3f} nats, 95% interval {float(low):+.3f} to {float(high):+.3f}")
    for finding in result.diagnostics.findings():
        print("Note:", finding)
    table = np.stack([np.asarray(part) for part in result.interactions], axis=1)
    np.savetxt(options.out, table, delimiter=",", header="r,u1,u2,s", comments="")
    print(f"Wrote {options.out}.")


if __name__ == "__main__":
    main()
