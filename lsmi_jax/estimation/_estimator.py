"""What a fit returns: discriminators, densities and potentials, stacked over seeds and folds while they are fitted."""

from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import jax

from lsmi_jax.decomposition import Redundancy, check_type
from lsmi_jax.estimation._whole import WholeModels
from lsmi_jax.inputs import Units
from lsmi_jax.models import Density, Discriminator, Stack
from lsmi_jax.union import Potentials

__all__ = ["Estimator", "check_estimator", "stack", "unstack"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Estimator:
    """Fitted discriminators, and the densities or potentials that the redundancy needs, a pytree.

    Attributes:
        discriminators: Discriminators of each modality, then of each pair; None for your own logits.
        stacks: How the discriminator of each pair is combined with those of its modalities; None for your own logits.
        densities: Density of each modality; None if the redundancy needs none.
        potentials: Potentials of each pair of modalities; None if the redundancy needs no union information.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        units: Units of the columns of each feature block, as the models use them.
        outlier_ratio: Of each feature block ``[M]``, how far the farthest value of a column is from the others, as in
            `Diagnostics`.
        key: Random key for resampling.
        redundancy: The redundancy that it was fitted for.
        knots: Quantiles of a continuous target, whose bins are the classes; None for classes.
        whole: Models of three or more modalities together; None if there are none.
        names: Names of the modalities.
    """

    discriminators: tuple[Discriminator, ...] | None
    stacks: tuple[Stack, ...] | None
    densities: tuple[Density, ...] | None
    potentials: tuple[Potentials, ...] | None
    log_prior: jax.Array
    units: tuple[Units, ...]
    outlier_ratio: jax.Array
    key: jax.Array
    redundancy: Redundancy = field(metadata={"static": True})
    knots: jax.Array | None = None
    whole: WholeModels | None = None
    names: tuple[str, ...] = field(default=("x1", "x2"), metadata={"static": True})

    @property
    def num_features(self) -> tuple[int, ...]:
        """Columns of each feature block."""
        return tuple(own.scale.shape[-1] for own in self.units)

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return self.log_prior.shape[-1]

    def __repr__(self) -> str:
        fitted = {
            "discriminators": self.discriminators,
            "densities": self.densities,
            "potentials": self.potentials,
        }
        names = " and ".join(name for name, models in fitted.items() if models is not None)
        shape = getattr(self.log_prior, "shape", None) or ("?",)
        return (
            f"Estimator of {self.num_features} columns and {shape[-1]} classes for {self.redundancy!r}, "
            f"with {names or 'no models'}"
        )


def check_estimator(estimator: Any, *, only_two: bool = False) -> Estimator:
    """Checks that an object is a fitted estimator.

    Args:
        estimator: The object.
        only_two: Whether it must be of two modalities.

    Returns:
        The estimator.

    Raises:
        TypeError: If it has the wrong type.
        ValueError: If it is of more than two modalities, and only two are allowed.
    """
    if isinstance(estimator, str | PathLike):
        raise TypeError(f"estimator: expected an lsmi_jax.Estimator, got the path {estimator}; pass the path first")
    check_type("estimator", estimator, Estimator)
    if only_two and len(estimator.names) > 2:
        raise ValueError(f"estimator: expected one of two modalities, got one of {len(estimator.names)}")
    return estimator


@jax.jit
def stack(estimator: Estimator) -> Estimator:
    """Adds leading axes of one seed and one fold."""
    return jax.tree.map(lambda leaf: leaf[None, None], estimator)


@jax.jit
def unstack(estimators: Estimator) -> Estimator:
    """Takes the estimator of the first seed and fold."""
    return jax.tree.map(lambda leaf: leaf[0, 0], estimators)
