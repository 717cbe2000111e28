"""Tracks redundancy, uniqueness and synergy inside the compiled training step of a two-branch network.

    python examples/track_training.py [--epochs 30] [--out track_training.png]

Handwritten digits as Zernike moments (x1) and Karhunen-Loeve coefficients (x2). Shows the running interactions of the
training batches, taken before each step, and the interactions of held-out digits at the end of every epoch.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx

import lsmi_jax
from lsmi_jax.reporting import plot_training

NUM_CLASSES, WIDTH, BATCH = 10, 64, 100


class TwoBranches(nnx.Module):
    """One network and one head per modality, and a head on both."""

    def __init__(self, dims: tuple[int, int], rngs: nnx.Rngs):
        self.branches = nnx.List([nnx.Linear(d, WIDTH, rngs=rngs) for d in dims])
        self.heads = nnx.List([nnx.Linear(WIDTH, NUM_CLASSES, rngs=rngs) for _ in dims])
        self.both = nnx.Linear(2 * WIDTH, NUM_CLASSES, rngs=rngs)

    def __call__(self, x1: jax.Array, x2: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        hidden = [nnx.relu(branch(x)) for branch, x in zip(self.branches, (x1, x2), strict=True)]
        l1, l2 = (head(h) for head, h in zip(self.heads, hidden, strict=True))
        return l1, l2, self.both(jnp.concatenate(hidden, axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("track_training.png"))
    arguments = parser.parse_args()

    digits = lsmi_jax.datasets.load_multiple_features()
    x1, x2 = ((x - x.mean(0)) / x.std(0) for x in digits.features[:2])
    order = np.random.default_rng(0).permutation(len(digits.labels))
    train, held_out = (
        tuple(jnp.asarray(x[rows]) for x in (x1, x2, digits.labels)) for rows in (order[:1500], order[1500:])
    )
    model = TwoBranches((x1.shape[1], x2.shape[1]), nnx.Rngs(0))
    graphdef, params = nnx.split(model)
    optimizer = optax.adam(1e-3)

    def step(carry: tuple, rows: jax.Array) -> tuple:
        params, state, tracker = carry
        x1, x2, labels = (x[rows] for x in train)

        def loss(params: nnx.State) -> tuple:
            logits = nnx.merge(graphdef, params)(x1, x2)
            losses = [optax.softmax_cross_entropy_with_integer_labels(view, labels).mean() for view in logits]
            return sum(losses), logits

        grads, logits = jax.grad(loss, has_aux=True)(params)
        tracker = lsmi_jax.update_tracker(tracker, logits, labels)
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state, tracker), None

    @jax.jit
    def epoch(carry: tuple, key: jax.Array) -> tuple:
        batches = jax.random.permutation(key, 1500).reshape(-1, BATCH)
        carry, _ = jax.lax.scan(step, carry, batches)
        # Score rows that nothing was trained on with the tracker's current prior and potentials.
        params, _, tracker = carry
        logits = nnx.merge(graphdef, params)(*held_out[:2])
        parts = lsmi_jax.batch_interactions(logits, held_out[2], tracker.log_prior, tracker.potentials)
        accuracy = jnp.stack([(view.argmax(1) == held_out[2]).mean() for view in logits])
        return carry, (tracker.means, lsmi_jax.Interactions(*(part.mean() for part in parts)), accuracy)

    tracker = lsmi_jax.init_tracker(jax.random.key(1), num_classes=NUM_CLASSES, decay=0.9)
    carry, history = (params, optimizer.init(params), tracker), []
    for number, key in enumerate(jax.random.split(jax.random.key(2), arguments.epochs)):
        carry, measured = epoch(carry, key)
        history.append(measured)
        if number % 5 == 4 or number == 0:
            parts = " ".join(f"{float(part):+.2f}" for part in measured[1])
            print(f"epoch {number + 1:3d}: held-out R U1 U2 S {parts} nats, accuracy {np.round(measured[2], 3)}")

    running, fresh, _ = jax.tree.map(lambda *x: np.stack(x), *history)
    _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    epochs = np.arange(1, arguments.epochs + 1)
    plot_training(epochs, running, fresh, ax=ax)
    ax.set(xlabel="epoch", title="Tracked during training (dashed: held-out)")
    plt.savefig(arguments.out, dpi=110)
    print(f"Wrote {arguments.out}.")


if __name__ == "__main__":
    main()
