"""How well does an audit find what is wrong? Planted errors in real data, and labels that viewers disagree with.

    python benchmarks/audit.py [--data FOLDER] [--num-seeds 5] [--out docs/results]

Handwritten digits come with the package: 6% of the labels are made wrong, or 6% of the rows of one modality are
exchanged for those of another class. The lists of the report are compared with what was planted, and with the
confidence of a logistic regression in the label, as in confident learning (Northcutt et al., 2021). With CREMA-D
(`cremad_human_votes.npz` in the folder of data), suspicious labels are compared with what a majority of viewers saw.
Writes `audit.csv` and `audit.md`: means over seeds with their standard errors.
"""

import argparse
import os
from pathlib import Path

import jax
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import markdown, write_rows

import lsmi_jax
from lsmi_jax.datasets import load_multiple_features

SHARE, NUM_CLIPS = 0.06, 100
FIRST = '"x2 misleads", first 120'


def other_classes(rng: np.random.Generator, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Another class for each of some rows, at random."""
    return (labels[rows] + rng.integers(1, labels.max() + 1, len(rows))) % (labels.max() + 1)


def confidence(features: tuple, labels: np.ndarray, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Out-of-fold probability of each label under a logistic regression on both modalities."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed) if groups is None else GroupKFold(5)
    chances = cross_val_predict(model, np.hstack(features), labels, cv=folds, groups=groups, method="predict_proba")
    return chances[np.arange(len(labels)), labels]


def found(rows: np.ndarray, planted: np.ndarray) -> float:
    """Share of the planted rows among the first rows of a list, as many as were planted."""
    return float(np.isin(rows[: len(planted)], planted).mean())


def wrong_labels(seed: int) -> dict[str, float]:
    """Labels of digits that are wrong: the share of them that the list of suspicious labels finds."""
    digits, rng = load_multiple_features(), np.random.default_rng(seed)
    features, labels = digits.features[:2], np.array(digits.labels)
    planted = rng.choice(len(labels), round(SHARE * len(labels)), replace=False)
    labels[planted] = other_classes(rng, labels, planted)
    result = lsmi_jax.estimate(jax.random.key(seed), features, labels)
    return {
        "suspicious labels": found(result.suspicious(len(planted)), planted),
        "logistic regression": found(np.argsort(confidence(features, labels, seed)), planted),
        "at random": SHARE,
    }


def misleading_rows(seed: int) -> dict[str, float]:
    """Digits whose second modality is that of another class: the share of them that "x2 misleads" finds."""
    digits, rng = load_multiple_features(), np.random.default_rng(seed)
    labels, (x1, x2) = digits.labels, (np.array(x) for x in digits.features[:2])
    planted = rng.choice(len(labels), round(SHARE * len(labels)), replace=False)
    others = [rng.choice(np.flatnonzero(labels == own)) for own in other_classes(rng, labels, planted)]
    x2[planted] = x2[others]
    result = lsmi_jax.estimate(jax.random.key(seed), (x1, x2), labels)
    listed = result.top("x2 misleads", result.num_samples)
    return {
        FIRST: found(listed, planted),
        '"x2 misleads" or "none knows"': float(np.isin(planted, [*listed, *result.top("none knows", 2000)]).mean()),
        'planted share of "x2 misleads"': float(np.isin(listed, planted).mean()),
        "at random": SHARE,
    }


def disputed_clips(seed: int, folder: Path) -> dict[str, float]:
    """Clips of CREMA-D of the most suspicious labels: the share whose viewers mostly saw another emotion."""
    with np.load(folder / "cremad_human_votes.npz") as data:
        features, labels, actors = (data["x1"], data["x2"]), data["y"].astype(np.int32), data["actor"]
        disputed = data["y_av_majority"] != labels
    result = lsmi_jax.estimate(jax.random.key(seed), features, labels, groups=actors)
    least = np.argsort(confidence(features, labels, seed, actors))
    added = [float((result.information[2] - result.information[m]).mean()) for m in (1, 0)]
    return {
        "suspicious labels": float(disputed[result.suspicious(NUM_CLIPS)].mean()),
        "logistic regression": float(disputed[least[:NUM_CLIPS]].mean()),
        "all clips": float(disputed.mean()),
        "nats that voice adds to face": added[0],
        "nats that face adds to voice": added[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("LSMI_DATA"), help="folder with CREMA-D")
    parser.add_argument("--num-seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    studies = {"wrong labels": wrong_labels, "another class's x2": misleading_rows}
    if arguments.data and (Path(arguments.data) / "cremad_human_votes.npz").exists():
        studies["disputed clips"] = lambda seed: disputed_clips(seed, Path(arguments.data))
    else:
        print("CREMA-D is left out: --data has no cremad_human_votes.npz.")
    rows = []
    for study, measure in studies.items():
        for seed in range(arguments.num_seeds):
            for figure, value in measure(seed).items():
                print(f"{study:20s} seed {seed} {figure:32s} {value:.3f}", flush=True)
                rows.append({"study": study, "seed": seed, "figure": figure, "value": round(value, 4)})
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_rows(arguments.out / "audit.csv", rows)
    (arguments.out / "audit.md").write_text(table(rows))


def values_of(rows: list[dict], study: str, figure: str) -> np.ndarray:
    """One value per seed."""
    return np.array([row["value"] for row in rows if (row["study"], row["figure"]) == (study, figure)], float)


def mean_of(rows: list[dict], study: str, figure: str) -> str:
    """Mean over seeds with its standard error."""
    values = values_of(rows, study, figure)
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return f"{values.mean():.3f} ({error:.3f})"


def table(rows: list[dict]) -> str:
    """The page of all numbers."""
    heading = f"# What an audit finds\n\n`python benchmarks/audit.py`: {(__doc__ or '').splitlines()[0]}\n\n"
    cells = dict.fromkeys((row["study"], row["figure"]) for row in rows)
    lines = [[study, figure, mean_of(rows, study, figure)] for study, figure in cells]
    return heading + markdown(["study", "figure", "mean (standard error over seeds)"], lines) + "\n"


def guide(rows: list[dict]) -> str:
    """The table of docs/audit.md."""
    wrong, other, disputed = "wrong labels", "another class's x2", "disputed clips"
    lines = [
        [
            "6% wrong labels, 2000 digits",
            "first 120 suspicious labels",
            f"**{mean_of(rows, wrong, 'suspicious labels')}**",
            f"{mean_of(rows, wrong, 'logistic regression')}: least confidence of a logistic regression",
        ],
        [
            "x2 of another class on 6% of the digits",
            'first 120 of "x2 misleads"',
            f"**{mean_of(rows, other, FIRST)}**",
            f"{values_of(rows, other, 'at random').mean():.3f}: at random",
        ],
        [
            "viewers of a clip of CREMA-D mostly disagree with its label",
            "first 100 suspicious labels",
            mean_of(rows, disputed, "suspicious labels"),
            f"{mean_of(rows, disputed, 'logistic regression')}: logistic regression; "
            f"{values_of(rows, disputed, 'all clips').mean():.3f}: all clips",
        ],
    ]
    return markdown(["planted or known", "list", "share of the list that is correct", "for comparison"], lines)


if __name__ == "__main__":
    main()
