import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import CustomRedundancy, DensityOptions, SpecificityAmbiguity, decompose
from lsmi_jax.decomposition import REDUNDANCIES, check_redundancy, num_cells_of


@pytest.mark.parametrize("name", REDUNDANCIES)
def test_an_option_object_is_its_pure_function(name, rng):
    function, chosen = getattr(lsmi_jax, name), REDUNDANCIES[name]()
    count = 5 if num_cells_of(chosen) is None else 6
    quantities = [jnp.asarray(rng.normal(size=20), jnp.float32) for _ in range(count)]
    np.testing.assert_array_equal(chosen(*quantities), function(*quantities))
    assert check_redundancy(chosen) is chosen
    assert chosen == REDUNDANCIES[name]()
    assert hash(chosen) == hash(REDUNDANCIES[name]())


def test_surprisals_are_left_out_where_no_density_is_needed(rng):
    information = [jnp.asarray(rng.normal(size=20), jnp.float32) for _ in range(3)]
    for name, kind in REDUNDANCIES.items():
        if kind().density is None and num_cells_of(kind()) is None:
            given = decompose(*information, None, None, redundancy=kind())
            full = decompose(*information, *information[:2], redundancy=getattr(lsmi_jax, name))
            np.testing.assert_array_equal(given.redundancy, full.redundancy)


def test_options_of_densities_are_owned_by_the_redundancy():
    options = {"num_components": 5, "covariance": 2}
    assert SpecificityAmbiguity(**options).density == DensityOptions(**options)
    assert CustomRedundancy(jnp.add).density is None
    assert CustomRedundancy(jnp.add, DensityOptions(**options)).density.covariance == 2


def test_union_information_decomposes_and_must_be_given(rng):
    i1, i2, i12, union = (jnp.asarray(rng.normal(size=20), jnp.float32) for _ in range(4))
    r, u1, u2, s = decompose(i1, i2, i12, i_union=union)
    for ours, expected in ((r, i1 + i2 - union), (u1, union - i2), (u2, union - i1), (s, i12 - union)):
        np.testing.assert_allclose(ours, expected, atol=1e-5)
    same = decompose(i1, i2, i12, i_union=union, redundancy=lsmi_jax.UnionInformation())
    np.testing.assert_array_equal(same.synergy, s)
    with pytest.raises(ValueError, match="i_union: expected the pointwise union information, got None"):
        decompose(i1, i2, i12, redundancy=lsmi_jax.UnionInformation())
    with pytest.raises(ValueError, match="num_cells: expected a positive even number, got 7"):
        lsmi_jax.UnionInformation(num_cells=7)
