"""Samples of known mixtures, with the exact information and surprisal of each."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from lsmi_jax.decomposition import Interactions, Redundancy, adjust, decompose, specificity_ambiguity
from lsmi_jax.information import pointwise_information

__all__ = ["SAMPLE_TYPES", "Components", "Task", "exact_task", "log_normal", "sample"]

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


class Components(NamedTuple):
    """A finite mixture over latent states; given the state, both modalities are spherical Gaussians."""

    means: tuple[jax.Array, jax.Array]
    scales: tuple[jax.Array, jax.Array]
    log_weights: jax.Array
    labels: np.ndarray


def sample(key: jax.Array, num_samples: int, components: Components) -> tuple[Task, jax.Array]:
    """Draws from a mixture.

    Args:
        key: Random key.
        num_samples: Number of samples n.
        components: The mixture.

    Returns:
        The samples with their exact quantities, and the latent state of each ``[n]``.
    """
    state_key, *noise_keys = jax.random.split(key, 3)
    state = jax.random.categorical(state_key, components.log_weights, shape=(num_samples,))
    features, log_densities = [], []
    for noise_key, means, scales in zip(noise_keys, components.means, components.scales, strict=True):
        noise = jax.random.normal(noise_key, (num_samples, means.shape[1]))
        x = means[state] + scales[state][:, None] * noise
        features.append(x)
        log_densities.append(log_normal(x, means, scales))
    is_label = components.labels == np.arange(components.labels.max() + 1)[:, None]
    class_log_weights = jnp.where(is_label, components.log_weights[None], -jnp.inf)
    log_prior = logsumexp(class_log_weights, axis=1)

    def class_log_density(log_density: jax.Array) -> jax.Array:
        joint = log_density[:, None, :] + class_log_weights[None]
        return logsumexp(joint, axis=2) - log_prior[None]

    first, second = log_densities
    labels = jnp.asarray(components.labels)[state]
    densities = (class_log_density(first), class_log_density(second), class_log_density(first + second))
    return exact_task((features[0], features[1]), labels, log_prior, densities), state


def exact_task(
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


def log_normal(x: jax.Array, means: jax.Array, scales: jax.Array) -> jax.Array:
    """Log-density of spherical Gaussians, [n, C] from x [n, d], means [C, d] and scales [C]."""
    cross = jnp.matmul(x, means.T, precision="highest")
    squared = (x**2).sum(-1, keepdims=True) - 2 * cross + (means**2).sum(-1)[None]
    normaliser = x.shape[1] * jnp.log(scales * np.sqrt(2 * np.pi))
    return -squared / (2 * scales**2)[None] - normaliser[None]
