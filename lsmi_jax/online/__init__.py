"""Inside a training step: differentiable interactions, a penalty on them, and a tracker of running means."""

from lsmi_jax.online._regularizers import batch_interactions, interaction_penalty
from lsmi_jax.online._tracker import Running, Tracker, init_tracker, update_tracker

__all__ = [
    "Running",
    "Tracker",
    "batch_interactions",
    "init_tracker",
    "interaction_penalty",
    "update_tracker",
]
