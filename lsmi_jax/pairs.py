"""More than two modalities: every pair of them decomposed, what is of one alone fitted once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.crossfit import cross_fit
from lsmi_jax.decomposition import Redundancy, specificity_ambiguity
from lsmi_jax.estimator import EntropySpace, pairs_of
from lsmi_jax.placement import everywhere
from lsmi_jax.result import Estimate
from lsmi_jax.stages import Progress
from lsmi_jax.summary import Summary

__all__ = ["Pairs", "estimate_pairs"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pairs:
    """Interactions of every pair of M modalities; ``result["text", "audio"]`` or ``result[0]`` is that of one.

    Attributes:
        estimates: An `Estimate` of each pair, in the order of ``pairs``.
        names: Names of the modalities, in the order of the feature blocks.
    """

    estimates: tuple[Estimate, ...]
    names: tuple[str, ...] = field(metadata={"static": True})

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names of the first and the second modality of each pair."""
        return tuple((self.names[a], self.names[b]) for a, b in pairs_of(len(self.names)))

    def __getitem__(self, pair: int | tuple[str, str]) -> Estimate:
        if isinstance(pair, int):
            return self.estimates[pair]
        if pair not in self.pairs:
            raise KeyError(f"pair: expected one of {', '.join(map(str, self.pairs))}, got {pair!r}")
        return self.estimates[self.pairs.index(pair)]

    def __len__(self) -> int:
        return len(self.estimates)

    def means(self, **options: Any) -> Summary:
        """Means of interactions and information of every pair, from the same resamples of the rows.

        Args:
            **options: Those of `Estimate.mean` but for ``groups``.

        Returns:
            A `Summary` of ``[P]`` arrays in the order of ``pairs``, in nats.

        Raises:
            ValueError: As `Estimate.mean`.
        """
        each = [one.mean(**options) for one in self.estimates]
        return jax.tree.map(lambda *of_pairs: jnp.stack(of_pairs), *each)


@everywhere
def estimate_pairs(
    key: jax.Array,
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    num_folds: int = 5,
    num_seeds: int = 1,
    num_classes: int | None = None,
    logits: Sequence[ArrayLike] | None = None,
    log_prior: ArrayLike | None = None,
    entropy_space: EntropySpace = "posterior",
    redundancy: Redundancy = specificity_ambiguity,
    num_components: int = 16,
    covariance: str | int = "diagonal",
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Pairs:
    """Out-of-fold interactions of every pair of modalities, as in Table 7 of Yang et al. (2025).

    The discriminator and the density of each modality are fitted once and serve all its pairs: M of both, and
    M(M-1)/2 discriminators of two modalities, on the same folds. With two blocks it is `lsmi_jax.estimate`.

    Args:
        key: Random key.
        features: Two or more feature blocks, each ``[n, d]``.
        labels: Class labels ``[n]`` in ``0..K-1``, at least ``num_folds`` of every class.
        names: Names of the modalities, all different; None for ``x1``, ``x2``, ...
        num_folds: As in `lsmi_jax.estimate`.
        num_seeds: As in `lsmi_jax.estimate`.
        num_classes: As in `lsmi_jax.estimate`.
        logits: Logits ``[n, K]`` of the user's own discriminators, of each modality, then of each pair in the order
            (1, 2), (1, 3), ..., (2, 3), ..., not fitted on these rows; None to train them here.
        log_prior: As in `lsmi_jax.estimate`.
        entropy_space: As in `lsmi_jax.estimate`.
        redundancy: As in `lsmi_jax.estimate`.
        num_components: As in `lsmi_jax.estimate`.
        covariance: As in `lsmi_jax.estimate`.
        progress: As in `lsmi_jax.estimate`.
        checkpoint: As in `lsmi_jax.estimate`.

    Returns:
        `Pairs`, with an `Estimate` of each pair in the order of the rows.

    Raises:
        OSError: If the checkpoint cannot be written; what it held before stays.
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    named = _check_names(names, features)
    estimates = cross_fit(
        key,
        features,
        labels,
        only_two=False,
        names=(*named, *(f"{named[a]} and {named[b]}" for a, b in pairs_of(len(named)))),
        num_folds=num_folds,
        num_seeds=num_seeds,
        num_classes=num_classes,
        logits=logits,
        log_prior=log_prior,
        entropy_space=entropy_space,
        redundancy=redundancy,
        num_components=num_components,
        covariance=covariance,
        progress=progress,
        checkpoint=checkpoint,
    )
    return Pairs(estimates, named)


def _check_names(names: Sequence[str] | None, features: Sequence[ArrayLike]) -> tuple[str, ...]:
    """Names of as many blocks as there are, all different."""
    count = len(features) if isinstance(features, Sequence) else 0  # what is wrong with them is said later
    if names is None:
        return tuple(f"x{m + 1}" for m in range(count))
    if isinstance(names, str) or len(names) != count or len(set(names)) != count:
        raise ValueError(f"names: expected {count} different names, one a feature block, got {names!r}")
    return tuple(names)
