"""Does rewarding synergy or penalizing redundancy help a network learn, more than the usual alternatives?

    python examples/regularized_training.py --data FOLDER [--out regularized_training.png]

Digit images (x1) and spoken digits (x2) from `av_digits_semireal.npz` are paired so that each pair carries one known
interaction. R: both belong to the class. U1: the image belongs to the class and the sound is noise; U2: vice versa. S:
the two belong to classes a and b, and the label is a + b modulo 4. Training, calibration and held-out pairs share no
image and no recording.

Compared with plain training, by seed: a synergy reward, a redundancy penalty, modality dropout, auxiliary losses of the
single modalities, and gradient modulation (Peng et al., CVPR 2022), which slows the branch that is ahead.
"""

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx

import lsmi_jax
from lsmi_jax.datasets import TypedSamples, preset_from_pool
from lsmi_jax.reporting import COLORS, NAMES
from lsmi_jax.union import fit_potentials

NUM_CLASSES, WIDTH, BATCH, EVERY, TYPES = 4, 64, 50, 5, ("all", "R", "U1", "U2", "S")


class Strategy(NamedTuple):
    """Strengths of what is added to plain training; 0 leaves it out."""

    penalty: Any = 0.0  # weight of the redundancy in the loss
    reward: Any = 0.0  # weight of the synergy, which is subtracted from the loss
    dropout: Any = 0.0  # probability that fusion misses one modality of a pair
    auxiliary: Any = 0.0  # weight of the single modalities' losses on their branches
    modulation: Any = 0.0  # how much the gradient of the branch that is ahead shrinks


class TwoBranches(nnx.Module):
    """One layer and one head per modality, and two layers on both, since one layer could only add the modalities."""

    def __init__(self, dims: list[int], rngs: nnx.Rngs):
        self.branches = nnx.List([nnx.Linear(d, WIDTH, rngs=rngs) for d in dims])
        self.heads = nnx.List([nnx.Linear(WIDTH, NUM_CLASSES, rngs=rngs) for _ in dims])
        self.fusion, self.out = nnx.Linear(2 * WIDTH, WIDTH, rngs=rngs), nnx.Linear(WIDTH, NUM_CLASSES, rngs=rngs)

    def hidden(self, blocks: Any) -> list[jax.Array]:
        return [nnx.relu(branch(x)) for branch, x in zip(self.branches, blocks, strict=True)]

    def alone(self, hidden: list[jax.Array]) -> list[jax.Array]:
        return [head(h) for head, h in zip(self.heads, hidden, strict=True)]

    def both(self, hidden: list[jax.Array], drop: Any = lambda x: x) -> jax.Array:
        return self.out(nnx.relu(self.fusion(drop(jnp.concatenate(hidden, axis=1)))))


def load(seed: int, options: argparse.Namespace) -> list[TypedSamples]:
    """Training, calibration and held-out pairs of one seed; all seeds draw their held-out pairs from the same pool."""
    path = Path(options.data or "") / "av_digits_semireal.npz"
    if not options.data or not path.exists():
        raise SystemExit(f"--data or LSMI_DATA: expected a folder that contains {path.name}, got {options.data}")
    with np.load(path) as data:
        images = data["x1"].reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196)  # half the resolution
        blocks, digits = (np.float32(images), np.float32(data["x2"])), (data["y"] - options.first_digit) % 10
    orders = np.random.default_rng(2025).permuted(np.tile(np.arange(len(digits)), (2, 1)), axis=1)
    rng = np.random.default_rng(seed)
    others = rng.permuted(orders[:, 1200:], axis=1)
    pools = [(others[:, 600:], options.rows, 1), (others[:, :600], 200, 3), (orders[:, :1200], 400, 3)]
    parts = [pair(rng, blocks, digits, pool, size, times, options) for pool, size, times in pools]
    scales = [(x.mean(0), x.std()) for x in parts[0].features]
    scaled = [tuple((x - m) / s for x, (m, s) in zip(part.features, scales, strict=True)) for part in parts]
    return [part._replace(features=features) for part, features in zip(parts, scaled, strict=True)]


def pair(rng: Any, blocks: Any, digits: Any, pool: Any, size: int, times: int, options: Any) -> Any:
    """Pairs of known type from a pool whose rows are paired several times at random."""
    arrays = (blocks[0][pool[0]], digits[pool[0]], blocks[1][pool[1]], digits[pool[1]], options.mix, NUM_CLASSES)
    keys = jax.random.split(jax.random.key(rng.integers(2**31)), times)
    pairs = jax.tree.map(lambda *x: np.concatenate(x), *(preset_from_pool(k, *arrays, num_samples=size) for k in keys))
    for block, unique in zip(pairs.features, (2, 1), strict=True):  # noise is a permutation of the values in these rows
        rows = (pairs.sample_types == unique) & (options.other == "noise")
        block[rows] = rng.permutation(block[rows].ravel()).reshape(block[rows].shape)
    return pairs


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def hide_one(key: jax.Array, hidden: list[jax.Array], rate: jax.Array) -> list[jax.Array]:
    """Sets one modality of a pair to zero, with probability `rate`, and scales so that means stay as they are."""
    which, draw = jax.random.randint(key, (2, len(hidden[0]), 1), 0, 2), jax.random.uniform(key, (len(hidden[0]), 1))
    return [jnp.where((draw < rate) & (which[0] == m), 0, x) / (1 - rate / 2) for m, x in enumerate(hidden)]


def modulated(updates: Any, logits: list[jax.Array], labels: jax.Array, strength: jax.Array) -> Any:
    """Updates; that of the branch that is ahead shrinks with its lead. Adam would undo a factor of the gradients."""
    scores = [jnp.take_along_axis(jax.nn.softmax(x), labels[:, None], axis=1).sum() for x in logits[:2]]
    leads = scores[0] / scores[1], scores[1] / scores[0]
    for m, lead in enumerate(leads):
        factor = jnp.where(lead > 1, 1 - jnp.tanh(strength * lead), 1)
        updates["branches"][m] = jax.tree.map(lambda x, factor=factor: factor * x, updates["branches"][m])
    return updates


def run(strategy: Strategy, key: jax.Array, train: Any, calibration: Any, held_out: Any, options: Any) -> dict:
    """Trains one network by a strategy, and measures it every five epochs."""
    key, net_key, tracker_key = jax.random.split(key, 3)
    network = TwoBranches([x.shape[1] for x in train.features], nnx.Rngs(net_key))
    graph, *params = nnx.split(network, nnx.PathContains("heads"), ...)
    tracker = lsmi_jax.init_tracker(tracker_key, num_classes=NUM_CLASSES, decay=0.95)
    drop_input, drop_hidden = (nnx.Dropout(rate) for rate in options.dropout)
    log_prior, optimizer = lsmi_jax.label_log_prior(train.labels, NUM_CLASSES), optax.adam(1e-3)
    # Each head is fitted to its branch; what a strategy adds trains branches and fusion through frozen heads.
    stop = (lambda x: x) if options.naive else jax.lax.stop_gradient

    def step(carry: tuple, drawn: tuple) -> tuple:
        params, state, tracker = carry
        *blocks, labels = (x[drawn[0]] for x in (*train.features, train.labels))
        *keys, hidden_key, hide_key = jax.random.split(drawn[1], 4)

        def loss(params: list) -> tuple:
            network, frozen = nnx.merge(graph, *params), nnx.merge(graph, stop(params[0]), params[1])
            hidden = network.hidden([drop_input(x, rngs=k) for x, k in zip(blocks, keys, strict=True)])
            shown = hide_one(hide_key, hidden, strategy.dropout)
            both = network.both(shown, partial(drop_hidden, rngs=hidden_key))
            own, fixed = network.alone(stop(hidden)), frozen.alone(hidden)
            parts = lsmi_jax.batch_interactions([*fixed, both], labels, log_prior, tracker.potentials)
            added = lsmi_jax.interaction_penalty(parts, weights=(strategy.penalty, 0.0, 0.0, -strategy.reward))
            added += strategy.auxiliary * sum(cross_entropy(logits, labels) for logits in fixed)
            return sum(cross_entropy(logits, labels) for logits in (*own, both)) + added, [*own, both]

        grads, logits = jax.grad(loss, has_aux=True)(params)
        tracker = lsmi_jax.update_tracker(tracker, logits, labels)
        updates, state = optimizer.update(grads, state, params)
        updates[0] = jax.tree.map(lambda x: 3 * x, updates[0])  # heads must keep up with the branches
        updates[1] = modulated(updates[1], logits, labels, strategy.modulation)
        return (optax.apply_updates(params, updates), state, tracker), None

    def epochs(carry: tuple, key: jax.Array) -> tuple:
        order = jnp.tile(jnp.arange(len(train.labels)), (EVERY, 1))
        rows = jax.random.permutation(key, order, axis=1, independent=True).reshape(-1, BATCH)
        carry, _ = jax.lax.scan(step, carry, (rows, jax.random.split(key, len(rows))))
        return carry, measure(nnx.merge(graph, *carry[0]), calibration, held_out, log_prior)

    keys = jax.random.split(key, options.epochs // EVERY)
    return jax.lax.scan(epochs, (params, optimizer.init(params), tracker), keys)[1]


def measure(network: Any, calibration: Any, held_out: Any, log_prior: jax.Array) -> dict:
    """Accuracy, loss and interactions of held-out pairs, with logits calibrated by a temperature on other pairs."""
    hidden = [network.hidden(pairs.features) for pairs in (calibration, held_out)]
    known, logits = ([*network.alone(h), network.both(h)] for h in hidden)
    grid = jnp.geomspace(0.01, 10, 61)
    # An overfit network is overconfident: one inverse temperature per output, the best on the calibration pairs.
    losses = [jax.vmap(lambda g, view=view: cross_entropy(g * view, calibration.labels))(grid) for view in known]
    known, logits = (
        [grid[loss.argmin()] * view for loss, view in zip(losses, views, strict=True)] for views in (known, logits)
    )
    potentials = fit_potentials(jax.random.key(0), known[:2], log_prior)
    parts = lsmi_jax.batch_interactions(logits, held_out.labels, log_prior, potentials)
    groups = jnp.concatenate([jnp.ones((1, len(logits[0]))), jax.nn.one_hot(held_out.sample_types, 4).T])
    accuracy = (groups * (logits[2].argmax(1) == held_out.labels)).sum(1) / groups.sum(1)
    loss = cross_entropy(logits[2], held_out.labels)
    return {"accuracy": accuracy, "loss": loss, "parts": jnp.array([x.mean() for x in parts]), "fit": losses[2].min()}


def table(results: dict[str, dict]) -> str:
    """Means over seeds at the last epoch and, in parentheses, standard errors; differences are paired by seed."""
    figures, names = {}, (*(f"accuracy {t}" for t in TYPES), "stopped early", "cross-entropy", "R", "U1", "U2", "S")
    for name, history in results.items():
        early = np.stack([x[best, :1] for x, best in zip(history["accuracy"], history["fit"].argmin(1), strict=True)])
        figures[name] = np.hstack([history["accuracy"][:, -1], early, history["loss"][:, -1:], history["parts"][:, -1]])
    plain, reward, _, *alternatives = figures
    figures |= {f"{name} - {plain}": figures[name] - figures[plain] for name in list(figures)[1:]}
    figures |= {f"{reward} - {name}": figures[reward] - figures[name] for name in alternatives}
    lines = ["| training | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, x in figures.items():
        cells = zip(x.mean(0), x.std(0, ddof=1) / len(x) ** 0.5, strict=True)
        lines.append(f"| {name} | " + " | ".join(f"{mean:.3f} ({error:.3f})" for mean, error in cells) + " |")
    return "\n".join(lines)


def draw(results: dict[str, dict], out: Path) -> None:
    rows: Any = [["accuracy"] * 3, *([*results][i : i + 3] for i in range(0, len(results), 3))]
    figure, axes = plt.subplot_mosaic(rows, figsize=(9, 9), layout="constrained")
    colors = ("0.65", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
    for i, (name, history) in enumerate(results.items()):
        last, place = history["accuracy"][:, -1], np.arange(len(TYPES)) + 0.14 * (i - (len(results) - 1) / 2)
        error = 2 * last.std(0, ddof=1) / len(last) ** 0.5
        axes["accuracy"].bar(place, last.mean(0), 0.13, yerr=error, color=colors[i], label=name)
        axes[name].set_prop_cycle(color=COLORS)
        axes[name].plot(EVERY * np.arange(1, history["parts"].shape[1] + 1), history["parts"].mean(0), label=NAMES)
        axes[name].set(title=name, xlabel="epoch", ylabel="held-out nats", ylim=(-0.2, 0.9))
    axes["accuracy"].set(ylim=(0, 1.25), ylabel="held-out accuracy", xticks=range(len(TYPES)), xticklabels=TYPES)
    axes["accuracy"].legend(frameon=False, ncols=3, fontsize="small")
    axes["plain"].legend(frameon=False)
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", default=os.environ.get("LSMI_DATA"), help="folder of av_digits_semireal.npz")
    add("--out", type=Path, default=Path("regularized_training.png"))
    add("--reward", type=float, default=1.0, help="weight of the synergy reward")
    add("--penalty", type=float, default=0.1, help="weight of the redundancy penalty")
    add("--modality-dropout", type=float, default=0.1, help="probability that fusion misses one modality of a pair")
    add("--auxiliary", type=float, default=0.03, help="weight of the single modalities' losses")
    add("--modulation", type=float, default=3.0, help="strength of gradient modulation")
    add("--mix", type=float, nargs=4, default=(0.25, 0.25, 0.25, 0.25), help="proportions of R, U1, U2 and S pairs")
    add("--other", choices=("noise", "digit"), default="noise", help="content of the uninformative modality")
    add("--rows", type=int, default=200, help="number of training pairs, a multiple of 10")
    add("--epochs", type=int, default=200)
    add("--dropout", type=float, nargs=2, default=(0.7, 0.5), help="dropout rates of inputs and hidden units")
    add("--naive", action="store_true", help="let gradients flow between heads and branches")
    add("--seeds", type=int, nargs="+", default=range(10), help="seeds, one run each")
    add("--first-digit", type=int, default=4, help="first of four digits; options were chosen on digits 0 to 3")
    options = parser.parse_args()

    parts = jax.tree.map(lambda *x: jnp.stack(x), *(load(seed, options) for seed in options.seeds))
    keys = jax.vmap(jax.random.key)(jnp.array(options.seeds))
    # One seed after another: under `jax.vmap`, the tracker would refit its potentials in every step.
    run_seed = partial(run, options=options)
    compiled = jax.jit(lambda strategy, *drawn: jax.lax.map(lambda own: run_seed(strategy, *own), drawn))
    strategies = {
        "plain": Strategy(),
        "synergy reward": Strategy(reward=options.reward),
        "redundancy penalty": Strategy(penalty=options.penalty),
        "modality dropout": Strategy(dropout=options.modality_dropout),
        "auxiliary losses": Strategy(auxiliary=options.auxiliary),
        "gradient modulation": Strategy(modulation=options.modulation),
    }
    results = {}
    for name, strategy in strategies.items():
        results[name] = jax.device_get(compiled(jax.tree.map(jnp.float32, strategy), keys, *parts))
    print(table(results))
    draw(results, options.out)
    print(f"Wrote {options.out}.")


if __name__ == "__main__":
    main()
