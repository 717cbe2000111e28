"""Running estimates of interactions while a network trains, carried through the caller's own step."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec

from lsmi_jax.decomposition import (
    Interactions,
    PointwiseRedundancy,
    as_array,
    check_count,
    check_floats,
    check_mixture,
    check_several,
    check_type,
    finite_rows,
    interactions_from_posteriors,
    pointwise_information,
    specificity_ambiguity,
)
from lsmi_jax.inputs import check_key
from lsmi_jax.models import blur, posterior_coordinates
from lsmi_jax.online._density import OnlineDensity, follow, improve, init_density

__all__ = ["Tracker", "init_tracker", "update_tracker"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Tracker:
    """State that `update_tracker` carries from batch to batch, a pytree.

    Attributes:
        densities: Densities of the first and the second modality.
        counts: Exponentially weighted number of samples of each class ``[K]``.
        sums: Exponentially weighted sums of r, u1, u2 and s over the samples of each class ``[4, K]``, in nats.
        num_left_out: Number of rows so far that were left out, since they had no usable label, logits or features.
        decay: Factor that each sum is multiplied by at every batch.
        key: Random key of the noise that is added to posterior coordinates.
        in_posterior_space: Whether the densities are of posteriors, not of features.
    """

    densities: tuple[OnlineDensity, OnlineDensity]
    counts: jax.Array
    sums: jax.Array
    num_left_out: jax.Array
    decay: jax.Array
    key: jax.Array
    in_posterior_space: bool = field(metadata={"static": True})

    @property
    def log_prior(self) -> jax.Array:
        """Running log-prior ``[K]`` in nats; ``-inf`` for a class without samples so far."""
        return jnp.log(self.counts / self.counts.sum())

    @property
    def class_means(self) -> Interactions:
        """Running mean of each part for each class, ``[K]`` in nats; NaN for a class without samples so far."""
        return Interactions(*(self.sums / self.counts[None]))

    @property
    def means(self) -> Interactions:
        """Running mean of each part, scalars in nats; `lsmi_jax.adjust` shifts them as the paper does."""
        return Interactions(*(self.sums.sum(1) / self.counts.sum()))


def init_tracker(
    key: jax.Array,
    *,
    num_classes: int,
    num_features: tuple[int, int] | None = None,
    num_components: int = 16,
    decay: float = 0.99,
) -> Tracker:
    """Creates a tracker without data.

    Args:
        key: Random key.
        num_classes: Number of classes K.
        num_features: Columns d1 and d2 of the two feature blocks, for densities of features as in the paper; None
            for densities of the class posteriors, as `lsmi_jax.estimate` does by default.
        num_components: Number of Gaussians of a density.
        decay: Factor that running sums are multiplied by at every batch; about ``1 / (1 - decay)`` batches count.

    Returns:
        A `Tracker`.

    Raises:
        TypeError: If ``key`` is not a random key.
        ValueError: If an option is out of range.
    """
    key = check_key(key)
    check_count("num_classes", num_classes, 2)
    if num_features is not None and (len(num_features) != 2 or min(num_features) < 1):
        raise ValueError(f"num_features: expected two positive numbers of columns, got {num_features}")
    if not 0 < decay < 1:
        raise ValueError(f"decay: expected a number between 0 and 1, got {decay}")
    check_mixture(num_components, "diagonal")
    key, *density_keys = jax.random.split(key, 3)
    first, second = num_features or (num_classes - 1, num_classes - 1)
    return Tracker(
        densities=(
            init_density(density_keys[0], first, num_components),
            init_density(density_keys[1], second, num_components),
        ),
        counts=jnp.zeros(num_classes),
        sums=jnp.zeros((4, num_classes)),
        num_left_out=jnp.zeros((), jnp.int32),
        decay=jnp.float32(decay),
        key=key,
        in_posterior_space=num_features is None,
    )


def update_tracker(
    state: Tracker,
    features: Sequence[jax.Array] | None,
    logits: Sequence[jax.Array],
    labels: jax.Array,
    *,
    redundancy: PointwiseRedundancy = specificity_ambiguity,
) -> Tracker:
    """Updates the running estimates with a batch; a pure function for the caller's jitted step, without gradients.

    Each density first scores the batch and then takes one optimizer step on it, so that no sample is
    scored by a density that was fitted on it. Likewise, in the first epoch, logits computed before the network's
    own step were not fitted on the batch.

    A row whose label is not in ``0..K-1``, such as padding with -1, is left out and counted in ``num_left_out``, and so
    is one with NaN or infinite features, with logits that have no posterior (NaN, ``inf``, or ``-inf`` everywhere), or
    with a posterior of zero for its label. A batch of nothing else changes nothing.

    Args:
        state: From `init_tracker` or the batch before.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``; not used, and may be None, if the
            densities are of posteriors.
        logits: Logits of the first modality, the second, and both, each ``[n, K]``, in nats.
        labels: Class labels ``[n]`` in ``0..K-1``; others mark rows to leave out.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`; an option object works as well.

    Returns:
        The new `Tracker`.

    Raises:
        TypeError: If logits are not floats or labels are not integers.
        ValueError: If shapes do not match the tracker or one another.

    Examples:
        >>> key, labels = jax.random.key(0), jnp.array([0, 1, 1, 0])
        >>> state = init_tracker(key, num_classes=2)
        >>> logits = [5 * jax.nn.one_hot(labels, 2)] * 3
        >>> state = jax.jit(update_tracker)(state, None, logits, labels)
        >>> print(f"{state.means.redundancy:.2f}")  # both modalities determine the label: one bit
        0.69
    """
    _check(state, features, logits, labels)
    update = partial(_update, redundancy=redundancy)
    if AxisType.Explicit in jax.sharding.get_abstract_mesh().axis_types:  # let the compiler place the update
        update = jax.sharding.auto_axes(update, out_sharding=PartitionSpec())
    return update(state, features, logits, labels)


def _update(
    state: Tracker, features: Any, logits: Any, labels: jax.Array, *, redundancy: PointwiseRedundancy
) -> Tracker:
    """`update_tracker` after its checks."""
    logits = [jax.lax.stop_gradient(values).astype(jnp.float32) for values in logits]
    is_used = _usable(logits, labels, () if state.in_posterior_space else features)
    # Rows that are left out take harmless values and have weight zero.
    labels = jnp.where(is_used, labels, 0)
    logits = [jnp.where(is_used[:, None], values, 0) for values in logits]
    weights = is_used.astype(jnp.float32)
    key, *noise_keys = jax.random.split(state.key, 3)
    # Exponentially weighted counts and sums of each class.
    members = jax.nn.one_hot(labels, len(state.counts)) * weights[:, None]
    new = replace(state, counts=state.decay * state.counts + members.sum(0))
    if state.in_posterior_space:
        rows = [posterior_coordinates(values) for values in logits[:2]]
        train = [blur(noise_key, own) for noise_key, own in zip(noise_keys, rows, strict=True)]
    else:
        blocks = [jax.lax.stop_gradient(block).astype(jnp.float32) for block in features]
        rows = train = [jnp.where(is_used[:, None], block, 0) for block in blocks]
    surprisals, densities = [], []
    for density, own, noisy in zip(state.densities, rows, train, strict=True):
        followed = follow(density, noisy, weights, state.decay)
        surprisals.append(followed.knife.surprisal(own))
        densities.append(improve(followed, noisy, weights))
    interactions, _ = interactions_from_posteriors(logits, labels, new.log_prior, surprisals, redundancy=redundancy)
    parts = jnp.where(is_used[None], jnp.stack(interactions), 0)
    new = replace(new, sums=state.decay * state.sums + parts @ members, densities=(densities[0], densities[1]))
    # A batch of which nothing is used changes nothing.
    kept = jax.tree.map(lambda new, old: jnp.where(is_used.any(), new, old), new, state)
    return replace(kept, key=key, num_left_out=state.num_left_out + (~is_used).sum())


def _usable(logits: Sequence[jax.Array], labels: jax.Array, blocks: Sequence[jax.Array]) -> jax.Array:
    """Which rows have a label, posteriors that allow it, and finite features ``[n]``."""
    # Information is NaN for a label out of range, and infinite for one that the posterior rules out.
    uniform = jnp.zeros(logits[0].shape[-1])
    usable = finite_rows(*(pointwise_information(values, labels, uniform) for values in logits))
    for block in blocks:
        usable &= jnp.isfinite(block).all(axis=1)
    return usable


def _check(state: Tracker, features: Any, logits: Sequence[jax.Array], labels: jax.Array) -> None:
    """Checks types, and shapes against the tracker."""
    check_type("state", state, Tracker)
    rows = as_array("labels", labels)
    if not jnp.issubdtype(rows.dtype, jnp.integer) or rows.ndim != 1:
        raise TypeError(f"labels: expected integers [n], got dtype {rows.dtype} and shape {rows.shape}")
    check_several("logits", logits, 3)
    check_floats(**{f"logits[{m}]": values for m, values in enumerate(logits)})
    shape = np.shape(logits[0])
    if shape[1:] != state.counts.shape:
        raise ValueError(f"logits: expected three of shape [n, {len(state.counts)}], got {shape}")
    if rows.shape != shape[:1]:
        raise ValueError(f"labels: expected shape {shape[:1]} to match the logits, got {rows.shape}")
    if state.in_posterior_space:
        return
    columns = [density.knife.means.shape[-1] for density in state.densities]
    expected = [(len(rows), d) for d in columns]
    got = None if features is None else [np.shape(block) for block in check_several("features", features, 2)]
    if got != expected:
        raise ValueError(f"features: expected two blocks of shapes {expected}, got {got}")
