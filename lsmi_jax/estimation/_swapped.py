"""An estimate with its modalities in the other order."""

from typing import Any

from lsmi_jax.decomposition import Interactions
from lsmi_jax.estimation._predictions import Predictions
from lsmi_jax.estimation._result import Estimate

__all__ = ["swapped"]


def swapped(result: Estimate) -> Estimate:
    """The estimate with the second modality first."""

    def turned(parts: Interactions) -> Interactions:
        return parts._replace(unique1=parts.unique2, unique2=parts.unique1)

    def in_order(values: tuple) -> Any:
        return (values[1], values[0], *values[2:])

    given = result.predictions
    return result._replace(
        interactions=turned(result.interactions),
        adjusted=turned(result.adjusted),
        spread=None if result.spread is None else turned(result.spread),
        seeds=None if result.seeds is None else turned(result.seeds),
        information=in_order(result.information),
        surprisal=None if result.surprisal is None else in_order(result.surprisal),
        diagnostics=result.diagnostics.swapped(),
        predictions=None if given is None else Predictions(*map(in_order, given)),
    )
