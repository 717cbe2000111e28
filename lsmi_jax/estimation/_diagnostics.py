"""Diagnostics of an estimate, as numbers and as findings in plain text."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import finite_rows

__all__ = ["Diagnostics", "all_finite"]

REPEATED = 0.05  # of the rows
MOSTLY = 0.5  # of the columns
OUTLIER = 1e6  # times the spread of a column: next to it, float32 keeps hardly a digit of other values
_NAMES = ("the first modality", "the second modality", "both modalities")


class Diagnostics(NamedTuple):
    """How far the parts of an estimate can be trusted.

    Attributes:
        single_source_fraction: Fraction of samples where the same modality has both the smaller surprisal and the
            smaller conditional surprisal (Eq. 5); None without densities.
        cross_entropy: Cross-entropy of each discriminator (first, second, both) on the scored rows ``[3]``.
        accuracy: Accuracy of each discriminator on the scored rows ``[3]``.
        prior_entropy: Entropy of the log-prior, the cross-entropy of a useless discriminator.
        discriminator_gap: Training minus held-out loss of each discriminator ``[3]``; None for your own
            logits.
        density_gap: Training minus held-out mean surprisal of each density ``[2]``; None without densities.
        finite_fraction: Fraction of samples whose interactions, information and surprisal are all finite.
        union_violation: Largest ``log sum_y exp(a_y(x1) + b_y(x2))`` over pairs of held-out rows, in nats; the
            constraint of the union information is that it is not positive. None without potentials.
        union_gap: Upper minus lower bound on the union information of the fitted cells, in nats; None without
            potentials.
        outlier_ratio: Largest distance of a value from the mean of the others in its column, divided by their mean
            absolute deviation, among the rows of the fit, of each modality ``[2]``.
        missing_fraction: Fraction of samples that lack the first modality, the second, and either ``[3]``; None if none
            does. Losses and accuracies are of the samples that have both.
        repeated_fraction: Fraction of rows that another row nearly repeats, of another group if there are groups, in
            each modality ``[2]``; None for scored data.
        neighbor_likeness: Mean log-ratio of the distance between random rows of a class to the distance between
            consecutive rows, in each modality ``[2]``; zero unless consecutive rows are closer, and share labels more
            often, than by chance. None for scored data.
        constant_fraction: Fraction of columns of each modality that are constant ``[2]``; None for scored data.
        unlabeled_fraction: Fraction of samples without a label; None if all have one.
    """

    single_source_fraction: jax.Array | None
    cross_entropy: jax.Array
    accuracy: jax.Array
    prior_entropy: jax.Array
    discriminator_gap: jax.Array | None
    density_gap: jax.Array | None
    finite_fraction: jax.Array
    union_violation: jax.Array | None = None
    union_gap: jax.Array | None = None
    outlier_ratio: jax.Array | None = None
    missing_fraction: jax.Array | None = None
    repeated_fraction: jax.Array | None = None
    neighbor_likeness: jax.Array | None = None
    constant_fraction: jax.Array | None = None
    unlabeled_fraction: jax.Array | None = None

    def swapped(self) -> "Diagnostics":
        """The diagnostics with the second modality first; values of both together stay last."""
        by_view = {name: value for name, value in self._asdict().items() if np.ndim(value) == 1}
        return self._replace(**{name: jnp.stack([v[1], v[0], *v[2:]]) for name, v in by_view.items()})

    def findings(self) -> list[str]:
        """Describes what is unusual, and what to do about it; empty if nothing is."""
        found = []
        single = 0.0 if self.single_source_fraction is None else float(self.single_source_fraction)
        if single > 0.95:
            found.append(
                f"On {single:.0%} of the samples, the same modality has both the smaller surprisal and the smaller "
                "conditional surprisal (Eq. 5 of the paper), so its uniqueness is zero there whatever the data: the "
                "two surprisals are not comparable. The union information needs no surprisal."
            )
        finite = float(self.finite_fraction)
        if finite < 1:
            found.append(
                f"{100 * (1 - finite):.2g}% of the samples have infinite or undefined values and are excluded from all "
                "means. Look for logits that rule out the label, or for features that are not finite."
            )
        if self.missing_fraction is not None:
            first, second, either = (float(fraction) for fraction in self.missing_fraction)
            found.append(
                f"{first:.1%} of the samples lack the first modality and {second:.1%} the second: means are over the "
                f"{1 - either:.1%} that have both. Check whether these differ from the others."
            )
        if self.unlabeled_fraction is not None:
            found.append(
                f"{float(self.unlabeled_fraction):.1%} of the samples have no label. They are excluded from all "
                "means and used only to fit what needs no label. Check whether they differ from the others."
            )
        for name, ratio in zip(_NAMES, _values(self.outlier_ratio), strict=False):
            if ratio > OUTLIER:
                found.append(
                    f"A column of {name} has an outlier: it is {ratio:.0e} times farther from the mean than the other "
                    "values are. In float32, differences among the others are lost. Correct the value or remove its "
                    "row."
                )
        return found + self._data_findings() + self._discriminator_findings() + self._density_findings()

    def _data_findings(self) -> list[str]:
        """Findings about rows that belong together, and columns that carry no information."""
        found = []
        for name, fraction in zip(_NAMES, _values(self.repeated_fraction), strict=False):
            if fraction > REPEATED:
                found.append(
                    f"{fraction:.0%} of the rows of {name} are nearly repeated by another row, so models may be "
                    "tested on rows that they were fitted on. Use groups (--split-by) to keep the copies of a row "
                    "together."
                )
        for name, ratio in zip(_NAMES, _values(self.neighbor_likeness), strict=False):
            if ratio > 0:
                found.append(
                    f"Consecutive rows share labels and are alike in {name} ({np.exp(ratio):.1f} times nearer than "
                    "other rows of their class), as in a series or with several rows per source. Use groups "
                    "(--split-by) to keep together the rows of a source, or long stretches of rows "
                    "(consecutive_groups)."
                )
        for name, fraction in zip(_NAMES, _values(self.constant_fraction), strict=False):
            if fraction == 1:
                found.append(
                    f"All columns of {name} are constant, so it carries no information. Check how they were read."
                )
            elif fraction > MOSTLY:
                found.append(f"{fraction:.0%} of the columns of {name} are constant. Check how they were read.")
        return found

    def _discriminator_findings(self) -> list[str]:
        """Findings about held-out loss and overfitting of the discriminators."""
        found = []
        cross_entropy, prior_entropy = np.asarray(self.cross_entropy), float(self.prior_entropy)
        for name, loss in zip(_NAMES, cross_entropy, strict=True):
            if loss > prior_entropy + 0.01:
                found.append(
                    f"The discriminator of {name} does worse than the class frequencies on the scored rows "
                    f"(cross-entropy {loss:.3f} against {prior_entropy:.3f} nats). Treat its information as zero, or "
                    "add samples."
                )
        if cross_entropy[2] > cross_entropy[:2].min() + 0.01:
            found.append(
                "The joint discriminator does worse than that of a single modality, so the synergy is "
                f"biased downward (cross-entropies {', '.join(f'{c:.3f}' for c in cross_entropy)} nats). Add "
                "samples, or pass logits of a better joint model."
            )
        for name, gap in zip(_NAMES, _values(self.discriminator_gap), strict=False):
            if gap < -0.3:
                found.append(f"The discriminator of {name} overfits by {-gap:.2f} nats. More samples would help.")
        return found

    def _density_findings(self) -> list[str]:
        """Findings about overfitting of the densities."""
        return [
            f"The density of {name} overfits by {-gap:.2f} nats: a redundancy measure that uses surprisals is "
            "unreliable. The union information needs no density."
            for name, gap in zip(_NAMES, _values(self.density_gap), strict=False)
            if gap < -1
        ]


def _values(array: jax.Array | None) -> np.ndarray:
    """Values of an array on the host; none for None."""
    return np.empty(0) if array is None else np.asarray(array)


def all_finite(*arrays: jax.Array, where: jax.Array | None = None) -> jax.Array:
    """Fraction of rows, of those to count, where every array is finite."""
    # Exactly 1 where all are; a mean of ones need not be.
    return 1 - jnp.mean((~finite_rows(*arrays)).astype(jnp.float32), where=where)
