"""Figure 8: images of single samples with their r, u1, u2, s.

    python examples/paper/cases.py [--num-seeds 10]

The digits as Zernike moments, which are invariant to rotation, and as Karhunen-Loeve coefficients. Each column of
images shows the most extreme samples of one kind, taken from the paper or from the theory.
"""

from pathlib import Path

import jax
import numpy as np
from data import digit_views, parser
from results import Claim, picture, seeds_of, table, write

import lsmi_jax
from lsmi_jax.decomposition import PARTS, SPREAD
from lsmi_jax.reporting import COLORS

COUNT = 3  # samples shown per kind
TOP = 40  # samples per kind that the finding is based on
NAMES = tuple(part.column for part in PARTS)
RANKS = {  # what samples of each kind are ranked by: as text, and from their r, u1, u2, s
    "both know": ("r - abs(u1) - abs(u2) - abs(s)", lambda r, u1, u2, s: r - np.abs(u1) - np.abs(u2) - np.abs(s)),
    "x1 knows a part, x2 the rest": ("min(r, u2)", lambda r, u1, u2, s: np.minimum(r, u2)),
    "x1 misleads, x2 knows": ("min(-i1, i2)", lambda r, u1, u2, s: np.minimum(-(r + u1), r + u2)),
    "x2 misleads, x1 knows": ("min(i1, -i2)", lambda r, u1, u2, s: np.minimum(r + u1, -(r + u2))),
    "both know more than either": ("s + min(u1, u2)", lambda r, u1, u2, s: s + np.minimum(u1, u2)),
    "both mislead": ("-max(i1, i2)", lambda r, u1, u2, s: -(r + np.maximum(u1, u2))),
}


def draw(pixels: np.ndarray, chosen: dict, parts: np.ndarray, path: Path) -> None:
    """One row of samples per kind, each an image with its parts beside it."""
    with picture(path, len(RANKS), 2 * COUNT, 10.5, width_ratios=(2, 3) * COUNT) as axes:
        for line, (kind, rows) in zip(axes, chosen.items(), strict=True):
            line[0].set_title(kind, loc="left", fontsize=10, pad=12)
            limit = np.abs(parts[:, rows]).max()
            for row, image, bars in zip(rows, line[::2], line[1::2], strict=True):
                image.imshow(pixels[row], cmap="gray_r")
                image.axis("off")
                bars.barh(NAMES, parts[:, row], color=COLORS)
                for height, value in enumerate(parts[:, row]):
                    side = "left" if value >= 0 else "right"
                    bars.text(value, height, f" {value:z.1f} ", va="center", ha=side, fontsize=9)
                bars.axvline(0, color="black", linewidth=0.8)
                bars.set(xlim=(-1.6 * limit, 1.6 * limit), xticks=[])
                bars.set_ylim(3.6, -0.9)  # from above, with room for the title of the row
                bars.tick_params(length=0, labelsize=9)
                bars.spines[:].set_visible(False)
                bars.patch.set_visible(False)  # or it would hide a part of the title


def first_of_each(order: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The first `COUNT` samples of every kind, no sample twice."""
    chosen: dict[str, np.ndarray] = {}
    taken: set[int] = set()
    for kind, rows in order.items():
        own = [int(row) for row in rows if int(row) not in taken][:COUNT]
        chosen[kind] = np.array(own)
        taken.update(own)
    return chosen


def share_of_rotated(labels: np.ndarray, ranks: np.ndarray) -> float:
    """Share of 6s and 9s among the `TOP` samples of highest rank."""
    return float(np.isin(labels[np.argsort(-ranks, kind="stable")[:TOP]], (6, 9)).mean())


def main() -> None:
    arguments = parser(__doc__).parse_args()
    views, pixels = digit_views(), lsmi_jax.datasets.load_multiple_features().pixels
    result = lsmi_jax.estimate(jax.random.key(0), views.features[:2], views.labels, num_seeds=arguments.num_seeds)
    parts = np.asarray(result.interactions)
    spread = np.zeros_like(parts) if result.spread is None else np.asarray(result.spread)
    order = {kind: np.argsort(-rank(*parts), kind="stable") for kind, (_, rank) in RANKS.items()}
    chosen = first_of_each(order)
    draw(pixels, chosen, parts, arguments.out / "paper_cases.png")
    runs = [
        {"kind": kind, "row": int(row), "digit": int(views.labels[row]), "seeds": arguments.num_seeds}
        | {name: float(value) for name, value in zip(NAMES, parts[:, row], strict=True)}
        | {f"{name}{SPREAD}": float(value) for name, value in zip(NAMES, spread[:, row], strict=True)}
        for kind, rows in chosen.items()
        for row in rows
    ]
    # The share of 6s and 9s among the first of two kinds, in every seed by its own parts.
    partly, fully = (
        np.array([share_of_rotated(views.labels, RANKS[kind][1](*own)) for own in seeds_of(result).swapaxes(0, 1)])
        for kind in ("x1 knows a part, x2 the rest", "both know")
    )
    kinds = [
        [
            kind,
            RANKS[kind][0],
            *(f"{v:.2f}" for v in parts[:, rows].mean(1)),
            " ".join(str(views.labels[row]) for row in rows),
        ]
        for kind, rows in chosen.items()
    ]
    write(
        arguments.out,
        "paper_cases",
        "Figure 8: single samples",
        runs,
        [
            Claim(
                f"of the {TOP} samples of which x1 knows a part and x2 the rest, more are a 6 or a 9 than of the {TOP} "
                "that both know: rotations of each other, which x1 cannot distinguish",
                views.name,
                partly - fully,
                "of the samples",
                digits=2,
            )
        ],
        f"Out-of-fold, in nats, means over {arguments.num_seeds} seeds; the CSV file also has the spread over seeds. "
        f"x1: {views.modalities[0]}; x2: {views.modalities[1]}. Means of the {COUNT} samples shown:",
        table(["kind", "ranked by", *NAMES, "digits"], kinds),
        picture=True,
    )


if __name__ == "__main__":
    main()
