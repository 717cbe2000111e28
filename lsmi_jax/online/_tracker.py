"""Running means of interactions while a network trains, carried through the caller's own step."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec
from jax.typing import ArrayLike

from lsmi_jax.decomposition import (
    Interactions,
    as_array,
    check_count,
    check_floats,
    check_several,
    check_type,
    finite_rows,
    pointwise_information,
)
from lsmi_jax.inputs import check_key, evenly_spaced
from lsmi_jax.online._regularizers import batch_interactions
from lsmi_jax.union import Potentials, fit_potentials

__all__ = ["Running", "Tracker", "init_tracker", "update_tracker"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Running:
    """Exponentially weighted sums over a stream.

    Attributes:
        counts: Number of samples of each class ``[K]``.
        sums: Sums of r, u1, u2 and s over the samples of each class ``[4, K]``, in nats.
    """

    counts: jax.Array
    sums: jax.Array

    @property
    def log_prior(self) -> jax.Array:
        """Log-prior ``[K]`` in nats; ``-inf`` for a class without samples so far."""
        return jnp.log(self.counts / self.counts.sum())

    @property
    def class_means(self) -> Interactions:
        """Mean of each part for each class, ``[K]`` in nats; NaN for a class without samples so far."""
        return Interactions(*(self.sums / self.counts[None]))

    @property
    def means(self) -> Interactions:
        """Mean of each part, scalars in nats; NaN without samples."""
        return Interactions(*(self.sums.sum(1) / self.counts.sum()))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Tracker:
    """State that `update_tracker` carries from batch to batch, a pytree.

    Attributes:
        training: Running sums over the batches of training rows.
        held_out: Those over batches that the caller marked as held out.
        potentials: Potentials of the union information, fitted to recent rows.
        recent: Logits of the first and the second modality of recent rows ``[R, K]``, which potentials are fitted to.
        is_filled: One for each place of the recent rows that is filled, zero for others ``[R]``.
        num_batches: Number of batches so far.
        num_left_out: Number of rows so far that were left out, since they had no usable label or logits.
        decay: Factor that each sum is multiplied by at every batch of its kind.
        key: Random key of the codebooks.
        num_cells: Number of cells of the codebook.
        refit_every: Number of batches after which potentials are fitted again.
        num_scored: Largest number of rows of a batch that are scored.
    """

    training: Running
    held_out: Running
    potentials: Potentials
    recent: tuple[jax.Array, jax.Array]
    is_filled: jax.Array
    num_batches: jax.Array
    num_left_out: jax.Array
    decay: jax.Array
    key: jax.Array
    num_cells: int = field(metadata={"static": True})
    refit_every: int = field(metadata={"static": True})
    num_scored: int = field(metadata={"static": True})

    @property
    def log_prior(self) -> jax.Array:
        """Running log-prior of the training rows ``[K]`` in nats; ``-inf`` for a class without samples so far."""
        return self.training.log_prior

    @property
    def class_means(self) -> Interactions:
        """Running mean of each part for each class of the training rows, ``[K]`` in nats."""
        return self.training.class_means

    @property
    def means(self) -> Interactions:
        """Running mean of each part of the training rows, scalars in nats."""
        return self.training.means

    def metrics(self) -> dict[str, jax.Array]:
        """Means by name, for a writer of metrics such as TensorBoard's.

        Returns:
            Scalars in nats: ``r``, ``u1``, ``u2``, ``s``, and the same with ``held_out_`` before them.
        """
        names = ("r", "u1", "u2", "s")
        own = dict(zip(names, self.means, strict=True))
        return own | {f"held_out_{name}": value for name, value in zip(names, self.held_out.means, strict=True)}


def init_tracker(
    key: jax.Array,
    *,
    num_classes: int,
    decay: float = 0.99,
    num_cells: int = 96,
    num_recent: int = 1024,
    refit_every: int = 32,
    num_scored: int = 256,
) -> Tracker:
    """Creates a tracker without data.

    Args:
        key: Random key.
        num_classes: Number of classes K.
        decay: Factor that running sums are multiplied by at every batch; about ``1 / (1 - decay)`` batches count.
        num_cells: Number of cells of the codebook of the union information, even.
        num_recent: Number of recent rows R that its potentials are fitted to.
        refit_every: Number of batches after which they are fitted again; in the beginning, also after 1, 2, 4, ...
        num_scored: Largest number of rows of a batch that are scored, drawn at random. Scoring takes most of the time.

    Returns:
        A `Tracker`.

    Raises:
        TypeError: If ``key`` is not a random key, or a number is not an integer.
        ValueError: If an option is out of range.
    """
    key = check_key(key)
    check_count("num_classes", num_classes, 2)
    check_count("num_recent", num_recent, 2)
    check_count("refit_every", refit_every, 1)
    check_count("num_scored", num_scored, 1)
    if check_count("num_cells", num_cells, 2) % 2:
        raise ValueError(f"num_cells: expected an even number, got {num_cells}")
    if not 0 < decay < 1:
        raise ValueError(f"decay: expected a number between 0 and 1, got {decay}")
    nothing = Running(jnp.zeros(num_classes), jnp.zeros((4, num_classes)))
    rows = jnp.zeros((num_recent, num_classes))
    uniform = jnp.full(num_classes, -np.log(num_classes), jnp.float32)
    shapes = jax.eval_shape(partial(fit_potentials, num_cells=num_cells), key, (rows, rows), uniform)
    return Tracker(
        training=nothing,
        held_out=nothing,
        potentials=jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes),
        recent=(rows, rows),
        is_filled=jnp.zeros(num_recent),
        num_batches=jnp.zeros((), jnp.int32),
        num_left_out=jnp.zeros((), jnp.int32),
        decay=jnp.float32(decay),
        key=key,
        num_cells=num_cells,
        refit_every=refit_every,
        num_scored=num_scored,
    )


def update_tracker(
    state: Tracker, logits: Sequence[jax.Array], labels: jax.Array, *, held_out: ArrayLike = False
) -> Tracker:
    """Updates the running means with a batch; a pure function for the caller's jitted step, without gradients.

    The interactions are those of the union information (Bertschinger et al., 2014). Its potentials depend on posteriors
    and not on labels. They are refitted to recent rows at intervals, and score each batch. In the first epoch, logits
    computed before the network's own step were not fitted on the batch. Later, its training rows reflect overfitting,
    so also pass batches that it is not trained on, with ``held_out=True``.

    A row whose label is not in ``0..K-1``, such as padding with -1, is left out and counted in ``num_left_out``, and so
    is one with logits that have no posterior (NaN, ``inf``, or ``-inf`` everywhere), or with a posterior of zero for
    its label. A batch of only such rows changes nothing.

    Args:
        state: From `init_tracker` or the batch before.
        logits: Logits of the first modality, the second, and both, each ``[n, K]``, in nats.
        labels: Class labels ``[n]`` in ``0..K-1``; others mark rows to leave out.
        held_out: Whether the network is not trained on this batch, a boolean, which may be traced.

    Returns:
        The new `Tracker`.

    Raises:
        TypeError: If logits are not floats or labels are not integers.
        ValueError: If shapes do not match the tracker or one another.

    Examples:
        >>> key, labels = jax.random.key(0), jnp.array([0, 1, 1, 0])
        >>> state = init_tracker(key, num_classes=2)
        >>> logits = [5 * jax.nn.one_hot(labels, 2)] * 3
        >>> state = jax.jit(update_tracker)(state, logits, labels)
        >>> print(f"{state.means.redundancy:.2f}")  # both modalities determine the label: one bit
        0.69
    """
    _check(state, logits, labels)
    update = _update
    if AxisType.Explicit in jax.sharding.get_abstract_mesh().axis_types:  # let the compiler place the update
        update = jax.sharding.auto_axes(_update, out_sharding=PartitionSpec())
    return update(state, logits, labels, jnp.asarray(held_out, bool))


def _update(state: Tracker, logits: Sequence[jax.Array], labels: jax.Array, held_out: jax.Array) -> Tracker:
    """`update_tracker` after its checks."""
    logits = [jax.lax.stop_gradient(values).astype(jnp.float32) for values in logits]
    is_used = _usable(logits, labels)
    num_left_out = state.num_left_out + (~is_used).sum()
    # Rows that are left out take harmless values and have weight zero.
    labels = jnp.where(is_used, labels, 0)
    logits = [jnp.where(is_used[:, None], values, 0) for values in logits]
    filled = _with_recent(state, logits, is_used.astype(jnp.float32))
    if len(labels) > state.num_scored:
        order = jax.random.permutation(jax.random.fold_in(state.key, state.num_batches), len(labels))
        chosen = order[: state.num_scored]
        labels, is_used, logits = labels[chosen], is_used[chosen], [values[chosen] for values in logits]
    members = jax.nn.one_hot(labels, len(state.training.counts)) * is_used.astype(jnp.float32)[:, None]
    # The prior is that of all rows, which the potentials of both kinds belong to.
    counts = state.training.counts + state.held_out.counts + members.sum(0)
    log_prior = jnp.log(counts / jnp.maximum(counts.sum(), 1))
    new = _refitted(filled, log_prior)
    parts = batch_interactions(logits, labels, log_prior, new.potentials)
    sums = jnp.where(is_used[None], jnp.stack(parts), 0) @ members
    add = partial(_added, members.sum(0), sums, state.decay)
    training, kept_out = add(state.training, ~held_out), add(state.held_out, held_out)
    new = replace(new, training=training, held_out=kept_out, num_batches=state.num_batches + 1)
    # A batch without usable rows changes nothing.
    kept = jax.tree.map(lambda new, old: jnp.where(is_used.any(), new, old), new, state)
    return replace(kept, num_left_out=num_left_out)


def _with_recent(state: Tracker, logits: Sequence[jax.Array], weights: jax.Array) -> Tracker:
    """Puts rows from all over a batch before the recent ones, and drops the oldest of these."""
    size = len(state.is_filled)
    chosen = evenly_spaced(len(weights), min(len(weights), size))

    def pushed(old: jax.Array, batch: jax.Array) -> jax.Array:
        return jnp.concatenate([batch[chosen], old])[:size]

    first, second = (pushed(old, own) for old, own in zip(state.recent, logits, strict=False))
    return replace(state, recent=(first, second), is_filled=pushed(state.is_filled, weights))


def _refitted(state: Tracker, log_prior: jax.Array) -> Tracker:
    """Fits the potentials to the recent rows if they are due: after 0, 1, 2, 4, ... batches, then regularly."""
    number = state.num_batches
    is_due = (number % state.refit_every == 0) | ((number < state.refit_every) & (number & (number - 1) == 0))

    def refit() -> Potentials:
        key = jax.random.fold_in(state.key, number)
        weights = (state.is_filled, state.is_filled)
        return fit_potentials(key, state.recent, log_prior, weights, num_cells=state.num_cells)

    return replace(state, potentials=jax.lax.cond(is_due, refit, lambda: state.potentials))


def _added(counts: jax.Array, sums: jax.Array, decay: jax.Array, old: Running, is_chosen: jax.Array) -> Running:
    """Running sums, to which a batch of the same kind is added."""
    new = Running(decay * old.counts + counts, decay * old.sums + sums)
    return jax.tree.map(lambda new, old: jnp.where(is_chosen, new, old), new, old)


def _usable(logits: Sequence[jax.Array], labels: jax.Array) -> jax.Array:
    """Which rows have a label, and posteriors that allow it ``[n]``."""
    # Information is NaN for a label out of range, and infinite for one that the posterior rules out.
    uniform = jnp.zeros(logits[0].shape[-1])
    return finite_rows(*(pointwise_information(values, labels, uniform) for values in logits))


def _check(state: Tracker, logits: Sequence[jax.Array], labels: jax.Array) -> None:
    """Checks types, and shapes against the tracker."""
    check_type("state", state, Tracker)
    rows = as_array("labels", labels)
    if not jnp.issubdtype(rows.dtype, jnp.integer) or rows.ndim != 1:
        raise TypeError(f"labels: expected integers [n], got dtype {rows.dtype} and shape {rows.shape}")
    check_several("logits", logits, 3)
    check_floats(**{f"logits[{m}]": values for m, values in enumerate(logits)})
    num_classes, shapes = len(state.training.counts), [np.shape(values) for values in logits]
    if len(set(shapes)) > 1 or shapes[0][1:] != (num_classes,):
        raise ValueError(f"logits: expected three of shape [n, {num_classes}], got {shapes}")
    if rows.shape != shapes[0][:1]:
        raise ValueError(f"labels: expected shape {shapes[0][:1]} to match the logits, got {rows.shape}")
