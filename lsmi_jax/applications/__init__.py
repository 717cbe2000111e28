"""Uses of interactions: choosing data, distillation, combining predictions, and probing a trained network.

`partition` splits a data set by an interaction. `distillation_weights` and `distillation_loss` weight the distillation
of a student by its teacher's interactions. `ensemble` pools unimodal and joint predictions sample by sample.
`masked_interactions` and `probe_layers` show what a trained network uses, and what its layers know.
"""

from lsmi_jax.applications._distillation import distillation_loss, distillation_weights
from lsmi_jax.applications._ensemble import Ensemble, ensemble, expected_interactions
from lsmi_jax.applications._layers import Layers, probe_layers
from lsmi_jax.applications._masked import Unused, information_unused, masked_interactions
from lsmi_jax.applications._partition import partition
from lsmi_jax.applications._shares import Shares, shares

__all__ = [
    "Ensemble",
    "Layers",
    "Shares",
    "Unused",
    "distillation_loss",
    "distillation_weights",
    "ensemble",
    "expected_interactions",
    "information_unused",
    "masked_interactions",
    "partition",
    "probe_layers",
    "shares",
]
