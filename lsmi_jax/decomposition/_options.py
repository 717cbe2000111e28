"""Redundancies as option objects: each owns its options and states which densities it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax

from lsmi_jax.decomposition._arrays import check_count
from lsmi_jax.decomposition._redundancies import (
    common_change,
    minimum_information,
    shared_exclusions,
    specificity_ambiguity,
    union_information,
)

__all__ = [
    "DEFAULT_REDUNDANCY",
    "REDUNDANCIES",
    "CommonChange",
    "CustomRedundancy",
    "DensityOptions",
    "MinimumInformation",
    "PointwiseRedundancy",
    "Redundancy",
    "SharedExclusions",
    "SpecificityAmbiguity",
    "UnionInformation",
    "check_mixture",
    "num_cells_of",
]

PointwiseRedundancy = Callable[..., jax.Array]
"""A function of ``i1, i2, i12, h1, h2``, elementwise, in nats; with ``i_union`` as a keyword where that is given."""


@dataclass(frozen=True)
class DensityOptions:
    """Densities of the features that a redundancy needs for its surprisals h1 and h2 (Eq. 7 of Yang et al., 2025).

    Attributes:
        num_components: Number of Gaussians of a `lsmi_jax.Knife`.
        covariance: Covariance of a Gaussian on whitened columns: ``"diagonal"``, ``"full"``, or an integer,
            the rank of a low-rank term that is added to a diagonal precision.

    Raises:
        TypeError: If the number of Gaussians is not an integer.
        ValueError: If an option is out of range.
    """

    num_components: int = 16
    covariance: str | int = "diagonal"

    def __post_init__(self) -> None:
        check_mixture(self.num_components, self.covariance)


class Redundancy(Protocol):
    """What `lsmi_jax.estimate` takes as ``redundancy``: a pointwise redundancy, and what it needs.

    `UnionInformation` also has ``num_cells``, and is called with ``i_union``.
    """

    @property
    def density(self) -> DensityOptions | None:
        """Options of the densities of both modalities; None if h1 and h2 are not used."""

    def __call__(self, i1: Any, i2: Any, i12: Any, h1: Any, h2: Any) -> Any:
        """Pointwise redundancy in nats, elementwise; h1 and h2 are None where ``density`` is None."""


@dataclass(frozen=True)
class UnionInformation:
    """The redundancy of Bertschinger et al. (2014) for one sample, `lsmi_jax.union_information`.

    Potentials of the two modalities are fitted to out-of-fold class posteriors; no density is fitted. Means need no
    shift: no mean part is negative except by estimation error. With exact posteriors, a
    modality that is pure noise has zero redundancy and zero uniqueness on every sample.

    Attributes:
        num_cells: Number of cells of the codebook of posteriors, even.

    Raises:
        TypeError: If the number of cells is not an integer.
        ValueError: If it is odd or not positive.
    """

    num_cells: int = 192

    def __post_init__(self) -> None:
        if check_count("num_cells", self.num_cells, 2) % 2:
            raise ValueError(f"num_cells: expected a positive even number, got {self.num_cells}")

    @property
    def density(self) -> None:
        """No density."""
        return None

    def __call__(self, i1: Any, i2: Any, i12: Any, h1: Any, h2: Any, i_union: Any = None) -> Any:
        """Pointwise redundancy in nats."""
        if i_union is None:
            raise ValueError("i_union: expected the pointwise union information, got None")
        return union_information(i1, i2, i12, h1, h2, i_union)


@dataclass(frozen=True)
class SpecificityAmbiguity(DensityOptions):
    """The paper's redundancy, `lsmi_jax.specificity_ambiguity`, with its densities (Eq. 5-7 of Yang et al., 2025).

    Attributes:
        num_components: Number of Gaussians of each density.
        covariance: As in `DensityOptions`.

    Examples:
        >>> SpecificityAmbiguity(num_components=8).density
        DensityOptions(num_components=8, covariance='diagonal')
    """

    @property
    def density(self) -> DensityOptions:
        """Options of the densities."""
        return DensityOptions(self.num_components, self.covariance)

    def __call__(self, i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array) -> jax.Array:
        """Pointwise redundancy in nats."""
        return specificity_ambiguity(i1, i2, i12, h1, h2)


@dataclass(frozen=True)
class SharedExclusions(DensityOptions):
    """The redundancy of Makkeh et al. (2021), `lsmi_jax.shared_exclusions`, with its densities.

    Attributes:
        num_components: Number of Gaussians of each density.
        covariance: As in `DensityOptions`.
    """

    @property
    def density(self) -> DensityOptions:
        """Options of the densities."""
        return DensityOptions(self.num_components, self.covariance)

    def __call__(self, i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array) -> jax.Array:
        """Pointwise redundancy in nats."""
        return shared_exclusions(i1, i2, i12, h1, h2)


@dataclass(frozen=True)
class MinimumInformation:
    """The smaller of i1 and i2, `lsmi_jax.minimum_information`; no density is fitted."""

    @property
    def density(self) -> None:
        """No density."""
        return None

    def __call__(self, i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: Any, h2: Any) -> jax.Array:
        """Pointwise redundancy in nats."""
        return minimum_information(i1, i2, i12, h1, h2)


@dataclass(frozen=True)
class CommonChange:
    """The redundancy of Ince (2017), `lsmi_jax.common_change`; no density is fitted."""

    @property
    def density(self) -> None:
        """No density."""
        return None

    def __call__(self, i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: Any, h2: Any) -> jax.Array:
        """Pointwise redundancy in nats."""
        return common_change(i1, i2, i12, h1, h2)


@dataclass(frozen=True)
class CustomRedundancy:
    """Your own pointwise redundancy.

    Attributes:
        function: A function of ``i1, i2, i12, h1, h2``, elementwise, in nats, that JAX can trace.
        density: The densities that h1 and h2 come from; None if the function does not use them.

    Examples:
        >>> mean = CustomRedundancy(lambda i1, i2, i12, h1, h2: (i1 + i2) / 2)
        >>> mean(1.0, 0.5, 2.0, None, None)
        0.75
    """

    function: PointwiseRedundancy
    density: DensityOptions | None = None

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(f"function: expected a function of i1, i2, i12, h1, h2, got {self.function!r}")
        if not isinstance(self.density, DensityOptions | None):
            raise TypeError(f"density: expected lsmi_jax.DensityOptions(...) or None, got {self.density!r}")

    def __call__(self, i1: Any, i2: Any, i12: Any, h1: Any, h2: Any) -> Any:
        """Pointwise redundancy in nats."""
        return self.function(i1, i2, i12, h1, h2)


REDUNDANCIES: dict[str, Any] = {
    "union_information": UnionInformation,
    "specificity_ambiguity": SpecificityAmbiguity,
    "shared_exclusions": SharedExclusions,
    "minimum_information": MinimumInformation,
    "common_change": CommonChange,
}
"""Option objects by the name of their pure function, for files and the command line."""


DEFAULT_REDUNDANCY = UnionInformation()


def num_cells_of(redundancy: Any) -> int | None:
    """Number of cells of the union information that a redundancy needs; None if it needs none."""
    return getattr(redundancy, "num_cells", None)


def check_mixture(num_components: int, covariance: str | int) -> None:
    """Raises TypeError or ValueError if the options of a Gaussian mixture are of the wrong type or out of range."""
    check_count("num_components", num_components, 1)
    is_rank = isinstance(covariance, int) and not isinstance(covariance, bool) and covariance >= 1
    if covariance not in ("full", "diagonal") and not is_rank:
        raise ValueError(f'covariance: expected "full", "diagonal" or a positive rank, got {covariance!r}')
