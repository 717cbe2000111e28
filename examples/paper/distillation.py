"""Figure 5: a small student without a teacher, with a large teacher, and guided by the teacher's interactions.

    python examples/paper/distillation.py --data FOLDER

The teacher is trained on other rows than the student, so that its interactions on the student's rows are not those of
memorized rows. The weight of the lesson relative to the labels is chosen for each student on validation rows.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from data import Dataset, degraded_av_digits, parser, wikipedia
from flax import nnx
from models import Joint
from results import PARTS, table, with_error, write
from splits import parts, posterior_surprisals
from towers import cross_entropies
from train import train

import lsmi_jax
from lsmi_jax.applications import Shares, distillation_loss, distillation_weights
from lsmi_jax.models import fit

TENTHS = 4, 2, 2, 2  # of the rows: teacher training, student training, validation of both, test
ARMS = ("none", "direct", "guided", "guided on average", "guided at random", "output only", "all alike")
STRENGTHS = (0.3, 1.0, 3.0)
TEACHER, STUDENT, TEMPERATURE = 256, 12, 2.0
STEPS, BATCH, RATE = (20, 20), 64, 3e-3


class Lesson(NamedTuple):
    """What a student is taught about ``n`` rows, in addition to their features."""

    labels: jax.Array
    hidden: tuple[jax.Array, jax.Array]
    logits: jax.Array
    weights: Shares


class Student(nnx.Module):
    """A narrow network, with projections to the width of its teacher, used only to compare features."""

    def __init__(self, key: jax.Array, features: tuple, *, num_classes: int):
        joint_key, key = jax.random.split(key)
        rngs = nnx.Rngs(key)
        self.joint = Joint(joint_key, features, num_classes=num_classes, width=STUDENT)
        self.projections = nnx.List([nnx.Linear(STUDENT, TEACHER, rngs=rngs) for _ in features])

    def loss(self, key: jax.Array | None, features: tuple, lesson: Lesson, strength: jax.Array) -> jax.Array:
        output = self.joint(key, features)
        loss = cross_entropies(output.logits[2:], lesson.labels)[0]
        if key is None:
            return loss
        hidden = [project(h) for project, h in zip(self.projections, output.hidden, strict=True)]
        taught = lesson.hidden, lesson.logits, lesson.weights
        return loss + strength * distillation_loss(hidden, output.logits[2], *taught, temperature=TEMPERATURE)


def teach(key: jax.Array, rows: tuple, stop: tuple, strength: jax.Array, num_classes: int) -> tuple[Joint, jax.Array]:
    """A trained student, and its loss on the validation rows."""
    make_key, key = jax.random.split(key)
    graphdef, params, rest = nnx.split(  # type: ignore[misc]
        Student(make_key, rows[0], num_classes=num_classes), nnx.Param, ...
    )
    fitted = fit(
        key,
        params,
        lambda params, batch, key: nnx.merge(graphdef, params, rest).loss(key, *batch, strength),
        rows,
        stop,
        optimizer=optax.adamw(optax.cosine_decay_schedule(RATE, STEPS[0] * STEPS[1])),
        num_rounds=STEPS[0],
        steps_per_round=STEPS[1],
        batch_size=BATCH,
    )
    return nnx.merge(graphdef, fitted.params, rest).joint, fitted.held_out_loss


def lesson_weights(key: jax.Array, guided: Shares) -> Shares:
    """Weights ``[arms, n]`` of every arm."""
    by_sample = jnp.stack(guided)
    even = jnp.ones_like(by_sample)
    mean = by_sample.mean(1, keepdims=True) * even
    shuffled = jax.random.permutation(key, by_sample, axis=1)
    direct, output = (jnp.array(column)[:, None] * even for column in ([0.5, 0.5, 0], [0.0, 0, 1]))
    arms = jnp.stack([0 * even, direct, by_sample, mean, shuffled, output, even / 3], axis=1)
    return Shares(*arms)


@partial(jax.jit, static_argnums=4)
def study_seeds(keys, features, labels, rows, num_classes) -> tuple:
    """Test accuracy of teachers ``[m]`` and students ``[m, arms]``, chosen strengths, mean parts and mean weights."""

    def one_seed(key, *rows):
        teacher_key, density_key, shuffle_key, key = jax.random.split(key, 4)
        own, learn, stop, test = ((tuple(block[part] for block in features), labels[part]) for part in rows)
        teacher = train(teacher_key, partial(Joint, num_classes=num_classes, width=TEACHER), own, stop)
        # The teacher's interactions on the student's rows, with densities of its posteriors on validation rows.
        validation, output = teacher(None, stop[0]).logits, teacher(None, learn[0])
        log_prior = lsmi_jax.label_log_prior(learn[1], num_classes)
        density_keys = jax.random.split(density_key)
        surprisals = list(map(posterior_surprisals, density_keys, validation[:2], output.logits[:2]))
        interactions, _ = lsmi_jax.interactions_from_posteriors(output.logits, learn[1], log_prior, surprisals)
        arms = lesson_weights(shuffle_key, distillation_weights(interactions))
        hidden = [(h - h.mean(0)) / (h.std(0) + 1e-6) for h in output.hidden]

        def student(weights: Shares, strength: jax.Array) -> tuple:
            lesson = Lesson(learn[1], (hidden[0], hidden[1]), output.logits[2], weights)
            empty = jax.tree.map(lambda leaf: jnp.zeros((len(stop[1]), *leaf.shape[1:]), leaf.dtype), lesson)
            rows = (learn[0], lesson), (stop[0], empty._replace(labels=stop[1]))
            joint, loss = teach(key, *rows, strength, num_classes)
            return accuracy(joint, test), loss

        over_strengths = jax.vmap(student, in_axes=(None, 0))
        got, losses = jax.vmap(over_strengths, in_axes=(0, None))(arms, jnp.array(STRENGTHS))
        best = losses.argmin(1)
        means = jnp.stack([part.mean() for part in interactions]), jnp.stack(arms)[:, 2].mean(1)
        return accuracy(teacher, test), got[jnp.arange(len(ARMS)), best], jnp.array(STRENGTHS)[best], *means

    return jax.vmap(one_seed)(keys, *rows)


def accuracy(model: Joint, test: tuple) -> jax.Array:
    """Accuracy of the joint prediction."""
    return (model(None, test[0]).logits[2].argmax(1) == test[1]).mean()


def study(dataset: Dataset, num_seeds: int) -> tuple[list[dict], str]:
    """One dictionary per seed and arm, and a sentence about the teacher."""
    rows = parts(dataset.labels, TENTHS, num_seeds)
    keys = jax.vmap(jax.random.key)(jnp.arange(num_seeds))
    blocks = tuple(map(jnp.asarray, dataset.features))
    found = study_seeds(keys, blocks, jnp.asarray(dataset.labels), rows, len(dataset.classes))
    teacher, got, strength, interactions, weights = map(np.asarray, found)
    runs = [
        {"data": dataset.name, "seed": seed, "arm": arm, "strength": float(strength[seed, a])}
        | {"accuracy": round(float(got[seed, a]), 4)}
        for seed in range(num_seeds)
        for a, arm in enumerate(ARMS)
    ]
    mean_parts = ", ".join(f"{name} {with_error(column)}" for name, column in zip(PARTS, interactions.T, strict=True))
    return runs, (
        f"The test accuracy of the teacher of {dataset.name} is {with_error(teacher)}. On the students' rows it has "
        f"{mean_parts} nats, and mean weights of {weights.mean(0)[0]:.2f} and {weights.mean(0)[1]:.2f} on the two "
        f"features and {weights.mean(0)[2]:.2f} on the output."
    )


def gains(runs: list[dict], data: str, arm: str, other: str) -> np.ndarray:
    """Accuracy of one arm minus that of another, for each seed."""
    accuracies = [
        np.array([run["accuracy"] for run in runs if (run["data"], run["arm"]) == (data, name)])
        for name in (arm, other)
    ]
    return accuracies[0] - accuracies[1]


def draw(runs: list[dict], names: list[str], path: Path) -> None:
    figure, axes = plt.subplots(1, len(names), figsize=(6 * len(names), 3.6), sharex=True, layout="constrained")
    for name, ax in zip(names, axes, strict=True):
        values = [gains(runs, name, arm, "none") for arm in ARMS[1:]]
        errors = [2 * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0 for gain in values]
        colors = ["#0072B2" if arm.startswith("guided") else "#999999" for arm in ARMS[1:]]
        ax.barh(ARMS[1:], [gain.mean() for gain in values], xerr=errors, color=colors, capsize=3)
        ax.invert_yaxis()
        ax.set(title=name, xlabel="gain in test accuracy over a student without a teacher")
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def verdict(runs: list[dict], data: str) -> str:
    against = {arm: gains(runs, data, "guided", arm) for arm in ("none", "direct", "guided at random", "output only")}
    gained = ", ".join(f"{with_error(gain)} over {arm}" for arm, gain in against.items())
    return f"on {data} guided distillation gains {gained}"


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = [read(arguments.data) for read in (wikipedia, degraded_av_digits)]
    found = [study(dataset, arguments.num_seeds) for dataset in sets]
    runs, names = [run for study_runs, _ in found for run in study_runs], [dataset.name for dataset in sets]
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(runs, names, arguments.out / "paper_distillation.png")
    columns = ("accuracy", "strength")
    rows = [
        [name, arm]
        + [with_error([run[c] for run in runs if (run["data"], run["arm"]) == (name, arm)]) for c in columns]
        + [with_error(gains(runs, name, arm, other)) for other in ("none", "direct")]
        for name in names
        for arm in ARMS
    ]
    write(
        arguments.out,
        "paper_distillation",
        "Figure 5: a student guided by interactions",
        runs,
        "**Finding** (in the paper, guided beats direct and direct beats none): "
        f"{'; '.join(verdict(runs, name) for name in names)}.",
        f"Test accuracy over {arguments.num_seeds} seeds, with the standard error in brackets; differences are paired "
        "by seed, and whiskers show two standard errors. *Direct* teaches only the features, with the same weight on "
        "all samples. *Guided* weights the features by r and u and the output by s, sample by sample. *Guided on "
        "average* uses the mean of these weights for all samples and *guided at random* permutes them, to isolate the "
        "gain due to single samples. *Output only* is ordinary distillation; *all alike* gives the three lessons equal "
        "weights.",
        *(sentence for _, sentence in found),
        table(["data", "taught", "accuracy", "strength", "- none", "- direct"], rows),
        picture=True,
    )


if __name__ == "__main__":
    main()
