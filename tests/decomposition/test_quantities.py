import pytest

import lsmi_jax
from lsmi_jax import Interactions, Means
from lsmi_jax.decomposition import (
    GAIN,
    INFORMATION,
    PARTS,
    QUANTITIES,
    SURPRISALS,
    UNION,
    find_quantity,
)
from lsmi_jax.estimation import SAMPLE_COLUMNS


def test_the_table_names_every_field_in_order():
    assert tuple(part.field for part in PARTS) == Interactions._fields
    assert tuple(quantity.field for quantity in (*PARTS, *INFORMATION)) == Means._fields
    assert (*PARTS, *INFORMATION, UNION, GAIN, *SURPRISALS) == QUANTITIES


@pytest.mark.parametrize("kind", ["symbol", "field", "column", "name", "label"])
def test_every_quantity_has_a_name_of_its_own(kind):
    names = [getattr(quantity, kind) for quantity in QUANTITIES]
    assert len(set(names)) == len(names) == 11
    assert len({part.color for part in PARTS}) == 4


@pytest.mark.parametrize("word", ["u2", "U2", "unique2"])
def test_a_quantity_is_found_by_any_of_its_names(word):
    assert find_quantity(word).name == "unique 2"


def test_an_unknown_quantity_names_what_there_is():
    with pytest.raises(ValueError, match=r"by: expected one of r \(redundancy\), .*, s \(synergy\), got 'i1'"):
        find_quantity("i1", PARTS)


def test_columns_are_those_of_the_table():
    columns = {quantity.column for quantity in QUANTITIES}
    own = [name for name in SAMPLE_COLUMNS if name in columns]
    assert own == [quantity.column for quantity in QUANTITIES]
    assert len(SAMPLE_COLUMNS) == len(set(SAMPLE_COLUMNS)) == 11 + 4 + 4 + 1 + 6
    assert lsmi_jax.Means is Means
