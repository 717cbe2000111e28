"""What sample-wise interactions are good for: choosing data, guiding distillation, combining models."""

from lsmi_jax.applications.distillation import distillation_loss, distillation_weights
from lsmi_jax.applications.ensemble import Ensemble, ensemble, expected_interactions
from lsmi_jax.applications.partition import partition
from lsmi_jax.applications.shares import Shares, shares

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
