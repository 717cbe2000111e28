"""Options that describe a data set beyond its features and labels."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from jax.typing import ArrayLike

from lsmi_jax.inputs._missing import Missing, Unlabeled
from lsmi_jax.inputs._targets import Target

__all__ = ["DataOptions", "check_data_options", "given_options"]

DEFAULTS = {"missing": "error", "unlabeled": "error", "target": "classes"}  # of all other options, None


class DataOptions(TypedDict, total=False):
    """Keyword arguments that describe the data, the same for all functions that take them.

    Attributes:
        num_classes: Number of classes K; None for one more than the largest label.
        logits: Logits of your own discriminators.
        probabilities: Their probabilities, instead of logits.
        log_prior: Log-prior ``[K]`` in nats; None for the weighted frequencies of the labels.
        groups: Group of each row ``[n]``; None if all rows are independent.
        weights: Weight of each row ``[n]``; None for equal weights.
        missing: Where rows lack a block.
        unlabeled: Whether rows may lack a label.
        target: Whether labels are classes or numbers.
    """

    num_classes: int | None
    logits: Sequence[ArrayLike] | None
    probabilities: Sequence[ArrayLike] | None
    log_prior: ArrayLike | None
    groups: ArrayLike | None
    weights: ArrayLike | None
    missing: Missing
    unlabeled: Unlabeled
    target: Target


def check_data_options(options: Mapping[str, Any]) -> None:
    """Checks the names of keyword arguments.

    Args:
        options: Values by name.

    Raises:
        TypeError: If a name is none of `DataOptions`.
    """
    unknown = [name for name in options if name not in DataOptions.__annotations__]
    if unknown:
        known = ", ".join(DataOptions.__annotations__)
        raise TypeError(f"{unknown[0]}: expected one of {known}, got an unknown argument")


def given_options(options: Mapping[str, Any]) -> list[str]:
    """Names of the options that do not have their default.

    Args:
        options: Values by name, of `DataOptions`.

    Returns:
        The names, in their order.
    """

    def is_default(name: str, value: Any) -> bool:
        return value is None or (isinstance(value, str) and value == DEFAULTS.get(name))

    return [name for name, value in options.items() if not is_default(name, value)]
