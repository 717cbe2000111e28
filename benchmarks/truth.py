"""Union information of preset mixes without closed form, by fine discretization of the posteriors and BROJA.

    python benchmarks/truth.py [--num-samples 400000] [--num-cells 32]

Prints, for each mix of `lsmi_jax.datasets.preset` in the table of `lsmi_jax/datasets/_truth.py`, the union
information of the discretized margins, the gap of the solver, and the information that the discretization loses.
"""

import argparse
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.cluster import KMeans

from lsmi_jax import datasets
from lsmi_jax.baselines import Broja, broja

MIXES = [(2, (0.5, 0.5, 0.0, 0.0)), (2, (0.1, 0.6, 0.1, 0.2)), (4, (0.1, 0.7, 0.1, 0.1))]


def margin(log_posterior: jax.Array, num_cells: int) -> tuple[np.ndarray, float]:
    """Joint probabilities of cell and class ``[M, K]``, and the lost information in nats."""
    posterior = np.exp(np.asarray(log_posterior, np.float64))
    roots = np.sqrt(posterior)
    num_distinct = len(np.unique(roots[:20_000].round(6), axis=0))
    cells = KMeans(min(num_cells, num_distinct), n_init=1, random_state=0).fit(roots[:20_000]).predict(roots)
    joint = np.stack([np.bincount(cells, p) for p in posterior.T], axis=1) / len(posterior)
    joint = joint[joint.sum(1) > 0]
    entropies = [-(p * np.log(np.maximum(p, 1e-300))).sum(1) for p in (posterior, joint / joint.sum(1, keepdims=True))]
    return joint, float((joint.sum(1) * entropies[1]).sum() - entropies[0].mean())


def discretized(log_posteriors: Sequence[jax.Array], num_cells: int) -> tuple[Broja, float]:
    """BROJA of the cells of two modalities' posteriors, and the information that the cells lose, in nats."""
    (first, lost1), (second, lost2) = (margin(p, num_cells) for p in log_posteriors[:2])
    # Any joint with these margins; both get the same class frequencies. BROJA depends on the margins only.
    second *= (first.sum(0) / second.sum(0))[None]
    return broja(jnp.asarray(first[:, None] * second[None] / first.sum(0))), max(lost1, lost2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-samples", type=int, default=400_000)
    parser.add_argument("--num-cells", type=int, default=32)
    options = parser.parse_args()
    for num_classes, proportions in MIXES:
        task = datasets.preset(jax.random.key(0), options.num_samples, num_classes=num_classes, proportions=proportions)
        solved, lost = discretized(task.log_posteriors, options.num_cells)
        r, u1, u2 = (float(x) for x in (solved.redundancy, solved.unique1, solved.unique2))
        print(
            f"K={num_classes} {proportions}: union {r + u1 + u2:.4f} (R {r:.4f}, U1 {u1:.4f}, U2 {u2:.4f}), "
            f"gap {float(solved.gap):.1e}, at most {lost:.4f} nats lost by the cells"
        )


if __name__ == "__main__":
    main()
