"""Data with known answers: synthetic tasks, exact for every sample, and a packaged set of real digits.

`circuit_logic`, `gaussian_mixture` and `preset` draw a `Task`, which holds the exact information, surprisal and
interactions of its samples. `preset_from_pool` pairs rows of real features so that the type of each sample is
known. `load_multiple_features` loads handwritten digits in six modalities.
"""

from lsmi_jax.datasets._gates import AND, COPY1, OR, RDN, XOR, XOR_NOT, Gate
from lsmi_jax.datasets._mixtures import SAMPLE_TYPES, Task
from lsmi_jax.datasets._multiple_features import MultipleFeatures, load_multiple_features
from lsmi_jax.datasets._pools import TypedSamples, preset_from_pool
from lsmi_jax.datasets._synthetic import circuit_logic, gaussian_mixture, preset

__all__ = [
    "AND",
    "COPY1",
    "OR",
    "RDN",
    "SAMPLE_TYPES",
    "XOR",
    "XOR_NOT",
    "Gate",
    "MultipleFeatures",
    "Task",
    "TypedSamples",
    "circuit_logic",
    "gaussian_mixture",
    "load_multiple_features",
    "preset",
    "preset_from_pool",
]
