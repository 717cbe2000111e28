"""Uses of interactions: choosing data, weighting distillation, and combining the predictions of models.

`partition` cuts a data set by an interaction, `distillation_weights` and `distillation_loss` train a student on
what its teacher's interactions single out, and `ensemble` pools unimodal and joint predictions sample by sample.
"""

from lsmi_jax.applications._distillation import distillation_loss, distillation_weights
from lsmi_jax.applications._ensemble import Ensemble, ensemble, expected_interactions
from lsmi_jax.applications._partition import partition
from lsmi_jax.applications._shares import Shares, shares

__all__ = [
    "Ensemble",
    "Shares",
    "distillation_loss",
    "distillation_weights",
    "ensemble",
    "expected_interactions",
    "partition",
    "shares",
]
