import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import CustomRedundancy, DensityOptions, SpecificityAmbiguity, decompose
from lsmi_jax.decomposition import REDUNDANCIES, check_redundancy


@pytest.mark.parametrize("name", REDUNDANCIES)
def test_an_option_object_is_its_pure_function(name, rng):
    quantities = [jnp.asarray(rng.normal(size=20), jnp.float32) for _ in range(5)]
    function, chosen = getattr(lsmi_jax, name), REDUNDANCIES[name]()
    np.testing.assert_array_equal(chosen(*quantities), function(*quantities))
    assert check_redundancy(chosen) is chosen
    assert chosen == REDUNDANCIES[name]()
    assert hash(chosen) == hash(REDUNDANCIES[name]())


def test_surprisals_are_left_out_where_no_density_is_needed(rng):
    information = [jnp.asarray(rng.normal(size=20), jnp.float32) for _ in range(3)]
    for name, kind in REDUNDANCIES.items():
        if kind().density is None:
            given = decompose(*information, None, None, redundancy=kind())
            full = decompose(*information, *information[:2], redundancy=getattr(lsmi_jax, name))
            np.testing.assert_array_equal(given.redundancy, full.redundancy)


def test_options_of_densities_are_owned_by_the_redundancy():
    options = {"space": "features", "num_components": 5, "covariance": 2}
    assert SpecificityAmbiguity(**options).density == DensityOptions(**options)
    assert CustomRedundancy(jnp.add).density is None
    assert CustomRedundancy(jnp.add, DensityOptions(**options)).density.covariance == 2
