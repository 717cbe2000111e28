"""Names of modalities, of their views, and of the stages of a fit."""

from collections.abc import Sequence

from lsmi_jax.decomposition import Redundancy, num_cells_of
from lsmi_jax.estimation._whole import stages_of_whole
from lsmi_jax.inputs import check_names, pairs_of
from lsmi_jax.union import MOST_MODALITIES

__all__ = ["names_of_modalities", "names_of_views", "stages_of"]


def names_of_modalities(names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Checks the number and the names of modalities that are decomposed together.

    Args:
        names: Names of three or more modalities; None for ``x1``, ``x2``, ...
        count: Number of modalities.

    Returns:
        The names.

    Raises:
        ValueError: If there are too many modalities, two modalities have names, or the names are not all different or
            not one per modality.
    """
    if count > MOST_MODALITIES:
        raise ValueError(
            f"features: expected 2 to {MOST_MODALITIES} feature blocks, got {count}; estimate_pairs takes any number"
        )
    if count == 2 and names is not None:
        raise ValueError("names: expected None for two feature blocks, whose parts are U1 and U2 in their order")
    return check_names(names, count, prefix="x", each="feature block")


def stages_of(
    names: tuple[str, ...], redundancy: Redundancy, *, fits_discriminators: bool, together: bool
) -> list[str]:
    """Names of the stages of `fit_stacked`, in order.

    Args:
        names: Names of the modalities.
        redundancy: What the fit is for.
        fits_discriminators: Whether there are no logits of the user's.
        together: Whether models of all modalities are fitted, too.

    Returns:
        What ``stage`` is called with.
    """
    views_named = names_of_views(names)
    stages = [f"{name} discriminator" for name in views_named] if fits_discriminators else []
    stages += [f"{name} density" for name in views_named[: len(names)]] if redundancy.density is not None else []
    if num_cells_of(redundancy) is not None:
        stages += [f"{name} union information" for name in views_named[len(names) :]]
    return stages + (stages_of_whole(fits_discriminator=fits_discriminators) if together else [])


def names_of_views(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the views that discriminators are fitted on: each modality, then each pair.

    Args:
        names: Names of the modalities.

    Returns:
        M(M+1)/2 names.
    """
    if len(names) == 2:
        return ("first", "second", "joint")
    return (*names, *(f"{names[a]} and {names[b]}" for a, b in pairs_of(len(names))))
