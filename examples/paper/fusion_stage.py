"""Table 10: a hierarchical transformer whose modalities are fused after l = 0..4 layers.

    python examples/paper/fusion_stage.py --data FOLDER

Images are 14 tokens of two rows of pixels, sounds 12 tokens of two frames. The information of a single modality is read
in several ways, since the finding depends on it. Three are linear heads: on the mean of its tokens at fusion, on all of
these tokens, and on the mean of its tokens after all layers without fusion. The fourth is the model's own output with
the other modality masked, before and after a temperature (see transformer.py).
"""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from data import Dataset, av_digits, parser
from results import INFORMATION, PARTS, Claim, half_width, picture, table, with_error, with_interval, write
from splits import parts
from train import train
from transformer import READINGS, HierarchicalTransformer

import lsmi_jax
from lsmi_jax.models import fit_power
from lsmi_jax.reporting import COLORS, NAMES

STAGES = range(5)
MASKED = ("masked", "masked, calibrated")
SHOWN = (*READINGS, *MASKED)
TENTHS = 4, 1, 5  # of the rows: training, early stopping, test
TOKENS = 14, 12
TRAINING: dict[str, Any] = {"num_rounds": 10, "steps_per_round": 20, "learning_rate": 3e-3, "batch_size": 64}


def as_tokens(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Blocks whose columns are consecutive tokens; the sound is stored by coefficient and reordered by frame."""
    image, sound = dataset.features
    return image, sound.reshape(-1, 24, 12).swapaxes(1, 2).reshape(len(sound), -1)


def read(model: HierarchicalTransformer, features: tuple) -> tuple:
    """Logits in each reading; those of both modalities are the same in all of them."""
    linear = tuple(output.logits for output in model.readings(features))
    return *linear, (*model.masked(features), linear[0][2])


@partial(jax.jit, static_argnums=0)
def read_test_rows(make, keys, features, labels, rows, stage) -> tuple:
    """Logits of the test rows ``[m, h, K]`` in each reading, of one model per seed; one program serves all stages."""

    def one_seed(key: jax.Array, rows: tuple[jax.Array, ...]) -> tuple:
        fitting, stopping, test = ((tuple(block[part] for block in features), labels[part]) for part in rows)
        return read(train(key, make, fitting, stopping, settings=(stage,), **TRAINING), test[0])

    return jax.vmap(one_seed)(keys, rows)


@jax.jit
def calibrate(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Log-posteriors with one temperature, which is fitted on the even rows for the odd rows and the reverse."""
    even, odd = (fit_power(logits[start::2], labels[start::2]) for start in (0, 1))
    power = jnp.where(jnp.arange(len(labels)) % 2 == 0, odd, even)
    return jax.nn.log_softmax(power[:, None] * logits)


def study(dataset: Dataset, num_seeds: int) -> list[dict]:
    """One dictionary per seed, stage and reading."""
    features, labels = tuple(map(jnp.asarray, as_tokens(dataset))), jnp.asarray(dataset.labels)
    make = partial(HierarchicalTransformer, num_tokens=TOKENS, num_classes=len(dataset.classes))
    keys = jax.vmap(jax.random.key)(np.arange(num_seeds))
    rows = tuple(map(jnp.asarray, parts(dataset.labels, TENTHS, num_seeds)))
    runs = []
    for stage in STAGES:
        found = read_test_rows(make, keys, features, labels, rows, jnp.int32(stage))
        for seed in range(num_seeds):
            test = labels[rows[2][seed]]
            views = [[view[seed] for view in logits] for logits in found]
            views.append([*(calibrate(view, test) for view in views[-1][:2]), views[-1][2]])
            for reading, logits in zip(SHOWN, views, strict=True):
                result = lsmi_jax.estimate(keys[seed], None, test, logits=logits, num_folds=2)
                about = {"reading": reading, "layers": stage, "seed": seed}
                runs.append(about | means(result) | {"accuracy": float(result.diagnostics.accuracy[2])})
    return runs


def means(result: lsmi_jax.Estimate) -> dict[str, float]:
    """Mean interactions and information, in nats."""
    names, values = (*PARTS, *INFORMATION), (*result.interactions, *result.information)
    return {name: float(part.mean()) for name, part in zip(names, values, strict=True)}


def of(runs: list[dict], reading: str, stage: int, column: str) -> np.ndarray:
    """Values of every seed."""
    return np.array([run[column] for run in runs if (run["reading"], run["layers"]) == (reading, stage)])


def change(runs: list[dict], reading: str, part: str) -> np.ndarray:
    """Change of a part from the earliest fusion to the latest, for each seed."""
    return of(runs, reading, STAGES[-1], part) - of(runs, reading, STAGES[0], part)


def claims(runs: list[dict]) -> list[Claim]:
    """The claims of the paper, in each reading."""
    falls, rises = "S falls from the earliest fusion to the latest", "R rises from the earliest fusion to the latest"
    found = []
    for reading in SHOWN:
        name, why = f"read as *{reading}*", reason(runs) if reading in MASKED else ""
        found.append(Claim(falls, name, -change(runs, reading, "S"), reason=why))
        found.append(Claim(rises, name, change(runs, reading, "R"), reason=why))
    return found


def reason(runs: list[dict]) -> str:
    """Why masked readings may differ from linear ones."""
    masked, linear = (of(runs, reading, STAGES[-1], "I1").mean() for reading in (MASKED[1], "tokens"))
    return (
        f"the model was not trained with a modality missing: at l = {STAGES[-1]}, I1 is {masked:.2f} nats in its own "
        f"calibrated output and {linear:.2f} in its tokens"
    )


def pooling(runs: list[dict]) -> str:
    """A table of the trend of each part in two readings, and of what pooling adds to it."""
    rows = []
    for part in (*PARTS, *INFORMATION):
        pooled, tokens = change(runs, "pooled", part), change(runs, "tokens", part)
        rows.append([part, *map(with_interval, (pooled, tokens, pooled - tokens))])
    return table(["change from l = 0 to l = 4", "pooled", "tokens", "made by pooling"], rows)


def draw(runs: list[dict], path: Path) -> None:
    """Draws the parts by stage, one panel per reading."""
    shown = READINGS + MASKED[1:]
    with picture(path, 1, len(shown), 3.4, sharey=True) as axes:
        for reading, ax in zip(shown, axes[0], strict=True):
            for part, name, color in zip(PARTS, NAMES, COLORS, strict=True):
                values = np.array([of(runs, reading, stage, part) for stage in STAGES])
                ax.errorbar(STAGES, values.mean(1), half_width(values), color=color, marker="o", label=name)
            ax.set(title=reading, xlabel="layers before fusion", xticks=STAGES)
            ax.axhline(0, color="grey", linewidth=0.8)
        axes[0, 0].set_ylabel("mean over held-out samples (nats)")
        axes[0, 1].legend(loc="center")


def main() -> None:
    arguments = parser(__doc__).parse_args()
    report(study(av_digits(arguments.data), arguments.num_seeds), arguments.out)


def report(runs: list[dict], out: Path) -> None:
    """Writes tables, claims and figure."""
    num_seeds = len({run["seed"] for run in runs})
    draw(runs, out / "paper_fusion_stage.png")
    columns = (*PARTS, *INFORMATION, "accuracy")
    rows = [
        [reading, stage, *(with_error(of(runs, reading, stage, column)) for column in columns)]
        for reading in SHOWN
        for stage in STAGES
    ]
    share = 1 - change(runs, "tokens", "S").mean() / change(runs, "pooled", "S").mean()
    write(
        out,
        "paper_fusion_stage",
        "Table 10: the stage of fusion",
        runs,
        claims(runs),
        "The model and its joint prediction are the same in all readings. Only the reading of a single modality "
        "differs. *pooled*: a linear head on the mean of its tokens just before fusion. *tokens*: a linear head on the "
        "concatenation of these tokens. *alone*: a linear head on the mean of its tokens after all layers without "
        "fusion. *masked*: the model's own output, with every row of the other modality set to the mean of the "
        "training rows. *masked, calibrated*: the same with one temperature per modality, fitted on other held-out "
        "rows.",
        f"Pooling makes {share:.0%} of the fall of S in the reading *pooled*. The mean of tokens that have not passed "
        "a layer loses information that their concatenation keeps. The head of *pooled* then misses it, and the joint "
        "prediction does not. What a head misses counts as synergy. *alone* pools, too, after all layers. "
        "Intervals are those of the rule above, in nats:",
        pooling(runs),
        f"Means in nats over {num_seeds} seeds, with the standard error in parentheses. A seed trains on half of the "
        "rows and is scored on the other half. Whiskers of the figure show the interval.",
        table(["single modality", "layers before fusion", *columns], rows),
        picture=True,
    )


if __name__ == "__main__":
    main()
