"""Asks a trained two-branch network what its layers know and what it uses.

    python examples/probe_layers.py [--epochs 60] [--out docs/results]

Handwritten digits as Zernike moments (x1) and Karhunen-Loeve coefficients (x2). The network sows its activations;
held-out digits are read layer by layer, and once more from its outputs with a modality masked. Writes
`probe_layers.csv` and `probe_layers.png`, and prints the sentence of docs/layers.md.
"""

import argparse
import csv
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx

import lsmi_jax
from lsmi_jax.applications import information_unused, masked_interactions, probe_layers
from lsmi_jax.decomposition import INFORMATION, PARTS
from lsmi_jax.reporting import plot_layers

NUM_CLASSES, WIDTH = 10, 64
SYMBOLS = tuple(quantity.symbol for quantity in (*PARTS, *INFORMATION))


class TwoBranches(nnx.Module):
    """Two layers per branch and two layers of fusion; each sows what it computes."""

    def __init__(self, dims: tuple[int, int], rngs: nnx.Rngs):
        self.first = nnx.List([nnx.Linear(d, WIDTH, rngs=rngs) for d in dims])
        self.second = nnx.List([nnx.Linear(WIDTH, WIDTH, rngs=rngs) for _ in dims])
        self.fusion = nnx.Linear(2 * WIDTH, WIDTH, rngs=rngs)
        self.head = nnx.Linear(WIDTH, NUM_CLASSES, rngs=rngs)

    def __call__(self, x1: jax.Array, x2: jax.Array) -> jax.Array:
        hidden = [x1, x2]
        for name, layers in (("layer 1", self.first), ("layer 2", self.second)):
            hidden = [nnx.relu(layer(x)) for layer, x in zip(layers, hidden, strict=True)]
            self.sow(nnx.Intermediate, name, tuple(hidden))
        fused = nnx.relu(self.fusion(jnp.concatenate(hidden, axis=1)))
        self.sow(nnx.Intermediate, "fused", fused)
        return self.head(fused)


def run(model: TwoBranches, x1: jax.Array, x2: jax.Array) -> tuple[jax.Array, dict]:
    """Logits, and what the network sows, by the name of the layer."""
    logits, sown = nnx.capture(model, nnx.Intermediate)(x1, x2)
    return logits, {name: values[0] for name, values in nnx.to_pure_dict(sown).items()}


def train(model: TwoBranches, x1: jax.Array, x2: jax.Array, labels: jax.Array, num_steps: int) -> None:
    """Trains on the cross-entropy of the joint prediction."""
    optimizer = nnx.Optimizer(model, optax.adamw(2e-3, weight_decay=1e-2), wrt=nnx.Param)

    @nnx.jit
    def step(model: TwoBranches, optimizer: nnx.Optimizer) -> None:
        def loss(model: TwoBranches) -> jax.Array:
            return optax.softmax_cross_entropy_with_integer_labels(run(model, x1, x2)[0], labels).mean()

        optimizer.update(model, nnx.grad(loss)(model))

    for _ in range(num_steps):
        step(model, optimizer)


def sentence(rows: list[dict]) -> str:
    """The sentences of docs/layers.md about the means."""
    information = {row["reading"]: [float(row[name]) for name in ("I1", "I2", "I12")] for row in rows}
    first, second, both = information["not used"]
    return (
        f"Of the {information['input'][2]:.2f} nats that both modalities contain together, the last layer keeps "
        f"{information['fused'][2]:.2f}. If only the first modality is shown, the network uses {first:.2f} nats less "
        f"than that modality contains; if only the second is shown, {second:.2f} less; with both, {both:.2f} less."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()

    digits = lsmi_jax.datasets.load_multiple_features()
    x1, x2 = (((x - x.mean(0)) / x.std(0)).astype(np.float32) for x in digits.features[:2])
    order = np.random.default_rng(0).permutation(len(digits.labels))
    trained, held_out = order[:1000], order[1000:]
    model = TwoBranches((x1.shape[1], x2.shape[1]), nnx.Rngs(0))
    train(model, x1[trained], x2[trained], jnp.asarray(digits.labels[trained]), arguments.epochs)

    x1, x2, labels = x1[held_out], x2[held_out], digits.labels[held_out]
    key = jax.random.key(0)
    _, sown = run(model, x1, x2)
    layers = probe_layers(
        key, {"input": (x1, x2)} | {name: sown[name] for name in ("layer 1", "layer 2", "fused")}, labels
    )
    print(layers)
    used = masked_interactions(key, lambda x1, x2: run(model, x1, x2)[0], (x1, x2), labels)
    print(used)
    rows = [
        {"reading": name} | {symbol: f"{mean:.4f}" for symbol, mean in zip(SYMBOLS, means, strict=True)}
        for name, means in zip(layers.names, np.transpose(layers.means().mean), strict=True)
    ]
    unused = information_unused(layers["input"], used).mean().values()
    rows.append(
        {"reading": "not used"} | {f"I{m}": f"{mean:.4f}" for m, (mean, _) in zip((1, 2, 12), unused, strict=True)}
    )
    with (arguments.out / "probe_layers.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("reading", *SYMBOLS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(sentence(rows))
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    plot_layers(layers.means(), layers.names, ax=ax)
    figure.savefig(arguments.out / "probe_layers.png", dpi=150)


if __name__ == "__main__":
    main()
