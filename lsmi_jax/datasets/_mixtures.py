"""Samples of known mixtures, with the exact information and surprisal of each sample."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from lsmi_jax.decomposition import (
    PARTS,
    Interactions,
    PointwiseRedundancy,
    decompose,
    log_posterior,
    pointwise_information,
    specificity_ambiguity,
)

__all__ = [
    "SAMPLE_TYPES",
    "Components",
    "Task",
    "exact_task",
    "log_normal",
    "sample",
]

SAMPLE_TYPES = tuple(part.field for part in PARTS)
"""Names of the codes in ``Task.sample_types``."""


class Task(NamedTuple):
    """Samples of a known distribution, with the exact quantities of each sample.

    Attributes:
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]``.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        information: Exact ``i1, i2, i12``, each ``[n]``, in nats.
        surprisal: Exact ``h1, h2``, each ``[n]``, in nats.
        log_posteriors: Exact log p(y|x1), log p(y|x2) and log p(y|x1,x2), each ``[n, K]``, in nats.
        sample_types: Interaction that each sample carries ``[n]``, an index of `SAMPLE_TYPES`; None if unknown.
        truth: Data-set-level R, U1, U2, S of Bertschinger et al. (2014), in nats, which do not depend on any pointwise
            redundancy; None if unknown.
    """

    features: tuple[jax.Array, jax.Array]
    labels: jax.Array
    log_prior: jax.Array
    information: tuple[jax.Array, jax.Array, jax.Array]
    surprisal: tuple[jax.Array, jax.Array]
    log_posteriors: tuple[jax.Array, jax.Array, jax.Array]
    sample_types: jax.Array | None
    truth: Interactions | None

    def interactions(self, redundancy: PointwiseRedundancy = specificity_ambiguity) -> Interactions:
        """Exact interactions of each sample under a pointwise redundancy.

        Args:
            redundancy: Pointwise redundancy: an option object, or a function as in `lsmi_jax.decompose`.

        Returns:
            Interactions ``[n]`` in nats, not adjusted.
        """
        return decompose(*self.information, *self.surprisal, redundancy=redundancy)


class Components(NamedTuple):
    """A mixture over a finite number C of latent states; given the state, both modalities are spherical Gaussians."""

    means: tuple[jax.Array, jax.Array]  # [C, d1], [C, d2]
    scales: tuple[jax.Array, jax.Array]  # standard deviations, [C] each
    log_weights: jax.Array  # [C], in nats
    labels: np.ndarray  # class of each state, [C]


def sample(key: jax.Array, num_samples: int, components: Components) -> tuple[Task, jax.Array]:
    """Draws samples of a mixture, with exact quantities except the truth, and the latent state of each ``[n]``."""
    state_key, *noise_keys = jax.random.split(key, 3)
    state = jax.random.categorical(state_key, components.log_weights, shape=(num_samples,))
    features, log_densities = [], []
    for noise_key, means, scales in zip(noise_keys, components.means, components.scales, strict=True):
        noise = jax.random.normal(noise_key, (num_samples, means.shape[1]))
        x = means[state] + scales[state][:, None] * noise
        features.append(x)
        log_densities.append(log_normal(x, means, scales))
    # The prior of a class is the weight of its states: log p(y) = logsumexp over them.
    is_label = components.labels == np.arange(components.labels.max() + 1)[:, None]
    class_log_weights = jnp.where(is_label, components.log_weights[None], -jnp.inf)
    log_prior = logsumexp(class_log_weights, axis=1)

    def class_log_density(log_density: jax.Array) -> jax.Array:
        """Log p(x|y) ``[n, K]`` from log p(x|state) ``[n, C]``."""
        joint = log_density[:, None, :] + class_log_weights[None]
        return logsumexp(joint, axis=2) - log_prior[None]

    # The modalities are independent given the state, so their log-densities add.
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
    """Task from log p(x1|y), log p(x2|y) and log p(x1,x2|y), each ``[n, K]``; the last up to a constant per row."""
    # By Bayes' rule, log p(x, y) are the logits of p(y|x), and their logsumexp is log p(x).
    joints = [density + log_prior[None] for density in class_log_densities]
    h1, h2 = (-logsumexp(joint, axis=1) for joint in joints[:2])
    i1, i2, i12 = (pointwise_information(joint, labels, log_prior) for joint in joints)
    first, second, both = map(log_posterior, joints)
    return Task(features, labels, log_prior, (i1, i2, i12), (h1, h2), (first, second, both), None, None)


def log_normal(x: jax.Array, means: jax.Array, scales: jax.Array) -> jax.Array:
    """Log-density ``[n, C]`` of spherical Gaussians, from x ``[n, d]``, means ``[C, d]`` and scales ``[C]``."""
    # |x - m|^2 = |x|^2 - 2 x.m + |m|^2 needs no array [n, C, d]; the product needs full precision on accelerators.
    cross = jnp.matmul(x, means.T, precision="highest")
    squared = (x**2).sum(-1, keepdims=True) - 2 * cross + (means**2).sum(-1)[None]
    log_normalizer = x.shape[1] * jnp.log(scales * np.sqrt(2 * np.pi))
    return -squared / (2 * scales**2)[None] - log_normalizer[None]


def check_proportions(proportions: Sequence[float]) -> tuple[float, float, float, float]:
    """Checks the probabilities of `SAMPLE_TYPES`, and returns them as a tuple.

    Raises:
        ValueError: If there are not four, or they do not sum to 1.
    """
    values = np.asarray(proportions, float)
    if values.shape != (4,) or not (values >= 0).all() or not abs(values.sum() - 1) < 1e-4:
        raise ValueError(f"proportions: expected four probabilities that sum to 1, got {proportions}")
    r, u1, u2, s = values.tolist()
    return r, u1, u2, s
