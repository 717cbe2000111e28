"""What is fitted: discriminators of the class, densities of features or posteriors, and the training behind them."""

from lsmi_jax.models._calibration import Calibration, fit_calibration
from lsmi_jax.models._chunking import in_chunks
from lsmi_jax.models._density import Density, fit_density
from lsmi_jax.models._discriminant_analysis import fit_discriminant, leave_one_out
from lsmi_jax.models._discriminator import Discriminator, fit_discriminator
from lsmi_jax.models._early_stopping import NUM_PARTS, NUM_SPLITS, EarlyStopped, fit_early_stopped, inner_splits
from lsmi_jax.models._kernel_features import kernel_features
from lsmi_jax.models._knife import Knife
from lsmi_jax.models._linear_algebra import expectations, inverse_cholesky, log_determinant, solve
from lsmi_jax.models._logistic_regression import fit_linear, fit_ridge, linear_losses
from lsmi_jax.models._ordinal import Regression, fit_regression, smoother_of
from lsmi_jax.models._pooling import Pool, fit_pool, mixture_log_weights
from lsmi_jax.models._powers import fit_power, fit_powers
from lsmi_jax.models._probe import Probe
from lsmi_jax.models._products import fit_products
from lsmi_jax.models._stacking import Blend, Stack, fit_blend, fit_stack
from lsmi_jax.models._training import Fit, Schedule, descend, fit, schedule
from lsmi_jax.models._vector_adam import scale_by_vector_adam
from lsmi_jax.models._whitening import Standardize, Statistic, Whiten

__all__ = [
    "NUM_PARTS",
    "NUM_SPLITS",
    "Blend",
    "Calibration",
    "Density",
    "Discriminator",
    "EarlyStopped",
    "Fit",
    "Knife",
    "Pool",
    "Probe",
    "Regression",
    "Schedule",
    "Stack",
    "Standardize",
    "Statistic",
    "Whiten",
    "descend",
    "expectations",
    "fit",
    "fit_blend",
    "fit_calibration",
    "fit_density",
    "fit_discriminant",
    "fit_discriminator",
    "fit_early_stopped",
    "fit_linear",
    "fit_pool",
    "fit_power",
    "fit_powers",
    "fit_products",
    "fit_regression",
    "fit_ridge",
    "fit_stack",
    "in_chunks",
    "inner_splits",
    "inverse_cholesky",
    "kernel_features",
    "leave_one_out",
    "linear_losses",
    "log_determinant",
    "mixture_log_weights",
    "scale_by_vector_adam",
    "schedule",
    "smoother_of",
    "solve",
]
