"""Several binary labels of each sample: the interactions of each label, and of all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import check_several
from lsmi_jax.estimation._diagnostics import Diagnostics
from lsmi_jax.estimation._estimate import estimate
from lsmi_jax.estimation._formatting import is_concrete, plain_repr
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.estimation._several import columns_of_means, estimate_of, means_of, overview_of
from lsmi_jax.estimation._summary import Summary
from lsmi_jax.inputs import check_key, check_names, import_extra, to_host
from lsmi_jax.storage import Progress, Reports, cache_folder, shown

if TYPE_CHECKING:
    import pandas

__all__ = ["Labels", "estimate_labels"]

NOT_HERE = ("num_classes", "target", "log_prior")  # options of `estimate` that binary labels determine


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Labels:
    """Interactions about every one of L binary labels; index it by name or position.

    Attributes:
        estimates: An `Estimate` of each label, in the order of the columns.
        names: Names of the labels.
    """

    estimates: tuple[Estimate, ...]
    names: tuple[str, ...] = field(metadata={"static": True})

    def __getitem__(self, label: int | str) -> Estimate:
        return estimate_of(self.estimates, self.names, label, "label")

    def __len__(self) -> int:
        return len(self.estimates)

    def __repr__(self) -> str:
        if not is_concrete(self.estimates):
            return plain_repr(self)
        heading = f"{len(self)} labels, {self[0].num_samples} samples: raw means in nats"
        rows = (*self.estimates, self.total())
        return overview_of(heading, [*self.names, "sum of all labels"], rows).as_text()

    def total(self) -> Estimate:
        """Sums over the labels, sample by sample.

        If the labels are independent given the modalities, the sum is at least the information about all of them
        together. Otherwise, it can be more or less. It is the sum of L decompositions, not a decomposition of the
        vector.

        Returns:
            An `Estimate` whose parts, information and cross-entropy are sums over the labels, and whose accuracy is
            the share of labels that are predicted.
        """
        first = self.estimates[0]

        def summed(*leaves: Any) -> Any:
            return None if leaves[0] is None else jax.tree.map(lambda *own: jnp.stack(own).sum(0), *leaves)

        names = ("interactions", "adjusted", "information", "i_union", "seeds")
        sums = {name: summed(*(getattr(own, name) for own in self.estimates)) for name in names}
        spread = None if sums["seeds"] is None else jax.tree.map(lambda part: part.std(0, ddof=1), sums["seeds"])
        sums["predictions"] = None  # of one label each
        return first._replace(**sums, spread=spread, diagnostics=_joined([own.diagnostics for own in self.estimates]))

    def means(self, **options: Any) -> Summary:
        """Means of interactions and information about every label, from the same resamples of the rows.

        Args:
            **options: Options of `Estimate.mean` except ``by``.

        Returns:
            A `Summary` of ``[L]`` arrays in the order of the labels, in nats.

        Raises:
            ValueError: As `Estimate.mean`.
        """
        return means_of(self.estimates, **options)

    def to_pandas(self) -> "pandas.DataFrame":
        """Mean interactions about every label (extra ``[table]``).

        Returns:
            One row per label; the columns of `Pairs.to_pandas`.

        Raises:
            ImportError: If pandas is not installed.
        """
        pandas = import_extra("pandas", purpose="Labels.to_pandas", extra="table")
        return pandas.DataFrame(columns_of_means(self.estimates), index=pandas.Index(self.names, name="label"))


SUMS = ("cross_entropy", "prior_entropy", "union_gap", "discriminator_gap")
MEANS = ("accuracy", "density_gap", "single_source_fraction")


def _joined(every: Sequence[Diagnostics]) -> Diagnostics:
    """Diagnostics of several labels as one: sums of losses, means of shares, and the worst of the others."""

    def join(name: str) -> Any:
        values = [getattr(own, name) for own in every]
        if values[0] is None:
            return None
        stacked = jnp.stack(values)
        if name in SUMS:
            return stacked.sum(0)
        if name in MEANS:
            return stacked.mean(0)
        return stacked.min(0) if name == "finite_fraction" else stacked.max(0)

    return Diagnostics(*map(join, Diagnostics._fields))


def estimate_labels(
    key: jax.Array,
    features: Sequence[ArrayLike] | None,
    labels: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    logits: Sequence[ArrayLike] | None = None,
    probabilities: Sequence[ArrayLike] | None = None,
    progress: Reports = "auto",
    checkpoint: str | Path | None = None,
    **options: Any,
) -> Labels:
    """Out-of-fold interactions about each of several binary labels, such as the tags of a sample.

    Every label is a problem of two classes (Eq. 2 of Yang et al., 2025). All have the same shapes, so that programs are
    compiled once.

    Args:
        key: Random key.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``; None as in `lsmi_jax.estimate`.
        labels: Labels ``[n, L]`` of 0 and 1; each column has at least ``num_folds`` zeros and as many ones.
        names: Names of the labels, all different; None for ``label1``, ``label2``, ...
        logits: Logits of 1 of your own discriminators of the first modality, the second, and both, each
            ``[n, L]``; None to train discriminators here.
        probabilities: Their probabilities of 1, instead of logits.
        progress: As in `lsmi_jax.estimate`, with the name of the label before that of the stage.
        checkpoint: As in `lsmi_jax.estimate`; it gets a folder for each label.
        **options: ``num_folds, num_seeds, groups, weights, missing, redundancy`` of `lsmi_jax.estimate`.

    Returns:
        `Labels`, with an `Estimate` of each label in the order of the rows.

    Raises:
        OSError: As `lsmi_jax.estimate`.
        TypeError: If labels are not integers or booleans, or an option is not one of these.
        ValueError: As `lsmi_jax.estimate`, or if labels are not 0 and 1; the message names the label.

    Examples:
        >>> import lsmi_jax
        >>> rng = np.random.default_rng(0)
        >>> labels = np.stack([np.arange(40) % 2, np.arange(40) // 2 % 2], axis=1)
        >>> logits = [np.float32(4 * labels - 2) * sign for sign in (1, 0, 1)]
        >>> tags = estimate_labels(jax.random.key(0), None, labels, logits=logits, num_folds=2)
        >>> print(len(tags), tags["label2"].interactions.unique1.shape)
        2 (40,)
    """
    key, columns = check_key(key), _check_columns(labels)
    if features is not None:
        check_several("features", features, 2)
    named = tuple(map(str, check_names(names, columns.shape[1], prefix="label", each="label")))
    for option in NOT_HERE:
        if option in options:
            raise TypeError(f"{option}: expected None, because every label has the classes 0 and 1")
    predictions = {"logits": logits, "probabilities": probabilities}
    given = {name: _check_predictions(name, views, columns.shape) for name, views in predictions.items()}
    folder = None if checkpoint is None else cache_folder(checkpoint)

    def of_label(position: int, name: str, begin: Progress | None) -> Estimate:
        own: dict[str, Any] = {kind: views and [view[:, position] for view in views] for kind, views in given.items()}
        try:
            return estimate(
                jax.random.fold_in(key, position),
                features,
                columns[:, position],
                num_classes=2,
                progress=begin and partial(_report, begin, name),
                checkpoint=folder and folder / f"label{position + 1}",
                **own,
                **options,
            )
        except ValueError as error:
            raise ValueError(f"{error} (label {name})") from error

    with shown(progress) as begin:
        return Labels(tuple(of_label(position, name, begin) for position, name in enumerate(named)), named)


def _report(progress: Progress, name: str, stage: str) -> None:
    """Reports a stage of one label."""
    progress(f"{name}: {stage}")


def _check_columns(labels: ArrayLike) -> np.ndarray:
    """Checks that labels are 0 and 1, ``[n, L]``."""
    columns = to_host(labels)
    if columns.dtype != bool and not np.issubdtype(columns.dtype, np.integer):
        raise TypeError(f"labels: expected integers 0 and 1 or booleans, got dtype {columns.dtype}")
    if columns.ndim != 2 or not columns.size:
        raise ValueError(f"labels: expected shape [n, L], one column per label, got {columns.shape}")
    if columns.min() < 0 or columns.max() > 1:
        raise ValueError(f"labels: expected 0 and 1, got values from {columns.min()} to {columns.max()}")
    return columns.astype(np.int32)


def _check_predictions(name: str, views: Sequence[ArrayLike] | None, shape: tuple[int, ...]) -> list | None:
    """Checks that there are three predictions of the shape of the labels."""
    if views is None:
        return None
    arrays = [jnp.asarray(view) for view in check_several(name, views, 3)]
    for m, view in enumerate(arrays):
        if view.shape != shape:
            raise ValueError(f"{name}[{m}]: expected shape {shape} to match the labels, got {view.shape}")
    return arrays
