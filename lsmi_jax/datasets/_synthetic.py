"""Synthetic tasks that are exact for every sample."""

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.datasets._gates import Gate
from lsmi_jax.datasets._mixtures import Components, Task, check_proportions, exact_task, log_normal, sample
from lsmi_jax.datasets._truth import truth_of_like_margins, truth_of_mix
from lsmi_jax.decomposition import Interactions, check_count, check_positive, check_type
from lsmi_jax.inputs import check_key

__all__ = ["circuit_logic", "gaussian_mixture", "preset"]

DEFAULT_NOISE = (0.45, 1.3)  # of `preset`: standard deviation, and its multiple for an uninformative modality


def circuit_logic(key: jax.Array, num_samples: int, *, gate: Gate, noise: float = 0.1) -> Task:
    """Noisy bits as features and the output of a gate as label: Sec. 4.1.2, Table 1 of Yang et al. (2025).

    Args:
        key: Random key.
        num_samples: Number of samples n.
        gate: One of `XOR`, `OR`, `AND`, `XOR_NOT`, `COPY1`, `RDN`, or a custom `Gate`.
        noise: Standard deviation of the noise on each bit.

    Returns:
        Task with one column per modality; two for `XOR_NOT`: the bit, and which of its gates applies.

    Raises:
        TypeError: If the key is not a random key, or a number is of the wrong type.
        ValueError: If a number is out of range.
    """
    check_type("gate", gate, Gate)
    key, count = check_key(key), len(gate.outputs)
    _check_sizes(num_samples, noise)
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
    """Gaussian classes, with modalities correlated given the class: Eq. 9-10, Figure 3 of Yang et al. (2025).

    ``x_m | y ~ N(e_y, noise^2 I_K)``; given y, each column of x1 is correlated with the same column of x2.

    Args:
        key: Random key.
        num_samples: Number of samples n.
        num_classes: Number of classes K, also the number of columns of each modality.
        correlation: Correlation of the two modalities given the class, in [-1, 1].
        noise: Standard deviation of each column given the class.

    Returns:
        Task with K columns per modality.

    Raises:
        TypeError: If the key is not a random key, or a number is of the wrong type.
        ValueError: If a number is out of range.
    """
    label_key, key1, key2 = jax.random.split(check_key(key), 3)
    _check_sizes(num_samples, noise, num_classes)
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation: expected between -1 and 1, got {correlation}")
    means = jnp.eye(num_classes)
    labels = jax.random.randint(label_key, (num_samples,), 0, num_classes)
    noise1 = jax.random.normal(key1, (num_samples, num_classes))
    noise2 = jax.random.normal(key2, (num_samples, num_classes))
    x1 = means[labels] + noise * noise1
    x2 = means[labels] + noise * (correlation * noise1 + np.sqrt(1 - correlation**2) * noise2)

    def class_log_density(x: jax.Array) -> jax.Array:
        return log_normal(x, means, jnp.full(num_classes, noise))

    # Given y, x1 + x2 and x1 - x2 are independent and only the sum depends on y. At correlation -1 the sum has no
    # noise and reveals y, so its logits are one-hot.
    total = (x1 + x2) / 2
    spread = noise * np.sqrt((1 + correlation) / 2)
    joint = (
        log_normal(total, means, jnp.full(num_classes, spread)) if spread else 1e3 * jax.nn.one_hot(labels, num_classes)
    )
    log_prior = jnp.full(num_classes, -np.log(num_classes), jnp.float32)
    task = exact_task((x1, x2), labels, log_prior, (class_log_density(x1), class_log_density(x2), joint))
    return task._replace(truth=truth_of_like_margins(task.information))


def preset(
    key: jax.Array,
    num_samples: int,
    *,
    num_classes: int = 2,
    proportions: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
    noise: float = DEFAULT_NOISE[0],
    uninformative_scale: float = DEFAULT_NOISE[1],
) -> Task:
    """Samples that each carry one preset interaction: Sec. 4.1.4, Figure 4 of Yang et al. (2025).

    Each modality has three subspaces of K columns, for a shared, a private and a synergy code; a code is a unit
    vector times sqrt(K). Redundancy: both modalities have the code of the class in their shared subspace.
    Uniqueness: one has it in its private subspace, and the other is noise. Synergy: the two have the codes of a
    and b, with y = (a + b) mod K. Noise is added to every column, and a random rotation of each modality hides
    the subspaces.

    Args:
        key: Random key.
        num_samples: Number of samples n.
        num_classes: Number of classes K.
        proportions: Probability of each of `SAMPLE_TYPES`.
        noise: Standard deviation of the noise.
        uninformative_scale: Noise of an uninformative modality, as a multiple of ``noise``.

    Returns:
        Task with 3K columns per modality, and sample types. Its truth is in closed form where both uniquenesses are
        equally likely, tabulated for some other mixes, and None otherwise.

    Raises:
        TypeError: If the key is not a random key, or a number is of the wrong type.
        ValueError: If a number is out of range.
    """
    sample_key, key1, key2 = jax.random.split(check_key(key), 3)
    _check_sizes(num_samples, noise, num_classes)
    check_positive("uninformative_scale", uninformative_scale)
    proportions = check_proportions(proportions)
    types, labels, codes1, codes2 = _preset_states(num_classes)
    # States of one type are equally likely; a type of proportion zero gets the weight -inf.
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
    task, state = sample(sample_key, num_samples, components)
    # Rotations change neither densities nor information, so the exact quantities remain valid.
    x1, x2 = task.features
    rotated = (x1 @ jax.random.orthogonal(key1, x1.shape[1]), x2 @ jax.random.orthogonal(key2, x2.shape[1]))
    is_tabulated = proportions[1] == proportions[2] or (noise, uninformative_scale) == DEFAULT_NOISE
    truth = truth_of_mix(num_classes, proportions, task.information) if is_tabulated else None
    return task._replace(features=rotated, sample_types=jnp.asarray(types)[state], truth=truth)


def _check_sizes(num_samples: int, noise: float, num_classes: int = 2) -> None:
    """Raises TypeError or ValueError if a number of a task is of the wrong type or out of range."""
    check_count("num_samples", num_samples, 1)
    check_count("num_classes", num_classes, 2)
    check_positive("noise", noise)


def _preset_states(num_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Type, label and noise-free codes of both modalities, one row per latent state."""
    shared, private, synergy = np.sqrt(num_classes) * np.eye(3 * num_classes).reshape(3, num_classes, -1)
    nothing = np.zeros(3 * num_classes)
    classes = range(num_classes)
    states = [(0, y, shared[y], shared[y]) for y in classes]
    states += [(1, y, private[y], nothing) for y in classes]
    states += [(2, y, nothing, private[y]) for y in classes]
    states += [(3, (a + b) % num_classes, synergy[a], synergy[b]) for a in classes for b in classes]
    types, labels, codes1, codes2 = (np.array(column) for column in zip(*states, strict=True))
    return types, labels, codes1, codes2
