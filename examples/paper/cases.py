"""Figure 8: images of single samples with their r, u1, u2, s.

    python examples/paper/cases.py [--num-seeds 3]

The digits as Zernike moments, which are invariant to rotation, and as Karhunen-Loeve coefficients. Each column of
images shows the most extreme samples of one kind, taken from the paper or from the theory.
"""

from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
from data import digit_views, parser
from results import table, write

import lsmi_jax
from lsmi_jax.decomposition import PARTS, SPREAD
from lsmi_jax.reporting import COLORS

COUNT = 4  # samples shown per kind
TOP = 40  # samples per kind that the finding is based on
NAMES = tuple(part.column for part in PARTS)
KINDS = {  # how typical a sample is of each kind, from its r, u1, u2, s
    "both know": lambda r, u1, u2, s: r - np.abs(u1) - np.abs(u2) - np.abs(s),
    "x1 knows a part, x2 the rest": lambda r, u1, u2, s: np.minimum(r, u2),
    "x1 misleads, x2 knows": lambda r, u1, u2, s: np.minimum(-(r + u1), r + u2),
    "x2 misleads, x1 knows": lambda r, u1, u2, s: np.minimum(r + u1, -(r + u2)),
    "both know more than either": lambda r, u1, u2, s: s + np.minimum(u1, u2),
    "both mislead": lambda r, u1, u2, s: -(r + np.maximum(u1, u2)),
}


def draw(pixels: np.ndarray, chosen: dict, parts: np.ndarray, path: Path) -> None:
    figure, axes = plt.subplots(
        2 * COUNT, len(KINDS), figsize=(15, 13), layout="constrained", height_ratios=(3, 2) * COUNT
    )
    limit = 1.05 * np.abs(parts[:, np.concatenate(list(chosen.values()))]).max()
    for column, (kind, rows) in zip(axes.T, chosen.items(), strict=True):
        column[0].set_title(kind, fontweight="bold")
        for row, picture, bars in zip(rows, column[::2], column[1::2], strict=True):
            picture.imshow(pixels[row], cmap="gray_r")
            picture.axis("off")
            bars.barh(NAMES, parts[:, row], color=COLORS)
            for height, value in enumerate(parts[:, row]):
                bars.text(
                    value, height, f" {value:.1f} ", va="center", ha="left" if value >= 0 else "right", fontsize=8
                )
            bars.axvline(0, color="black", linewidth=0.8)
            bars.set(xlim=(-1.3 * limit, 1.3 * limit), xticks=[])
            bars.invert_yaxis()
            bars.tick_params(length=0, labelsize=8)
            bars.spines[:].set_visible(False)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    arguments = parser(__doc__).parse_args()
    views, pixels = digit_views(), lsmi_jax.datasets.load_multiple_features().pixels
    result = lsmi_jax.estimate(jax.random.key(0), views.features[:2], views.labels, num_seeds=arguments.num_seeds)
    parts = np.asarray(result.interactions)
    spread = np.zeros_like(parts) if result.spread is None else np.asarray(result.spread)
    order = {kind: np.argsort(-rank(*parts), kind="stable") for kind, rank in KINDS.items()}
    chosen = {kind: rows[:COUNT] for kind, rows in order.items()}
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(pixels, chosen, parts, arguments.out / "paper_cases.png")
    runs = [
        {"kind": kind, "row": int(row), "digit": int(views.labels[row]), "seeds": arguments.num_seeds}
        | {name: float(value) for name, value in zip(NAMES, parts[:, row], strict=True)}
        | {f"{name}{SPREAD}": float(value) for name, value in zip(NAMES, spread[:, row], strict=True)}
        for kind, rows in chosen.items()
        for row in rows
    ]
    rotated = {kind: np.isin(views.labels[rows[:TOP]], (6, 9)).mean() for kind, rows in order.items()}
    partly, fully = rotated["x1 knows a part, x2 the rest"], rotated["both know"]
    kinds = [
        [kind, *(f"{v:.2f}" for v in parts[:, rows].mean(1)), " ".join(str(views.labels[row]) for row in rows)]
        for kind, rows in chosen.items()
    ]
    write(
        arguments.out,
        "paper_cases",
        "Figure 8: single samples",
        runs,
        "**Finding:** that the parts of a sample agree with its image is "
        f"{'reproduced' if partly > 0.5 and fully < 0.2 else 'not reproduced'}. Of the {TOP} samples of which x1 "
        f"({views.modalities[0]}) knows a part and x2 the rest, {partly:.0%} are a 6 or a 9: rotations of each other, "
        f"which x1 cannot distinguish. Of the {TOP} samples that both know, {fully:.0%} are.",
        f"Out-of-fold, in nats, means over {arguments.num_seeds} seeds; the CSV file also has the spread over seeds. "
        f"x1: {views.modalities[0]}; x2: {views.modalities[1]}. Means of the {COUNT} samples shown:",
        table(["kind", *NAMES, "digits"], kinds),
        picture=True,
    )


if __name__ == "__main__":
    main()
