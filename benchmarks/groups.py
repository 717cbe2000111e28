"""What happens if rows that belong together are split? The figures of docs/python.md.

    python benchmarks/groups.py [--num-seeds 5] [--out docs/results]

80 speakers have ten rows each and one label each, drawn at random: voices tell who speaks, and nothing about the
labels of other speakers. Estimates the information of voices with and without `groups=`. Writes a CSV file and prints
the sentence of the page; with --read, only prints that of the CSV file in the folder.
"""

from functools import partial

import jax
import numpy as np
from tables import rows_of, standard_error, table_parser

import lsmi_jax

NUM_SPEAKERS, NUM_TURNS, DIM = 80, 10, 16


def run_once(seed: int) -> dict[str, int | float]:
    """Information of the voices about the label, in nats, with rows split at random and by speaker."""
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(NUM_SPEAKERS), NUM_TURNS)
    labels = rng.integers(0, 2, NUM_SPEAKERS)[speakers]
    voices = 2 * rng.normal(size=(NUM_SPEAKERS, DIM))[speakers] + rng.normal(size=(len(speakers), DIM))
    words = rng.normal(size=(len(speakers), 2))
    row: dict[str, int | float] = {"seed": seed}
    for name, groups in (("rows", None), ("speakers", speakers)):
        key = jax.random.key(seed)
        result = lsmi_jax.estimate(key, (voices, words), labels, groups=groups, progress=None)
        row[name] = float(result.information[0].mean())
    return row


def sentence(rows: list[dict]) -> str:
    """Mean information of the voices over seeds, with standard errors."""
    parts = []
    for name in ("rows", "speakers"):
        values = np.array([float(row[name]) for row in rows])
        parts.append(f"{values.mean():z.2f} nats ({standard_error(values):.2f})")
    return f"Without `groups=`, I1 is {parts[0]}. With it, I1 is {parts[1]}"


def main() -> None:
    arguments = table_parser(__doc__).parse_args()
    measure = partial(map, run_once, range(arguments.num_seeds))
    print(sentence(rows_of(arguments.out / "groups.csv", measure, read=arguments.read)))


if __name__ == "__main__":
    main()
