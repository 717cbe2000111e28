"""Figure 6: models combined by their interactions, by equal weights and by learned weights, as models are added.

    python examples/paper/ensemble.py --data FOLDER

Every model predicts from each modality alone and from both. The label is unknown when predicting: interactions are
expectations over the models' own posteriors, with densities of their posteriors on held-out rows. Learned weights are
fitted to the labels of these rows; interactions do not use them.
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from data import Dataset, degraded_av_digits, parser, wikipedia
from models import Additive, Bilinear, Bottleneck, Joint, ModalityDropout, QualityAware
from results import table, with_error, write
from splits import parts, posterior_surprisals
from train import train

import lsmi_jax
from lsmi_jax.models import descend

TENTHS = 5, 1, 2, 2  # of the rows: training, early stopping, densities and learned weights (held-out), test
MODELS = Joint, Bilinear, Bottleneck, Additive, QualityAware, ModalityDropout
WAYS = ("joint alike", "all alike", "joint learned", "all learned", "interactions", "interactions on average")


@partial(jax.jit, static_argnums=(0, 5))
def predictions(make, keys, features, labels, rows, num_classes) -> tuple[jax.Array, jax.Array]:
    """Log-posteriors of a model's three views on held-out and test rows, each ``[m, 3, n, K]``."""

    def one_seed(key, own, stop, held_out, test):
        data = [(tuple(block[part] for block in features), labels[part]) for part in (own, stop)]
        model = train(key, partial(make, num_classes=num_classes), *data)
        outputs = (model(None, tuple(block[part] for block in features)).logits for part in (held_out, test))
        return tuple(jax.nn.log_softmax(jnp.stack(logits)) for logits in outputs)

    return jax.vmap(one_seed)(keys, *rows)


@jax.jit
def surprisals(keys, held_out, logits) -> jax.Array:
    """Surprisals ``[m, 2, n]`` of the unimodal posteriors on test rows, by densities fitted on held-out rows."""
    view_keys = jax.vmap(lambda key: jax.random.split(key, 2))(keys)
    return jax.vmap(jax.vmap(posterior_surprisals))(view_keys, held_out[:, :2], logits[:, :2])


def learn_weights(log_posteriors: jax.Array, labels: jax.Array, num_steps: int = 300) -> jax.Array:
    """Weights ``[p]`` of the predictions ``[p, n, K]`` whose weighted geometric mean has the least cross-entropy."""
    optimizer = optax.adam(0.05)

    def loss(scores: jax.Array) -> jax.Array:
        pooled = jnp.tensordot(jax.nn.softmax(scores), log_posteriors, 1)
        return optax.softmax_cross_entropy_with_integer_labels(pooled, labels).mean()

    def step(carry: tuple, _: None) -> tuple:
        return descend(optimizer, jax.grad(loss)(carry[0]), *carry), None

    scores = jnp.zeros(len(log_posteriors))
    (scores, _), _ = jax.lax.scan(step, (scores, optimizer.init(scores)), length=num_steps)
    return jax.nn.softmax(scores)


@jax.jit
def combine(held_out, test, surprisal, held_out_labels, labels, log_prior) -> dict[str, jax.Array]:
    """Accuracy and cross-entropy ``[2]`` of every way to combine the predictions ``[M, 3, n, K]`` of M models."""
    together = lsmi_jax.applications.ensemble(list(test.swapaxes(0, 1)), list(surprisal.swapaxes(0, 1)), log_prior)
    view_means = test.mean(0)
    flat_held_out, flat_test = (x.reshape(-1, *x.shape[2:]) for x in (held_out, test))
    mean_weights = jnp.stack([weight.mean() for weight in together.weights])
    pooled = {
        "joint alike": view_means[2],
        "all alike": view_means.mean(0),
        "joint learned": jnp.tensordot(learn_weights(held_out[:, 2], held_out_labels), test[:, 2], 1),
        "all learned": jnp.tensordot(learn_weights(flat_held_out, held_out_labels), flat_test, 1),
        "interactions": together.log_posterior,
        "interactions on average": jnp.tensordot(mean_weights, view_means, 1),
    }
    return {name: jnp.stack(quality(logits, labels)) for name, logits in pooled.items()}


def quality(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Accuracy and cross-entropy in nats."""
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return (logits.argmax(-1) == labels).mean(), loss


def study(dataset: Dataset, num_seeds: int) -> tuple[list[dict], list[list]]:
    """One dictionary per seed, number of models and way to combine them, and the accuracy of each model alone."""
    rows, num_classes = parts(dataset.labels, TENTHS, num_seeds), len(dataset.classes)
    features, labels = tuple(map(jnp.asarray, dataset.features)), jnp.asarray(dataset.labels)
    held_out, test, surprisal, alone = [], [], [], []
    for number, make in enumerate(MODELS):
        keys = jax.random.split(jax.random.key(number), num_seeds)
        on_held_out, on_test = predictions(make, keys, features, labels, rows, num_classes)
        held_out.append(on_held_out)
        test.append(on_test)
        surprisal.append(surprisals(keys, on_held_out, on_test))
        accuracy = np.asarray((on_test.argmax(-1) == labels[rows[3]][:, None]).mean(-1))
        alone.append([dataset.name, make.__name__, *map(with_error, accuracy.T)])
    log_prior = lsmi_jax.label_log_prior(labels, num_classes)
    stacks, runs = [jnp.stack(arrays, 1) for arrays in (held_out, test, surprisal)], []
    for count in range(1, 1 + len(MODELS)):
        some = (stack[:, :count] for stack in stacks)
        results = jax.vmap(combine, in_axes=(0, 0, 0, 0, 0, None))(*some, labels[rows[2]], labels[rows[3]], log_prior)
        runs += [
            {"data": dataset.name, "seed": seed, "models": count, "way": way}
            | {"accuracy": round(float(values[seed, 0]), 4), "cross-entropy": round(float(values[seed, 1]), 4)}
            for way, values in results.items()
            for seed in range(num_seeds)
        ]
    return runs, alone


def of(runs: list[dict], data: str, models: int, way: str, column: str = "accuracy") -> np.ndarray:
    """Values of every seed."""
    return np.array([run[column] for run in runs if (run["data"], run["models"], run["way"]) == (data, models, way)])


def draw(runs: list[dict], names: list[str], path: Path) -> None:
    figure, axes = plt.subplots(2, len(names), figsize=(6 * len(names), 7), sharex=True, layout="constrained")
    counts = range(1, 1 + len(MODELS))
    for column, name in zip(axes.T, names, strict=True):
        for quantity, ax in zip(("accuracy", "cross-entropy"), column, strict=True):
            for way, color in zip(
                WAYS, ("#999999", "#000000", "#56B4E9", "#0072B2", "#D55E00", "#E69F00"), strict=True
            ):
                line = "--" if "joint" in way else "-"
                means = [of(runs, name, count, way, quantity).mean() for count in counts]
                ax.plot(counts, means, color=color, linestyle=line, marker="o", markersize=4, label=way)
            ax.set(ylabel=f"test {quantity}" + (" (nats)" if quantity == "cross-entropy" else ""))
            ax.spines[["top", "right"]].set_visible(False)
        column[0].set_title(name)
        column[1].set_xlabel("models combined")
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def verdict(runs: list[dict], data: str) -> str:
    gains = {
        other: of(runs, data, len(MODELS), "interactions") - of(runs, data, len(MODELS), other) for other in WAYS[:4]
    }
    clear = [len(gain) > 1 and gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain)) for gain in gains.values()]
    findings = ", ".join(
        f"{'reproduced' if is_clear else 'not reproduced'} over {other} ({with_error(gain)})"
        for is_clear, (other, gain) in zip(clear, gains.items(), strict=True)
    )
    return f"on {data} {findings}"


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = [read(arguments.data) for read in (wikipedia, degraded_av_digits)]
    found = [study(dataset, arguments.num_seeds) for dataset in sets]
    runs, names = [run for study_runs, _ in found for run in study_runs], [dataset.name for dataset in sets]
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(runs, names, arguments.out / "paper_ensemble.png")
    rows = [
        [
            name,
            count,
            way,
            with_error(of(runs, name, count, way)),
            with_error(of(runs, name, count, way, "cross-entropy")),
        ]
        for name in names
        for count in (2, 4, len(MODELS))
        for way in WAYS
    ]
    write(
        arguments.out,
        "paper_ensemble",
        "Figure 6: models combined by their interactions",
        runs,
        f"**Finding:** higher test accuracy by interaction weights, with all {len(MODELS)} models, is "
        f"{'; '.join(verdict(runs, name) for name in names)}.",
        f"Over {arguments.num_seeds} seeds, with the standard error in brackets. *Joint* pools only the models' joint "
        "predictions, *all* also the unimodal ones; *alike* uses equal weights, *learned* weights fitted to held-out "
        "labels. *Interactions* weights the three views of a sample by its expected interactions, which use no label; "
        "*on average* uses the mean of these weights for all samples.",
        table(["data", "models", "weights", "accuracy", "cross-entropy"], rows),
        "Each model alone:",
        table(["data", "model", "x1", "x2", "both"], [row for _, alone in found for row in alone]),
        picture=True,
    )


if __name__ == "__main__":
    main()
