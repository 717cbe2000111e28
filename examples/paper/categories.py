"""Table 3: the classes with the most redundancy, uniqueness and synergy.

    python examples/paper/categories.py [--data FOLDER] [--num-seeds 10]

`Summary.top` makes the table, with intervals over samples and fits. Claims are about means over seeds.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from data import Dataset, cremad, digit_views, parser, wikipedia
from results import Claim, half_width, picture, seeds_of, table, write

import lsmi_jax
from lsmi_jax.decomposition import PARTS
from lsmi_jax.reporting import NAMES, plot_classes

SHOWN = 3  # classes listed per part
ROTATED = [6, 9]  # digits that Zernike moments cannot distinguish
FEWER_ROWS = 3000  # of CREMA-D, to save time


def estimated(dataset: Dataset, num_seeds: int) -> tuple[lsmi_jax.Summary, np.ndarray]:
    """A summary by class, and the class means ``[seeds, 4, K]`` of every seed, in nats."""
    some = dataset.at_most(FEWER_ROWS)
    result = lsmi_jax.estimate(jax.random.key(0), some.features, some.labels, num_seeds=num_seeds)
    parts = seeds_of(result)
    by_class = [parts[..., some.labels == k].mean(-1) for k in range(len(dataset.classes))]
    return result.mean(by=some.labels), np.stack(by_class, -1).swapaxes(0, 1)


def names_of(dataset: Dataset) -> tuple[str, ...]:
    first, second = dataset.modalities
    return "r", f"u {first}", f"u {second}", "s"


def preferred(dataset: Dataset, summary: lsmi_jax.Summary) -> list[list[str]]:
    """One row per part: the classes with the largest means, in descending order."""
    rows = []
    for part, name in zip(PARTS, names_of(dataset), strict=True):
        top = summary.top(part.symbol, SHOWN, names=dataset.classes)
        cells = [f"{group.name} {group.mean:.2f} ({group.lower:.2f} to {group.upper:.2f})" for group in top]
        rows.append([dataset.name, name, *cells])
    return rows


def draw(sets: list[Dataset], values: list[np.ndarray], path: Path) -> None:
    with picture(path, len(sets), 1, 3.4 * len(sets)) as axes:
        for dataset, means, ax in zip(sets, values, axes[:, 0], strict=True):
            mean, errors = (
                lsmi_jax.Means(*map(jnp.asarray, [*x, *x[:3]])) for x in (means.mean(0), half_width(means, 0))
            )
            names = (NAMES[0], *(f"unique to {modality}" for modality in dataset.modalities), NAMES[3])
            half = jax.tree.map(lambda error: error / 2, errors)  # whiskers are two errors
            plot_classes(lsmi_jax.Summary(mean, half, mean, mean, mean[0]), dataset.classes, ax=ax, names=names)
            ax.set_title(dataset.name, loc="left", pad=24)
            ax.tick_params(axis="x", labelsize=9.5)
            ax.legend(ncols=4, fontsize=9, loc="lower left", bbox_to_anchor=(0, 0.98))


def claims_of(sets: list[Dataset], values: list[np.ndarray]) -> list[Claim]:
    """Classes differ, judged by seeds that did not choose them, and differ as they should."""
    found = []
    for dataset, means in zip(sets, values, strict=True):
        for part, name in enumerate(names_of(dataset)):
            # The first seed chooses the highest and the lowest class, and the others compare them.
            order = means[0, part].argsort()
            difference = means[1:, part, order[-1]] - means[1:, part, order[0]]
            pair = f"{dataset.classes[order[-1]]} has more {name} than {dataset.classes[order[0]]}"
            found.append(Claim(f"classes differ: {pair}", dataset.name, difference, digits=2))
    digits, unique2 = sets[0], values[0][:, 2]
    others = np.delete(unique2, ROTATED, axis=1)
    text = f"6 and 9, one another's rotation, have more {names_of(digits)[2]} than any other digit"
    found.append(Claim(text, digits.name, unique2[:, ROTATED].min(1) - others.max(1), digits=2))
    return found


def main() -> None:
    arguments = parser(__doc__).parse_args()
    views = digit_views()
    digits = views._replace(modalities=views.modalities[:2], features=views.features[:2])
    sets = [digits, cremad(arguments.data), wikipedia(arguments.data)]
    summaries, values = zip(*(estimated(dataset, arguments.num_seeds) for dataset in sets), strict=True)
    draw(sets, values, arguments.out / "paper_categories.png")
    runs = [
        {"data": dataset.name, "seed": seed, "class": name}
        | dict(zip([part.column for part in PARTS], column, strict=True))
        for dataset, means in zip(sets, values, strict=True)
        for seed, seed_means in enumerate(means)
        for name, column in zip(dataset.classes, seed_means.T.tolist(), strict=True)
    ]
    write(
        arguments.out,
        "paper_categories",
        "Table 3: classes with the most of each interaction",
        runs,
        claims_of(sets, values),
        f"Class means in nats over {arguments.num_seeds} seeds, out-of-fold, with 95% intervals over samples and fits "
        "in parentheses. Whiskers in the picture are intervals over seeds alone.",
        table(
            ["data", "part", "first", "second", "third"],
            [row for dataset, summary in zip(sets, summaries, strict=True) for row in preferred(dataset, summary)],
        ),
        picture=True,
    )


if __name__ == "__main__":
    main()
