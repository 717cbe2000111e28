"""Table 10: a hierarchical transformer whose modalities are fused after l = 0..4 layers.

    python examples/paper/fusion_stage.py [--data FOLDER] [--num-seeds 3]

Images are 14 tokens of two rows of pixels, sounds 12 tokens of two frames. The information of a single modality is read
in three ways, since the finding depends on it: from the mean of its tokens at fusion, from all of these tokens, and
from the mean of its tokens after all layers without fusion (see transformer.py).
"""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from data import Dataset, av_digits, parser
from results import PARTS, table, with_error, write
from train import cross_read
from transformer import READINGS, HierarchicalTransformer

import lsmi_jax
from lsmi_jax.reporting import COLORS, NAMES

STAGES = range(5)
NUM_FOLDS = 2
TOKENS = 14, 12
TRAINING: dict[str, Any] = {"num_rounds": 10, "learning_rate": 3e-3}


def as_tokens(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Blocks whose columns are consecutive tokens; the sound is stored by coefficient and reordered by frame."""
    image, sound = dataset.features
    return image, sound.reshape(-1, 24, 12).swapaxes(1, 2).reshape(len(sound), -1)


def read(model: HierarchicalTransformer, features: tuple) -> tuple:
    """Logits in each reading."""
    return tuple(output.logits for output in model.readings(features))


def study(dataset: Dataset, num_seeds: int) -> list[dict]:
    """One dictionary per seed, stage and reading; a single compiled program trains all stages."""
    features = as_tokens(dataset)
    make = partial(HierarchicalTransformer, num_tokens=TOKENS, num_classes=len(dataset.classes))
    keys = jax.vmap(jax.random.key)(np.arange(num_seeds))
    runs = []
    for stage in STAGES:
        settings: tuple[Any, ...] = (jnp.int32(stage),)
        fit = partial(cross_read, keys, make, features, dataset.labels, settings=settings, num_folds=NUM_FOLDS)
        for reading, logits in zip(READINGS, fit(read=read, **TRAINING), strict=True):
            for seed in range(num_seeds):
                views = [view[seed] for view in logits]
                result = lsmi_jax.estimate(keys[seed], features, dataset.labels, logits=views, num_folds=NUM_FOLDS)
                means = dict(zip(PARTS, (float(part.mean()) for part in result.adjusted), strict=True))
                about = {"reading": reading, "layers": stage, "seed": seed}
                accuracy = float(result.diagnostics.accuracy[2])
                runs.append(about | means | {"total": float(result.information[2].mean()), "accuracy": accuracy})
    return runs


def of(runs: list[dict], reading: str, stage: int, column: str) -> np.ndarray:
    """Values of every seed."""
    return np.array([run[column] for run in runs if (run["reading"], run["layers"]) == (reading, stage)])


def draw(runs: list[dict], path: Path) -> None:
    figure, axes = plt.subplots(1, len(READINGS), figsize=(12, 3.6), sharey=True, layout="constrained")
    for reading, ax in zip(READINGS, axes, strict=True):
        for part, name, color in zip(PARTS, NAMES, COLORS, strict=True):
            values = np.array([of(runs, reading, stage, part) for stage in STAGES])
            error = 2 * values.std(1, ddof=1) / np.sqrt(values.shape[1]) if values.shape[1] > 1 else None
            ax.errorbar(STAGES, values.mean(1), error, color=color, marker="o", capsize=3, label=name)
        ax.set(title=f"single modality: {reading}", xlabel="layers before fusion", xticks=STAGES)
        ax.axhline(0, color="grey", linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("mean over held-out samples (nats)")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def verdict(runs: list[dict], reading: str) -> str:
    """A phrase on the change of synergy and redundancy from the earliest fusion to the latest."""

    def change(part: str) -> np.ndarray:
        return of(runs, reading, STAGES[-1], part) - of(runs, reading, STAGES[0], part)

    def is_clear(gain: np.ndarray) -> bool:
        return len(gain) > 1 and bool(gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain)))

    found = "reproduced" if is_clear(-change("S")) and is_clear(change("R")) else "not reproduced"
    return f"{found} in the reading *{reading}* (S {with_error(change('S'))}, R {with_error(change('R'))} nats)"


def main() -> None:
    arguments = parser(__doc__).parse_args()
    runs = study(av_digits(arguments.data), arguments.num_seeds)
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(runs, arguments.out / "paper_fusion_stage.png")
    columns = (*PARTS, "total", "accuracy")
    rows = [
        [reading, stage, *(with_error(of(runs, reading, stage, column)) for column in columns)]
        for reading in READINGS
        for stage in STAGES
    ]
    write(
        arguments.out,
        "paper_fusion_stage",
        "Table 10: the stage of fusion",
        runs,
        "**Finding:** that synergy falls and redundancy rises from the earliest fusion to the latest is "
        f"{'; '.join(verdict(runs, reading) for reading in READINGS)}.",
        "*pooled* is the mean of a modality's tokens just before fusion, *tokens* the concatenation of these tokens, "
        "and *alone* the mean of its tokens after all layers without fusion. "
        f"Adjusted means in nats over {arguments.num_seeds} seeds of {NUM_FOLDS} folds, with the standard error in "
        "brackets; whiskers show two standard errors.",
        table(["single modality", "layers before fusion", *columns], rows),
        picture=True,
    )


if __name__ == "__main__":
    main()
