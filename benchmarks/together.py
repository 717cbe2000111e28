"""How tight is the union information of three to five modalities? The table of docs/applications.md.

    python benchmarks/together.py [--num-seeds 5] [--num-samples 4000] [--out docs/results]

Modalities are Gaussian given the class, and their exact posteriors replace discriminators. Potentials are fitted on
some samples and evaluated on as many others. The truth is in closed form, for the same samples:

- ordered: all share their centers, and noise grows with m. Each modality is the one before it with more noise, so that
  the union information of all is the information of the first.
- alike: as ordered, with the same noise in all.
- own bits: the class is a tuple of bits, one for each modality, which tells this bit only. The union information is the
  sum of what the modalities say.
- shared bits: the first two modalities contain one bit, the next two another, and so on, the second with more noise.
  The union information is the sum of what the first of each bit says.

Writes a CSV file and prints the table; with --read, only prints that of the CSV file in the folder.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from tables import markdown, rows_of, standard_error, table_parser

import lsmi_jax
from lsmi_jax.decomposition import score_information
from lsmi_jax.union import fit_whole_union, whole_union_scores

DIM = 2
MODALITIES = (3, 4, 5)
fitted_to, scores_of = jax.jit(fit_whole_union), jax.jit(whole_union_scores)


def log_posteriors(key: jax.Array, labels: jax.Array, centers: list[jax.Array], scales: list[float]) -> list[jax.Array]:
    """Exact log-posteriors of each modality, of equally likely classes with these centers ``[K, d]`` and this noise."""
    found = []
    for noise_key, center, scale in zip(jax.random.split(key, len(centers)), centers, scales, strict=True):
        x = center[labels] + scale * jax.random.normal(noise_key, (len(labels), center.shape[1]))
        # Up to a constant of the sample, log p(x|y) = -|x - center|^2 / (2 scale^2).
        found.append(jax.nn.log_softmax(-((x[:, None] - center) ** 2).sum(-1) / (2 * scale**2)))
    return found


def ordered(
    key: jax.Array, num_samples: int, count: int, num_classes: int, step: float = 0.25
) -> tuple[jax.Array, list[jax.Array]]:
    """Labels and log-posteriors of modalities of which each is the one before it with more noise."""
    label_key, center_key, noise_key = jax.random.split(key, 3)
    labels = jax.random.randint(label_key, (num_samples,), 0, num_classes)
    centers = 2 * jax.random.normal(center_key, (num_classes, DIM))
    return labels, log_posteriors(noise_key, labels, [centers] * count, [1 + step * m for m in range(count)])


def bits(key: jax.Array, num_samples: int, count: int, shared_by: int = 1) -> tuple[jax.Array, list[jax.Array]]:
    """Labels and log-posteriors of modalities which tell one bit of the class each, every bit so many times."""
    label_key, noise_key = jax.random.split(key)
    of = [m // shared_by for m in range(count)]
    classes = np.arange(2 ** (of[-1] + 1))
    labels = jax.random.randint(label_key, (num_samples,), 0, len(classes))
    centers = [jnp.asarray(3.0 * (classes // 2**bit % 2)[:, None], jnp.float32) for bit in of]
    return labels, log_posteriors(noise_key, labels, centers, [1 + m / 4 for m in range(count)])


SETTINGS: dict[str, Callable] = {
    "own bits": bits,
    "shared bits": partial(bits, shared_by=2),
    "ordered": partial(ordered, num_classes=10),
    "alike": partial(ordered, num_classes=10, step=0.0),
}


def truth(setting: str, information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Union information of each sample ``[n]``, and mean unique parts ``[M]``, from what each modality says ``[M, n]``.

    The potentials that attain it are known: the log-posterior of each first modality, and zero for those with more
    noise; of modalities that are alike, equal shares of their log-posteriors.
    """
    count, means = len(information), information.mean(1)
    if setting == "alike":
        return information.mean(0), np.zeros(count)
    # Of modalities that tell the same, only the first adds anything: what it says beyond the second.
    size = {"own bits": 1, "shared bits": 2}.get(setting, count)
    firsts = range(0, count, size)
    unique = np.zeros(count)
    for m in firsts:
        unique[m] = means[m] - (means[m + 1] if size > 1 and m + 1 < count else 0.0)
    return information[list(firsts)].sum(0), unique


def run_once(setting: str, count: int, size: int, seed: int) -> dict[str, str | int | float]:
    """True union information, errors of the estimate's mean, of a unique part and of a sample, in nats."""
    data_key, key = jax.random.split(jax.random.key(seed))
    labels, logits = SETTINGS[setting](data_key, 2 * size, count)
    num_classes = logits[0].shape[1]
    log_prior = jnp.full(num_classes, -np.log(num_classes), jnp.float32)
    start = time.perf_counter()
    fitted = jax.block_until_ready(fitted_to(key, [own[:size] for own in logits], log_prior))
    seconds = time.perf_counter() - start
    held_out = [own[size:] for own in logits]
    whole, rest = scores_of(fitted, held_out)
    union, *without = (np.asarray(score_information(own, labels[size:], log_prior)) for own in (whole, *rest))
    each = np.stack([lsmi_jax.pointwise_information(own, labels[size:], log_prior) for own in held_out])
    true_union, true_unique = truth(setting, each)
    error = union - true_union
    errors = [union.mean() - other.mean() - true for other, true in zip(without, true_unique, strict=True)]
    means = {"union": true_union.mean(), "error": error.mean(), "unique": max(errors, key=abs)}
    row = means | {"sample": np.sqrt((error**2).mean())}
    known = {"setting": setting, "K": num_classes, "M": count, "seed": seed, "seconds": seconds}
    return known | {name: float(value) for name, value in row.items()}


def measured(size: int, num_seeds: int) -> Iterator[dict]:
    """One row for each setting, number of modalities and seed."""
    for setting in SETTINGS:
        for count in MODALITIES:
            yield from (run_once(setting, count, size, seed) for seed in range(num_seeds))
            jax.clear_caches()  # Linux allows a process so many memory maps only


def table(rows: list[dict]) -> str:
    """Means over seeds with standard errors, in nats."""
    lines = []
    for setting, count in dict.fromkeys((row["setting"], row["M"]) for row in rows):
        own = [row for row in rows if (row["setting"], row["M"]) == (setting, count)]
        names = ("union", "error", "unique", "sample")
        union, error, unique, sample = (np.array([float(row[name]) for row in own]) for name in names)
        cells = [f"{gap.mean():+z.3f} ({standard_error(gap):.3f})" for gap in (error, unique)]
        lines.append([setting, str(own[0]["K"]), str(count), f"{union.mean():.3f}", *cells, f"{sample.mean():.3f}"])
    header = ["setting", "K", "modalities", "union information", "its error", "largest error of a unique part"]
    header.append("root mean squared error of a sample")
    return markdown(header, lines)


def main() -> None:
    parser = table_parser(__doc__)
    parser.add_argument("--num-samples", type=int, default=4000, help="of each half (%(default)s)")
    arguments = parser.parse_args()
    measure = partial(measured, arguments.num_samples, arguments.num_seeds)
    print(table(rows_of(arguments.out / "together.csv", measure, read=arguments.read)))


if __name__ == "__main__":
    main()
