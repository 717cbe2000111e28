"""Other estimators of redundancy, uniqueness and synergy, for a whole data set rather than for each sample.

`broja` is exact for discrete joints and `gaussian_mmi` for Gaussians, so that both also serve as ground truth;
`pid_batch` and `broja_from_features` estimate from samples.
"""

from lsmi_jax.baselines._broja import Broja, broja, broja_from_features
from lsmi_jax.baselines._gaussian import gaussian_mmi
from lsmi_jax.baselines._pid_batch import PidBatch, pid_batch

__all__ = ["Broja", "PidBatch", "broja", "broja_from_features", "gaussian_mmi", "pid_batch"]
