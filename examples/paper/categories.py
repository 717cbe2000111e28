"""Table 3: the classes with the most redundancy, uniqueness and synergy.

python examples/paper/categories.py [--data FOLDER] [--num-seeds 3]
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from data import Dataset, cremad, digit_views, parser, wikipedia
from results import table, write

import lsmi_jax
from lsmi_jax.decomposition import PARTS
from lsmi_jax.reporting import NAMES, plot_classes

SHOWN = 3  # classes listed per part


def class_means(dataset: Dataset, num_seeds: int) -> np.ndarray:
    """Mean interactions ``[seeds, 4, K]`` of each class, in nats."""
    results = (lsmi_jax.estimate(jax.random.key(s), dataset.features, dataset.labels) for s in range(num_seeds))
    return np.array([result.mean(dataset.labels).mean[:4] for result in results])


def error(values: np.ndarray) -> np.ndarray:
    """Standard error over seeds."""
    return values.std(0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.zeros_like(values[0])


def preferred(dataset: Dataset, values: np.ndarray) -> list[list[str]]:
    """One row per part: the classes with the largest means, in descending order."""
    mean, errors = values.mean(0), error(values)
    first, second = dataset.modalities
    names = ("r", f"u {first}", f"u {second}", "s")
    rows = []
    for part, name in enumerate(names):
        top = np.argsort(-mean[part], kind="stable")[:SHOWN]
        cells = [f"{dataset.classes[c]} {mean[part, c]:.2f} ({errors[part, c]:.2f})" for c in top]
        rows.append([dataset.name, name, *cells])
    return rows


def draw(sets: list[Dataset], values: list[np.ndarray], path: Path) -> None:
    figure, axes = plt.subplots(len(sets), 1, figsize=(11, 3.2 * len(sets)), layout="constrained")
    for dataset, means, ax in zip(sets, values, axes, strict=True):
        mean, errors = (lsmi_jax.Means(*map(jnp.asarray, [*x, *x[:3]])) for x in (means.mean(0), error(means)))
        names = (NAMES[0], *(f"unique to {modality}" for modality in dataset.modalities), NAMES[3])
        plot_classes(lsmi_jax.Summary(mean, errors, mean, mean, mean[0]), dataset.classes, ax=ax, names=names)
        ax.set_title(dataset.name, loc="left", fontweight="bold")
        ax.legend(frameon=False, fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(0.2, 1))
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    arguments = parser(__doc__).parse_args()
    views = digit_views()
    digits = views._replace(modalities=views.modalities[:2], features=views.features[:2])
    sets = [digits, cremad(arguments.data), wikipedia(arguments.data)]
    values = [class_means(dataset, arguments.num_seeds) for dataset in sets]
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(sets, values, arguments.out / "paper_categories.png")
    runs = [
        {"data": dataset.name, "seed": seed, "class": name}
        | dict(zip([part.column for part in PARTS], column, strict=True))
        for dataset, means in zip(sets, values, strict=True)
        for seed, seed_means in enumerate(means)
        for name, column in zip(dataset.classes, seed_means.T.tolist(), strict=True)
    ]
    clear = np.concatenate([np.ptp(means.mean(0), axis=1) > 4 * error(means).max(1) for means in values])
    unique2 = values[0].mean(0)[2]
    rotated, others = unique2[[6, 9]], np.delete(unique2, [6, 9])
    write(
        arguments.out,
        "paper_categories",
        "Table 3: classes with the most of each interaction",
        runs,
        "**Finding:** that classes differ in their interactions is reproduced in "
        f"{clear.sum()} of {len(clear)} parts and data sets (a range over classes of more than four standard errors). "
        f"That the differences make sense is {'reproduced' if rotated.min() > others.max() else 'not reproduced'}: "
        f"6 and 9, which Zernike moments cannot distinguish, have {rotated.mean():.2f} nats unique to the "
        f"{digits.modalities[1]}, the other digits {others.mean():.2f}.",
        f"Class means of the raw interactions in nats over {arguments.num_seeds} seeds, out-of-fold, with the standard "
        "error over seeds in brackets; whiskers show two standard errors.",
        table(
            ["data", "part", "first", "second", "third"],
            [row for dataset, means in zip(sets, values, strict=True) for row in preferred(dataset, means)],
        ),
        picture=True,
    )


if __name__ == "__main__":
    main()
