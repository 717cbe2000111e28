"""Other estimators of the same quantities at the level of a data set, and oracles."""

from lsmi_jax.baselines.batch import PidBatch, pid_batch
from lsmi_jax.baselines.broja import Broja, broja, broja_from_features
from lsmi_jax.baselines.gaussian import gaussian_mmi

__all__ = ["Broja", "PidBatch", "broja", "broja_from_features", "gaussian_mmi", "pid_batch"]
