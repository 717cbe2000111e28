"""Figure 6: models combined by their interactions, by equal weights and by learned weights, as models are added.

    python examples/paper/ensemble.py --data FOLDER

Every model predicts from each modality alone and from both. The label is unknown when predicting: interactions are
expectations over the models' own posteriors. Held-out rows give every prediction a temperature, the union information
its potentials, and, with their labels, all learned weights. Test rows are used for nothing but the results.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from data import Dataset, degraded_av_digits, parser, wikipedia
from models import Additive, Bilinear, Bottleneck, Joint, ModalityDropout, QualityAware
from posteriors import calibrate, union_interactions
from results import INFORMATION, PARTS, Claim, half_width, picture, table, with_error, write
from splits import parts
from train import train

import lsmi_jax
from lsmi_jax.applications import shares
from lsmi_jax.decomposition import Interactions
from lsmi_jax.models import descend, expectations, solve

TENTHS = 5, 1, 2, 2  # of the rows: training, early stopping, learned weights (held-out), test
MODELS = Joint, Bilinear, Bottleneck, Additive, QualityAware, ModalityDropout
WAYS = {  # with a color if shown in the figure
    "joint alike": "#999999",
    "all alike": "#000000",
    "joint learned": "#56B4E9",
    "all learned": "#0072B2",
    "interactions": "#D55E00",
    "interactions on average": "",
    "information": "#009E73",
    "gate on interactions": "#CC79A7",
    "gate on information": "",
}
OTHERS = "all alike", "joint learned", "all learned"
QUANTITIES = {"accuracy": "accuracy", "cross-entropy": "nats"}  # with their units
PENALTIES = (100.0, 10.0, 1.0, 0.1, 0.01, 0.001)  # of the gate's coefficients, squared
NUM_FOLDS = 5  # of the held-out rows, to choose the penalty
NUM_NEWTON_STEPS, LONGEST_STEP = 12, 0.5


class Rows(NamedTuple):
    """What M models predict for ``n`` rows.

    Attributes:
        logs: Calibrated log-posteriors from the first modality, the second and both ``[M, 3, n, K]``, in nats.
        expected: Expected r, u1, u2, s and i1, i2, i12 ``[M, 7, n]``, in nats.
        labels: Class labels ``[n]``.
    """

    logs: jax.Array
    expected: jax.Array
    labels: jax.Array


Pair = tuple[Rows, Rows]
Logs = list[jax.Array]  # of held-out and test rows


@partial(jax.jit, static_argnums=(0, 5))
def predictions(make, keys, features, labels, rows, num_classes) -> tuple[jax.Array, jax.Array]:
    """Logits of a model's three views on held-out and test rows, each ``[m, 3, n, K]``."""

    def one_seed(key, own, stop, held_out, test):
        data = [(tuple(block[part] for block in features), labels[part]) for part in (own, stop)]
        model = train(key, partial(make, num_classes=num_classes), *data)
        outputs = (model(None, tuple(block[part] for block in features)).logits for part in (held_out, test))
        return tuple(map(jnp.stack, outputs))

    return jax.vmap(one_seed)(keys, *rows)


@jax.jit
def expected_parts(key, held_out, test, labels, log_prior) -> tuple:
    """Calibrated log-posteriors ``[3, n, K]`` of a model, and expected interactions ``[7, n]``; held-out and test."""
    views = [calibrate(own, labels, other) for own, other in zip(held_out, test, strict=True)]
    on_held_out, on_test = map(jnp.stack, zip(*views, strict=True))
    # Expectations on all of these rows, by potentials of the held-out ones.
    logs = jnp.concatenate([on_held_out, on_test], 1)
    of_parts, information = union_interactions(key, list(on_held_out), list(logs), None, log_prior)
    expected = jnp.concatenate([jnp.stack(of_parts), information])
    return (on_held_out, expected[:, : len(labels)]), (on_test, expected[:, len(labels) :])


def cross_entropies(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Cross-entropy of each row in nats."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def learn_weights(logs: jax.Array, labels: jax.Array, is_used: jax.Array, num_steps: int = 300) -> jax.Array:
    """Weights ``[p]`` of the predictions ``[p, n, K]`` whose weighted geometric mean has the least cross-entropy."""
    optimizer = optax.adam(0.05)

    def weights(scores: jax.Array) -> jax.Array:
        return jax.nn.softmax(jnp.where(is_used, scores, -jnp.inf))

    def loss(scores: jax.Array) -> jax.Array:
        return cross_entropies(jnp.tensordot(weights(scores), logs, 1), labels).mean()

    def step(carry: tuple, _: None) -> tuple:
        return descend(optimizer, jax.grad(loss)(carry[0]), *carry), None

    scores = jnp.zeros(len(logs))
    (scores, _), _ = jax.lax.scan(step, (scores, optimizer.init(scores)), length=num_steps)
    return weights(scores)


def tilts(inputs: jax.Array, views: jax.Array) -> jax.Array:
    """Products ``[3 * p, n, K]`` of every input ``[p, n]`` of a gate with the log-posteriors of every view."""
    return (inputs[:, None, :, None] * views[None]).reshape(-1, *views.shape[1:])


def fit_gate(
    base: jax.Array, tilted: jax.Array, labels: jax.Array, weights: jax.Array, penalty: jax.Array
) -> jax.Array:
    """Coefficients ``[j]`` of tilts ``[j, n, K]``, added to the log-posteriors ``base``, of least penalized loss.

    The loss is convex in the coefficients, since log-posteriors are linear in them. Newton's method with short steps.
    """
    share = weights / weights.sum()

    def step(coefficients: jax.Array, _: None) -> tuple[jax.Array, None]:
        posterior = jax.nn.softmax(base + jnp.tensordot(coefficients, tilted, 1))
        centered = tilted - expectations(posterior, tilted)[..., None]
        own = jnp.take_along_axis(centered, labels[None, :, None], axis=2)[..., 0]
        gradient = penalty * coefficients - own @ share
        weighted = (share[:, None] * posterior)[None] * centered
        curvature = jnp.tensordot(weighted, centered, ((1, 2), (1, 2))) + penalty * jnp.eye(len(tilted))
        change = solve(curvature, gradient)
        return coefficients - change / jnp.maximum(1, jnp.abs(change).max() / LONGEST_STEP), None

    return jax.lax.scan(step, jnp.zeros(len(tilted)), length=NUM_NEWTON_STEPS)[0]


def gate(base: jax.Array, tilted: jax.Array, labels: jax.Array) -> jax.Array:
    """Coefficients ``[j]``, with the penalty of least cross-entropy in cross-validation over these rows."""
    folds = jnp.arange(len(labels)) % NUM_FOLDS  # rows are sorted by class, so that folds are stratified

    def left_out_loss(penalty: jax.Array, fold: jax.Array) -> jax.Array:
        coefficients = fit_gate(base, tilted, labels, (folds != fold).astype(base.dtype), penalty)
        losses = cross_entropies(base + jnp.tensordot(coefficients, tilted, 1), labels)
        return jnp.where(folds == fold, losses, 0).sum()

    penalties = jnp.array(PENALTIES)
    over_folds = jax.vmap(left_out_loss, (None, 0))
    losses = jax.vmap(over_folds, (0, None))(penalties, jnp.arange(NUM_FOLDS)).sum(1)
    return fit_gate(base, tilted, labels, jnp.ones(len(labels)), penalties[losses.argmin()])


def of_samples(expected: jax.Array) -> dict[str, jax.Array]:
    """Weights ``[3, n]`` of the three views of each sample, from expected interactions and information ``[7, n]``."""
    by_parts = jnp.stack(shares(Interactions(*expected[:4])))
    information = jnp.maximum(expected[4:], 0) + 1e-6
    return {
        "interactions": by_parts,
        "interactions on average": jnp.broadcast_to(by_parts.mean(1, keepdims=True), by_parts.shape),
        "information": information / information.sum(0, keepdims=True),
    }


def static_pools(both: Pair, is_member: jax.Array) -> tuple[dict[str, Logs], jax.Array]:
    """Predictions pooled with the same weights for all samples, and the weights ``[M, 3]`` of *all learned*."""
    share, labels = is_member / is_member.sum(), both[0].labels
    flat = [rows.logs.reshape(-1, *rows.logs.shape[2:]) for rows in both]
    views = [jnp.tensordot(share, rows.logs, 1) for rows in both]
    joint = learn_weights(both[0].logs[:, 2], labels, is_member)
    every = learn_weights(flat[0], labels, jnp.repeat(is_member, 3))
    pools = {
        "joint alike": [view[2] for view in views],
        "all alike": [view.mean(0) for view in views],
        "joint learned": [jnp.tensordot(joint, rows.logs[:, 2], 1) for rows in both],
        "all learned": [jnp.tensordot(every, logs, 1) for logs in flat],
    }
    return pools, every.reshape(-1, 3)


def gated(base: Logs, expected: list, views: list, labels: jax.Array) -> Logs:
    """Log-posteriors whose powers also depend on a sample's inputs ``[p, n]``, held-out and test."""
    mean, spread = expected[0].mean(1, keepdims=True), expected[0].std(1, keepdims=True) + 1e-6
    tilted = [tilts((inputs - mean) / spread, view) for inputs, view in zip(expected, views, strict=True)]
    coefficients = gate(base[0], tilted[0], labels)
    return [logs + jnp.tensordot(coefficients, own, 1) for logs, own in zip(base, tilted, strict=True)]


@jax.jit
def combine(held_out: Rows, test: Rows, is_member: jax.Array) -> tuple[dict[str, jax.Array], jax.Array]:
    """Accuracy and cross-entropy ``[2]`` of every way to combine some of M models, and mean weights ``[3, 3]``.

    These are weights of the three views by interactions, by information and by learning.
    """
    both, share = (held_out, test), is_member / is_member.sum()
    views = [jnp.tensordot(share, rows.logs, 1) for rows in both]
    expected = [jnp.tensordot(share, rows.expected, 1) for rows in both]
    pools, learned = static_pools(both, is_member)
    by_sample = list(map(of_samples, expected))
    for way in by_sample[0]:
        pools[way] = [(w[way][..., None] * view).sum(0) for w, view in zip(by_sample, views, strict=True)]
    base = list(calibrate(pools["all learned"][0], held_out.labels, pools["all learned"][1]))
    pools["gate on interactions"] = gated(base, [some[:4] for some in expected], views, held_out.labels)
    pools["gate on information"] = gated(base, [some[4:] for some in expected], views, held_out.labels)
    found = {}
    for way, (on_held_out, on_test) in pools.items():
        _, log = calibrate(on_held_out, held_out.labels, on_test)
        accuracy = (log.argmax(-1) == test.labels).mean()
        found[way] = jnp.stack([accuracy, cross_entropies(log, test.labels).mean()])
    means = [by_sample[1][way].mean(1) for way in ("interactions", "information")]
    return found, jnp.stack([*means, learned.sum(0)])


def study(dataset: Dataset, num_seeds: int) -> tuple[list[dict], list[list], list[list]]:
    """One dictionary per seed, number of models and way to combine them; rows on single models and on weights."""
    rows, num_classes = parts(dataset.labels, TENTHS, num_seeds), len(dataset.classes)
    features, labels = tuple(map(jnp.asarray, dataset.features)), jnp.asarray(dataset.labels)
    # The prior of the training rows is the same for all seeds, since splits are stratified.
    log_prior = lsmi_jax.label_log_prior(labels[rows[0][0]], num_classes)
    keys = jax.random.split(jax.random.key(0), (len(MODELS), 2, num_seeds))
    found, alone = [], []
    for make, (train_keys, cell_keys) in zip(MODELS, keys, strict=True):
        logits = predictions(make, train_keys, features, labels, rows, num_classes)
        found.append(jax.vmap(expected_parts, (0, 0, 0, 0, None))(cell_keys, *logits, labels[rows[2]], log_prior))
        logs, expected = map(np.asarray, found[-1][1])
        right = (logs.argmax(-1) == dataset.labels[rows[3]][:, None]).mean(-1)
        means = [with_error(column, 2) for column in expected.mean(-1).T]
        alone.append([dataset.name, make.__name__, *map(with_error, right.T), *means])
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves, 1), *found)
    both = [Rows(logs, expected, labels[part]) for (logs, expected), part in zip(stacked, rows[2:], strict=True)]
    is_member = jnp.tril(jnp.ones((len(MODELS),) * 2))
    over_counts = jax.vmap(combine, (None, None, 0))
    results, weights = jax.lax.map(lambda rows: over_counts(*rows, is_member), tuple(both))  # one seed at a time
    runs = [
        {"data": dataset.name, "seed": seed, "models": count + 1, "way": way}
        | {name: round(float(value), 4) for name, value in zip(QUANTITIES, results[way][seed, count], strict=True)}
        for count in range(len(MODELS))
        for way in WAYS
        for seed in range(num_seeds)
    ]
    names, weights = ("interactions", "information", "all learned"), np.asarray(weights)[:, -1]
    shown = [[dataset.name, name, *map(with_error, weights[:, i].T)] for i, name in enumerate(names)]
    return runs, alone, shown


def of(runs: list[dict], data: str, models: int, way: str, column: str = "accuracy") -> np.ndarray:
    """Values of every seed."""
    return np.array([run[column] for run in runs if (run["data"], run["models"], run["way"]) == (data, models, way)])


def gains(runs: list[dict], data: str, models: int, way: str, other: str, column: str) -> np.ndarray:
    """How much better one way is than another, for each seed; positive is better for both quantities."""
    difference = of(runs, data, models, way, column) - of(runs, data, models, other, column)
    return -difference if column == "cross-entropy" else difference


def claims_of(runs: list[dict], data: str, joint: list[str]) -> list[Claim]:
    """Figure 6's claims about its weights, and whether other uses of interactions do better.

    ``joint`` holds the mean weight of the joint prediction by interactions, by information and by learning.
    """
    every = len(MODELS)
    reason = f"the joint prediction has s as its weight, {joint[0]} on average, where learning gives it {joint[2]}"
    pairs = [(way, other) for way in ("interactions", "information", "gate on interactions") for other in OTHERS]
    claims = [
        Claim(
            f"better {column}: {way} over {other}",
            data,
            gains(runs, data, every, way, other, column),
            unit,
            reason if way == "interactions" else "",
            of_paper=way == "interactions",
        )
        for column, unit in QUANTITIES.items()
        for way, other in pairs
    ]
    grown = of(runs, data, every, "interactions") - of(runs, data, 1, "interactions")
    return [
        *claims,
        Claim(f"better accuracy: interactions of {every} models over those of one", data, grown, "accuracy"),
    ]


def draw(runs: list[dict], names: list[str], path: Path) -> None:
    counts = range(1, 1 + len(MODELS))
    shown = {way: color for way, color in WAYS.items() if color}
    with picture(path, 3, len(names), 9.5, sharex=True) as axes:
        for column, name in zip(axes.T, names, strict=True):
            column[0].set(title=name)
            for ax in column[1:]:
                ax.axhline(0, color=shown["all learned"], linewidth=1.5)
            for shift, (way, color) in zip(np.linspace(-0.2, 0.2, len(shown)), shown.items(), strict=True):
                style = {"color": color, "linestyle": "--" if "joint" in way else "-", "marker": "o", "markersize": 4}
                means = [of(runs, name, count, way).mean() for count in counts]
                column[0].plot(counts, means, label=way, **style)
                for ax, quantity in zip(column[1:], QUANTITIES, strict=True):
                    if way == "all learned":
                        continue
                    gained = np.stack([gains(runs, name, count, way, "all learned", quantity) for count in counts])
                    ax.errorbar(np.array(counts) + shift, gained.mean(1), half_width(gained), **style, linewidth=1)
            column[-1].set_xlabel("models combined")
        axes[0, 0].set_ylabel("test accuracy")
        axes[1, 0].set_ylabel("gain in accuracy\nover all learned")
        axes[2, 0].set_ylabel("gain in cross-entropy\nover all learned (nats)")
        axes[0, -1].legend(fontsize=9, loc="lower right")


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = [read(arguments.data) for read in (wikipedia, degraded_av_digits)]
    found = [study(dataset, arguments.num_seeds) for dataset in sets]
    runs, names = [run for study_runs, *_ in found for run in study_runs], [dataset.name for dataset in sets]
    weights = [row for *_, shown in found for row in shown]
    draw(runs, names, arguments.out / "paper_ensemble.png")
    rows = [
        [name, count, way]
        + [with_error(of(runs, name, count, way, quantity)) for quantity in QUANTITIES]
        + [with_error(gains(runs, name, count, way, "all learned", quantity)) for quantity in QUANTITIES]
        for name in names
        for count in (2, 4, len(MODELS))
        for way in WAYS
    ]
    write(
        arguments.out,
        "paper_ensemble",
        "Figure 6: models combined by their interactions",
        runs,
        [claim for name in names for claim in claims_of(runs, name, [row[-1] for row in weights if row[0] == name])],
        f"Claims are about all {len(MODELS)} models. Values are means over {arguments.num_seeds} seeds, with the "
        "standard error in parentheses. Gains are paired by seed, and positive is better. Whiskers show "
        "their intervals.",
        "Predictions are pooled by a weighted geometric mean. *Joint* pools only the models' joint predictions, *all* "
        "also the unimodal ones. *Alike* uses equal weights, *learned* weights fitted to held-out labels. "
        "*Interactions* is the paper's way: the three views of a sample have the weights r/2 + u1, r/2 + u2 and s, as "
        "expected under the models' own posteriors. *On average* uses the mean of these weights for all samples. "
        "*Information* uses the expected i1, i2 and i12 instead, so that the joint prediction has the largest weight "
        "where it is the surest. A *gate* starts from *all learned* and changes the power of each view by a linear "
        "function of the sample's expected r, u1, u2 and s, or of i1, i2 and i12. Its loss is convex, and its ridge "
        "penalty is chosen by cross-validation over the held-out rows.",
        "Every prediction has a temperature of least held-out cross-entropy before it is pooled, and so has every "
        "pooled prediction. Cross-entropies therefore compare weights, not sharpness.",
        table(["data", "models", "weights", "accuracy", "cross-entropy", "gain", "gain (nats)"], rows),
        f"Mean weights of the three views, with all {len(MODELS)} models:",
        table(["data", "weights", "x1", "x2", "both"], weights),
        "Each model alone: test accuracy from each view, and expected interactions and information in nats.",
        table(
            ["data", "model", "x1", "x2", "both", *PARTS, *INFORMATION], [row for _, alone, _ in found for row in alone]
        ),
        picture=True,
    )


if __name__ == "__main__":
    main()
