"""Tasks of known interactions: exact for every sample, or from real features with known types."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import Interactions
from lsmi_jax.exact import SAMPLE_TYPES, Components, Task, exact_task, log_normal, sample
from lsmi_jax.gates import AND, COPY1, OR, RDN, XOR, XOR_NOT, Gate

__all__ = [
    "AND",
    "COPY1",
    "OR",
    "RDN",
    "SAMPLE_TYPES",
    "XOR",
    "XOR_NOT",
    "Gate",
    "Task",
    "TypedSamples",
    "circuit_logic",
    "gaussian_mixture",
    "preset",
    "preset_from_pool",
]


class TypedSamples(NamedTuple):
    """Samples that each carry one known interaction, of unknown distribution.

    Attributes:
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]``.
        sample_types: Which interaction each sample carries ``[n]``, an index of `SAMPLE_TYPES`.
    """

    features: tuple[jax.Array, jax.Array]
    labels: jax.Array
    sample_types: jax.Array


def circuit_logic(key: jax.Array, num_samples: int, *, gate: Gate, noise: float = 0.1) -> Task:
    """Bits seen through Gaussian noise, and the output of a gate as label (Sec. 4.1.2, Table 1).

    Args:
        key: Random key.
        num_samples: Number of samples n.
        gate: One of `XOR`, `OR`, `AND`, `XOR_NOT`, `COPY1`, `RDN`, or your own.
        noise: Standard deviation of the noise on each bit.

    Returns:
        Task with one column a modality (two for `XOR_NOT`: the bit, and which gate applies).
    """
    count = len(gate.outputs)
    components = Components(
        means=(jnp.asarray(gate.inputs1, jnp.float32), jnp.asarray(gate.inputs2, jnp.float32)),
        scales=(jnp.full(count, noise), jnp.full(count, noise)),
        log_weights=jnp.full(count, -np.log(count), jnp.float32),
        labels=gate.outputs,
    )
    task, _ = sample(key, num_samples, components)
    return task._replace(truth=Interactions(*map(jnp.asarray, gate.truth)))


def gaussian_mixture(
    key: jax.Array, num_samples: int, *, num_classes: int = 2, correlation: float = 0.0, noise: float = 0.5
) -> Task:
    """Classes at the unit vectors in both modalities, correlated given the class (Eq. 9-10, Figure 3).

    ``x_m | y ~ N(e_y, noise^2 I_K)``, each column of x1 correlated with the same column of x2.

    Args:
        key: Random key.
        num_samples: Number of samples n.
        num_classes: Number of classes K, also the number of columns of each modality.
        correlation: Correlation of the two modalities given the class, in [-1, 1].
        noise: Standard deviation of each column given the class.

    Returns:
        Task with K columns a modality.
    """
    label_key, key1, key2 = jax.random.split(key, 3)
    means = jnp.eye(num_classes)
    labels = jax.random.randint(label_key, (num_samples,), 0, num_classes)
    noise1 = jax.random.normal(key1, (num_samples, num_classes))
    noise2 = jax.random.normal(key2, (num_samples, num_classes))
    x1 = means[labels] + noise * noise1
    x2 = means[labels] + noise * (correlation * noise1 + np.sqrt(1 - correlation**2) * noise2)

    def class_log_density(x: jax.Array) -> jax.Array:
        return log_normal(x, means, jnp.full(num_classes, noise))

    # Given y, x1 + x2 and x1 - x2 are independent and only the sum depends on y.
    total = (x1 + x2) / 2
    spread = noise * np.sqrt((1 + correlation) / 2)
    joint = (
        log_normal(total, means, jnp.full(num_classes, spread)) if spread else 1e3 * jax.nn.one_hot(labels, num_classes)
    )
    log_prior = jnp.full(num_classes, -np.log(num_classes), jnp.float32)
    return exact_task((x1, x2), labels, log_prior, (class_log_density(x1), class_log_density(x2), joint))


def preset(
    key: jax.Array,
    num_samples: int,
    *,
    num_classes: int = 2,
    proportions: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
    noise: float = 0.45,
    uninformative_scale: float = 1.3,
) -> Task:
    """Samples that each carry one known interaction (Sec. 4.1.4, Figure 4).

    Each modality has three subspaces of K columns, for the shared, the private and the synergy code;
    a code is a unit vector times sqrt(K). Redundancy: both modalities hold the class in their shared
    subspace. Uniqueness: one holds it in its private subspace, the other is Gaussian noise. Synergy:
    they hold a and b with y = (a + b) mod K. Noise is added to every column, and each modality is
    rotated at random, so that no column tells what it is for.

    Args:
        key: Random key.
        num_samples: Number of samples n.
        num_classes: Number of classes K.
        proportions: Probability of each of `SAMPLE_TYPES`.
        noise: Standard deviation of the noise.
        uninformative_scale: Noise of an uninformative modality, relative to ``noise``.

    Returns:
        Task with 3K columns a modality, and sample types.
    """
    sample_key, key1, key2 = jax.random.split(key, 3)
    types, labels, codes1, codes2 = _preset_components(num_classes)
    per_type = np.bincount(types)
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.asarray(proportions)[types] / per_type[types])
    scales = noise * np.ones((2, len(types)))
    scales[0, types == 2] *= uninformative_scale
    scales[1, types == 1] *= uninformative_scale
    components = Components(
        means=(jnp.asarray(codes1, jnp.float32), jnp.asarray(codes2, jnp.float32)),
        scales=(jnp.asarray(scales[0], jnp.float32), jnp.asarray(scales[1], jnp.float32)),
        log_weights=jnp.asarray(log_weights, jnp.float32),
        labels=labels,
    )
    task, component = sample(sample_key, num_samples, components)
    x1, x2 = task.features
    rotated = (x1 @ jax.random.orthogonal(key1, x1.shape[1]), x2 @ jax.random.orthogonal(key2, x2.shape[1]))
    return task._replace(features=rotated, sample_types=jnp.asarray(types)[component])


def _preset_components(num_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Type, label and noise-free code of each modality, a row for every latent state."""
    shared, private, synergy = np.sqrt(num_classes) * np.eye(3 * num_classes).reshape(3, num_classes, -1)
    nothing = np.zeros(3 * num_classes)
    classes = range(num_classes)
    rows = [(0, y, shared[y], shared[y]) for y in classes]
    rows += [(1, y, private[y], nothing) for y in classes]
    rows += [(2, y, nothing, private[y]) for y in classes]
    rows += [(3, (a + b) % num_classes, synergy[a], synergy[b]) for a in classes for b in classes]
    types, labels, codes1, codes2 = (np.array(column) for column in zip(*rows, strict=True))
    return types, labels, codes1, codes2


def preset_from_pool(
    key: jax.Array,
    pool1: ArrayLike,
    labels1: ArrayLike,
    pool2: ArrayLike,
    labels2: ArrayLike,
    proportions: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
    num_classes: int = 2,
    *,
    num_samples: int | None = None,
) -> TypedSamples:
    """Pairs rows of two labelled pools so that each pair carries one known interaction.

    Redundancy: both rows are of the class. Uniqueness: one row is of the class, the other of a random
    one. Synergy: the rows are of classes a and b with y = (a + b) mod K. No row is used twice, so that
    folds share none.

    Args:
        key: Random key.
        pool1: Feature rows of the first modality, ``[p, d1]``.
        labels1: Their classes ``[p]``; only the rows of classes below K are used.
        pool2: Feature rows of the second modality, ``[q, d2]``.
        labels2: Their classes ``[q]``.
        proportions: Probability of each of `SAMPLE_TYPES`.
        num_classes: Number of classes K.
        num_samples: Number of samples n; None for as many as can be paired.

    Returns:
        `TypedSamples` in random order.

    Raises:
        ValueError: If the pools cannot give so many samples.
    """
    order_key, type_key, other_key, partner_key = jax.random.split(key, 4)
    classes1, classes2 = np.asarray(labels1), np.asarray(labels2)
    rows1 = np.asarray(jax.random.permutation(order_key, len(classes1)))
    rows1 = rows1[classes1[rows1] < num_classes]
    rows2 = np.asarray(jax.random.permutation(partner_key, len(classes2)))
    log_proportions = jnp.log(jnp.asarray(proportions))
    types = np.asarray(jax.random.categorical(type_key, log_proportions, shape=rows1.shape))
    other = np.asarray(jax.random.randint(other_key, rows1.shape, 0, num_classes))
    first = classes1[rows1]
    second = np.where(types == 0, first, other)
    labels = np.select([types <= 1, types == 2], [first, second], (first + second) % num_classes)
    partner = np.full(len(rows1), -1)
    for c in range(num_classes):
        wanted, available = np.flatnonzero(second == c), rows2[classes2[rows2] == c]
        count = min(len(wanted), len(available))
        partner[wanted[:count]] = available[:count]
    paired = np.flatnonzero(partner >= 0)
    if num_samples is not None and len(paired) < num_samples:
        raise ValueError(f"num_samples: expected at most the {len(paired)} that the pools can give, got {num_samples}")
    kept = paired[:num_samples]
    blocks = (jnp.asarray(np.asarray(pool1)[rows1[kept]]), jnp.asarray(np.asarray(pool2)[partner[kept]]))
    return TypedSamples(blocks, jnp.asarray(labels[kept], jnp.int32), jnp.asarray(types[kept], jnp.int32))
