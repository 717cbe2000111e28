import re

import jax.numpy as jnp

from lsmi_jax import Diagnostics
from lsmi_jax.decomposition import PARTS
from lsmi_jax.estimation import Cell, negative_parts

NORMAL = Diagnostics(
    single_source_fraction=None,
    cross_entropy=jnp.asarray([0.5, 0.6, 0.4]),
    accuracy=jnp.asarray([0.8, 0.7, 0.9]),
    prior_entropy=jnp.asarray(0.69),
    discriminator_gap=jnp.zeros(3),
    density_gap=None,
    finite_fraction=jnp.asarray(1.0),
)
UNUSUAL = {
    "single_source_fraction": jnp.asarray(0.99),
    "finite_fraction": jnp.asarray(0.9),
    "missing_fraction": jnp.asarray([0.1, 0.2, 0.25]),
    "unlabeled_fraction": jnp.asarray(0.3),
    "outlier_ratio": jnp.asarray([1e9, 1.0]),
    "repeated_fraction": jnp.asarray([0.5, 0.0]),
    "neighbor_likeness": jnp.asarray([1.0, 0.0]),
    "constant_fraction": jnp.asarray([1.0, 0.9]),
    "cross_entropy": jnp.asarray([0.8, 0.5, 0.6]),
    "discriminator_gap": jnp.asarray([-1.0, 0.0, 0.0]),
    "density_gap": jnp.asarray([-2.0, 0.0]),
}
ACTION = re.compile(
    r"^(Add|Check|Correct|Keep|Look|Treat|Use|More samples would help|The union information needs)\b.*\.$", re.DOTALL
)


def actions(findings):
    """The last sentence of each finding."""
    return [re.split(r"(?<=[.:)]) (?=[A-Z])", finding)[-1] for finding in findings]


def test_nothing_unusual_has_no_finding():
    assert NORMAL.findings() == []


def test_every_finding_ends_with_what_to_do():
    found = NORMAL._replace(**UNUSUAL).findings()
    assert len(found) == len(UNUSUAL) + 2  # constant columns of both modalities, and two findings about losses
    for action in actions(found):
        assert ACTION.match(action), action


def test_negative_parts_say_what_to_do():
    for index in range(len(PARTS)):
        cells = [Cell(-0.5 if part == index else 0.5, 0.01) for part in range(len(PARTS))]
        (found,) = negative_parts(cells)
        assert ACTION.match(actions([found])[0]), found
