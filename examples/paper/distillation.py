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
import numpy as np
import optax
from data import Dataset, degraded_av_digits, parser, wikipedia
from flax import nnx
from models import Joint
from posteriors import calibrate, union_interactions
from results import INFORMATION, PARTS, Claim, half_width, picture, table, with_error, write
from splits import parts
from towers import cross_entropies
from train import train

import lsmi_jax
from lsmi_jax.applications import Shares, distillation_loss, distillation_weights
from lsmi_jax.models import fit

TENTHS = 4, 2, 2, 2  # of the rows: teacher training, student training, validation of both, test
ARMS = ("none", "direct", "guided", "guided on average", "guided at random", "output only", "all alike")
STRENGTHS = tuple(float(10 ** (step / 2)) for step in range(-2, 7))  # not of the first arm, which has no lesson
TEACHER, STUDENT, TEMPERATURE = 256, 12, 2.0
STEPS, BATCH, RATE = (20, 20), 64, 3e-3
COLUMNS = "accuracy", "cross-entropy", "strength"


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


def interactions_of(key: jax.Array, teacher: Joint, stop: tuple, learn: tuple, num_classes: int) -> tuple:
    """The teacher's interactions on the student's rows, with temperatures from validation rows, and I1, I2, I12."""
    logits = zip(teacher(None, stop[0]).logits, teacher(None, learn[0]).logits, strict=True)
    calibrated = [calibrate(held_out, stop[1], own)[1] for held_out, own in logits]
    log_prior = lsmi_jax.label_log_prior(learn[1], num_classes)
    return union_interactions(key, calibrated, calibrated, learn[1], log_prior)


@partial(jax.jit, static_argnums=4)
def study_seeds(keys, features, labels, rows, num_classes) -> tuple:
    """Test quality of teachers ``[m, 2]`` and students ``[m, arms, 2]``, and chosen strengths ``[m, arms]``.

    The rest is the teacher's mean interactions and information ``[m, 7]`` and the mean weights ``[m, 3]``.
    """

    def one_seed(key, *rows):
        teacher_key, cell_key, shuffle_key, key = jax.random.split(key, 4)
        own, learn, stop, test = ((tuple(block[part] for block in features), labels[part]) for part in rows)
        teacher = train(teacher_key, partial(Joint, num_classes=num_classes, width=TEACHER), own, stop)
        interactions, information = interactions_of(cell_key, teacher, stop, learn, num_classes)
        arms, output = lesson_weights(shuffle_key, distillation_weights(interactions)), teacher(None, learn[0])
        hidden = [(h - h.mean(0)) / (h.std(0) + 1e-6) for h in output.hidden]

        def student(arm: jax.Array, strength: jax.Array) -> tuple:
            weights = jax.tree.map(lambda of_arms: of_arms[arm], arms)
            lesson = Lesson(learn[1], (hidden[0], hidden[1]), output.logits[2], weights)
            empty = jax.tree.map(lambda leaf: jnp.zeros((len(stop[1]), *leaf.shape[1:]), leaf.dtype), lesson)
            rows = (learn[0], lesson), (stop[0], empty._replace(labels=stop[1]))
            joint, loss = teach(key, *rows, strength, num_classes)
            return quality(joint, test), loss

        # The first arm once, and each of the others at every strength.
        arm, strength = np.meshgrid(np.arange(1, len(ARMS)), STRENGTHS, indexing="ij")
        got, losses = jax.vmap(student)(jnp.append(0, arm.ravel()), jnp.append(0, strength.ravel()))
        best = losses[1:].reshape(arm.shape).argmin(1)
        chosen = jnp.append(0, 1 + jnp.arange(len(arm)) * len(STRENGTHS) + best)
        means = jnp.stack([*(part.mean() for part in interactions), *information.mean(1)])
        strengths = jnp.append(0, jnp.array(STRENGTHS)[best])
        return quality(teacher, test), got[chosen], strengths, means, jnp.stack(arms)[:, 2].mean(1)

    return jax.vmap(one_seed)(keys, *rows)


def quality(model: Joint, test: tuple) -> jax.Array:
    """Accuracy and cross-entropy in nats of the joint prediction ``[2]``."""
    logits = model(None, test[0]).logits[2]
    return jnp.stack([(logits.argmax(1) == test[1]).mean(), cross_entropies((logits,), test[1])[0].mean()])


def study(dataset: Dataset, num_seeds: int) -> tuple[list[dict], list[str]]:
    """One dictionary per seed and arm, and a row about the teacher."""
    rows = parts(dataset.labels, TENTHS, num_seeds)
    keys = jax.vmap(jax.random.key)(jnp.arange(num_seeds))
    blocks = tuple(map(jnp.asarray, dataset.features))
    found = study_seeds(keys, blocks, jnp.asarray(dataset.labels), rows, len(dataset.classes))
    teacher, got, strength, means, weights = map(np.asarray, found)
    runs = [
        {"data": dataset.name, "seed": seed, "arm": arm, "strength": round(float(strength[seed, a]), 3)}
        | {name: round(float(value), 4) for name, value in zip(COLUMNS, got[seed, a], strict=False)}
        for seed in range(num_seeds)
        for a, arm in enumerate(ARMS)
    ]
    shown = " / ".join(f"{weight:.2f}" for weight in weights.mean(0))
    return runs, [dataset.name, with_error(teacher[:, 0]), *(with_error(column, 2) for column in means.T), shown]


def values(runs: list[dict], data: str, arm: str, column: str = "accuracy") -> np.ndarray:
    """A column of one arm, for each seed."""
    return np.array([run[column] for run in runs if (run["data"], run["arm"]) == (data, arm)])


def gains(runs: list[dict], data: str, arm: str, other: str) -> np.ndarray:
    """Accuracy of one arm minus that of another, for each seed."""
    return values(runs, data, arm) - values(runs, data, other)


def median(runs: list[dict], data: str, arm: str) -> float:
    """Median of the chosen strengths of one arm."""
    return round(float(np.median(values(runs, data, arm, "strength"))), 1)


def claims_of(runs: list[dict], data: str) -> list[Claim]:
    """What Figure 5 says, and whether the weights of single samples matter."""
    features, output = (median(runs, data, arm) for arm in ("direct", "output only"))
    reason = (
        f"features alone choose a strength of {features:g}, the output alone {output:g}: guided shares one strength"
    )
    pairs = [
        ("guided", "direct", "guided distillation beats direct", reason),
        ("direct", "none", "direct distillation beats no teacher", ""),
        ("guided", "guided at random", "guided distillation beats the same weights permuted over samples", ""),
        ("guided", "output only", "guided distillation beats ordinary distillation of the output", reason),
    ]
    return [Claim(text, data, gains(runs, data, arm, other), "accuracy", why) for arm, other, text, why in pairs]


def at_edges(runs: list[dict]) -> str:
    """How many of the chosen strengths are the smallest or the largest of the grid."""
    chosen = np.array([run["strength"] for run in runs if run["arm"] != "none"])
    counts = [int(np.isclose(chosen, edge, rtol=1e-2).sum()) for edge in (STRENGTHS[0], STRENGTHS[-1])]
    low, high = (f"{count} ({count / len(chosen):.0%})" for count in counts)
    return (
        f"It is one of {len(STRENGTHS)}, from {STRENGTHS[0]:g} to {STRENGTHS[-1]:g}. Of {len(chosen)} chosen "
        f"strengths, {low} are the smallest and {high} the largest."
    )


def draw(runs: list[dict], names: list[str], path: Path) -> None:
    with picture(path, 1, len(names), 3.6, sharey=True) as axes:
        for name, ax in zip(names, axes[0], strict=True):
            gained = np.stack([gains(runs, name, arm, "none") for arm in ARMS[1:]])
            colors = ["#0072B2" if arm.startswith("guided") else "#999999" for arm in ARMS[1:]]
            ax.barh(ARMS[1:], gained.mean(1), xerr=half_width(gained), color=colors)
            ax.set(title=name, xlabel="gain in test accuracy over none")
        axes[0, 0].invert_yaxis()


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = [read(arguments.data) for read in (wikipedia, degraded_av_digits)]
    found = [study(dataset, arguments.num_seeds) for dataset in sets]
    runs, names = [run for study_runs, _ in found for run in study_runs], [dataset.name for dataset in sets]
    draw(runs, names, arguments.out / "paper_distillation.png")
    rows = [
        [name, arm, *(with_error(values(runs, name, arm, column)) for column in COLUMNS[:2])]
        + [f"{median(runs, name, arm):g}"]
        + [with_error(gains(runs, name, arm, other)) for other in ("none", "direct", "guided at random")]
        for name in names
        for arm in ARMS
    ]
    write(
        arguments.out,
        "paper_distillation",
        "Figure 5: a student guided by interactions",
        runs,
        [claim for name in names for claim in claims_of(runs, name)],
        f"Values are means over {arguments.num_seeds} seeds, with the standard error in parentheses. Whiskers show "
        "intervals of the difference, paired by seed. *Direct* teaches only the features, with the same weight on all "
        "samples. *Guided* weights the features by r and u and the output by s, sample by sample. *Guided on average* "
        "uses the mean of these weights for all samples. *Guided at random* permutes the weights over samples, so its "
        "difference to *guided* is what the weights of single samples are worth. *Output only* is ordinary "
        "distillation. *All alike* gives the three lessons equal weights.",
        "The strength of the lesson, relative to the labels, is chosen for each student by the cross-entropy on "
        f"validation rows. {at_edges(runs)}",
        table(
            ["data", "taught", "accuracy", "cross-entropy", "median strength", "- none", "- direct", "- random"], rows
        ),
        "The teacher on the student's rows, in nats, and the mean weights of the first features, the second features "
        "and the output:",
        table(["data", "test accuracy", *PARTS, *INFORMATION, "weights"], [row for _, row in found]),
        picture=True,
    )


if __name__ == "__main__":
    main()
