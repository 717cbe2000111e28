"""Tasks whose pointwise information and surprisal are known exactly, sample by sample."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from lsmi_jax.decomposition import Interactions, Redundancy, adjust, decompose, specificity_ambiguity
from lsmi_jax.information import pointwise_information

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
    "circuit_logic",
    "gaussian_mixture",
    "preset",
]

SAMPLE_TYPES = ("redundancy", "unique1", "unique2", "synergy")
"""Names of the codes in ``Task.sample_types``."""


class Task(NamedTuple):
    """Samples of a known distribution, with the exact quantities of each.

    Attributes:
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]``.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        information: Exact ``i1, i2, i12``, each ``[n]``, in nats.
        surprisal: Exact ``h1, h2``, each ``[n]``, in nats.
        sample_types: Which interaction each sample carries ``[n]``, an index of `SAMPLE_TYPES`; or None.
        truth: Dataset-level R, U1, U2, S in nats: closed form for a gate; for the other tasks the mean
            over these very samples of the exact, adjusted interactions.
    """

    features: tuple[jax.Array, jax.Array]
    labels: jax.Array
    log_prior: jax.Array
    information: tuple[jax.Array, jax.Array, jax.Array]
    surprisal: tuple[jax.Array, jax.Array]
    sample_types: jax.Array | None
    truth: Interactions

    def interactions(self, redundancy: Redundancy = specificity_ambiguity) -> Interactions:
        """Exact interactions of each sample under a pointwise redundancy.

        Args:
            redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.

        Returns:
            Interactions ``[n]`` in nats, not adjusted.
        """
        return decompose(*self.information, *self.surprisal, redundancy=redundancy)


class Gate(NamedTuple):
    """A logic gate: its equally likely rows, and its R, U1, U2, S in nats (Bertschinger et al., 2014)."""

    inputs1: np.ndarray
    inputs2: np.ndarray
    outputs: np.ndarray
    truth: tuple[float, float, float, float]


_Row = tuple[tuple[int, ...], tuple[int, ...], int]


def _gate(rows: Sequence[_Row], truth: tuple[float, float, float, float]) -> Gate:
    inputs1, inputs2, outputs = (np.array(column) for column in zip(*rows, strict=True))
    return Gate(inputs1, inputs2, outputs, truth)


_BITS = [(a, b) for a in (0, 1) for b in (0, 1)]
_LN2 = float(np.log(2))
_AND_REDUNDANCY = float(1.5 * np.log(2) - 0.75 * np.log(3))  # I(X1;Y): both inputs tell the same half

XOR = _gate([((a,), (b,), a ^ b) for a, b in _BITS], (0.0, 0.0, 0.0, _LN2))
OR = _gate([((a,), (b,), a | b) for a, b in _BITS], (_AND_REDUNDANCY, 0.0, 0.0, _LN2 / 2))
AND = _gate([((a,), (b,), a & b) for a, b in _BITS], (_AND_REDUNDANCY, 0.0, 0.0, _LN2 / 2))
COPY1 = _gate([((a,), (b,), a) for a, b in _BITS], (0.0, _LN2, 0.0, 0.0))
RDN = _gate([((a,), (a,), a) for a in (0, 1)], (_LN2, 0.0, 0.0, 0.0))
# Half the samples are XOR, half NOT of the second input; both modalities also see which.
XOR_NOT = _gate(
    [((a, 0), (b, 0), a ^ b) for a, b in _BITS] + [((a, 1), (b, 1), 1 - b) for a, b in _BITS],
    (0.0, 0.0, _LN2 / 2, _LN2 / 2),
)


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
    components = _Components(
        means=(jnp.asarray(gate.inputs1, jnp.float32), jnp.asarray(gate.inputs2, jnp.float32)),
        scales=(jnp.full(count, noise), jnp.full(count, noise)),
        log_weights=jnp.full(count, -np.log(count), jnp.float32),
        labels=gate.outputs,
    )
    task, _ = _sample(key, num_samples, components)
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
        return _log_normal(x, means, jnp.full(num_classes, noise))

    # Given y, x1 + x2 and x1 - x2 are independent and only the sum depends on y.
    total = (x1 + x2) / 2
    spread = noise * np.sqrt((1 + correlation) / 2)
    joint = (
        _log_normal(total, means, jnp.full(num_classes, spread))
        if spread
        else 1e3 * jax.nn.one_hot(labels, num_classes)
    )
    log_prior = jnp.full(num_classes, -np.log(num_classes), jnp.float32)
    return _task((x1, x2), labels, log_prior, (class_log_density(x1), class_log_density(x2), joint))


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
    components = _Components(
        means=(jnp.asarray(codes1, jnp.float32), jnp.asarray(codes2, jnp.float32)),
        scales=(jnp.asarray(scales[0], jnp.float32), jnp.asarray(scales[1], jnp.float32)),
        log_weights=jnp.asarray(log_weights, jnp.float32),
        labels=labels,
    )
    task, component = _sample(sample_key, num_samples, components)
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


class _Components(NamedTuple):
    """A finite mixture over latent states; given the state, both modalities are spherical Gaussians."""

    means: tuple[jax.Array, jax.Array]
    scales: tuple[jax.Array, jax.Array]
    log_weights: jax.Array
    labels: np.ndarray


def _sample(key: jax.Array, num_samples: int, components: _Components) -> tuple[Task, jax.Array]:
    """Samples with their exact quantities, and the latent state of each."""
    state_key, *noise_keys = jax.random.split(key, 3)
    state = jax.random.categorical(state_key, components.log_weights, shape=(num_samples,))
    features, log_densities = [], []
    for noise_key, means, scales in zip(noise_keys, components.means, components.scales, strict=True):
        noise = jax.random.normal(noise_key, (num_samples, means.shape[1]))
        x = means[state] + scales[state][:, None] * noise
        features.append(x)
        log_densities.append(_log_normal(x, means, scales))
    is_label = components.labels == np.arange(components.labels.max() + 1)[:, None]
    class_log_weights = jnp.where(is_label, components.log_weights[None], -jnp.inf)
    log_prior = logsumexp(class_log_weights, axis=1)

    def class_log_density(log_density: jax.Array) -> jax.Array:
        joint = log_density[:, None, :] + class_log_weights[None]
        return logsumexp(joint, axis=2) - log_prior[None]

    first, second = log_densities
    labels = jnp.asarray(components.labels)[state]
    densities = (class_log_density(first), class_log_density(second), class_log_density(first + second))
    return _task((features[0], features[1]), labels, log_prior, densities), state


def _task(
    features: tuple[jax.Array, jax.Array],
    labels: jax.Array,
    log_prior: jax.Array,
    class_log_densities: tuple[jax.Array, jax.Array, jax.Array],
) -> Task:
    """Task from log p(x1|y), log p(x2|y) and log p(x1,x2|y) up to a constant, each [n, K]."""
    joints = [density + log_prior[None] for density in class_log_densities]
    i1, i2, i12 = (pointwise_information(joint, labels, log_prior) for joint in joints)
    h1, h2 = (-logsumexp(joint, axis=1) for joint in joints[:2])
    truth = adjust(decompose(i1, i2, i12, h1, h2))
    means = Interactions(*(part.mean() for part in truth))
    return Task(features, labels, log_prior, (i1, i2, i12), (h1, h2), None, means)


def _log_normal(x: jax.Array, means: jax.Array, scales: jax.Array) -> jax.Array:
    """Log-density of spherical Gaussians, [n, C] from x [n, d], means [C, d] and scales [C]."""
    cross = jnp.matmul(x, means.T, precision="highest")
    squared = (x**2).sum(-1, keepdims=True) - 2 * cross + (means**2).sum(-1)[None]
    normaliser = x.shape[1] * jnp.log(scales * np.sqrt(2 * np.pi))
    return -squared / (2 * scales**2)[None] - normaliser[None]
