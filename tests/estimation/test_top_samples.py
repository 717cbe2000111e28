import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import KINDS, gain, kind
from lsmi_jax.decomposition import THRESHOLD
from lsmi_jax.estimation import RANKED_BY, ranked, suspicious


@pytest.fixture
def information(rng):
    return tuple(jnp.asarray(rng.normal(size=400), jnp.float32) for _ in range(3))


def test_every_list_holds_its_kind_in_order(information):
    i1, i2, i12 = (np.asarray(i) for i in information)
    least, gains = np.minimum(i1, i2), np.asarray(gain(*information))
    for name, values, sign in zip(KINDS, (least, i1, i2, gains, i1, i2, i12), (-1, -1, -1, -1, 1, 1, 1), strict=True):
        members = np.flatnonzero(np.asarray(kind(*information)) == KINDS.index(name))
        assert len(members) > 5
        np.testing.assert_array_equal(ranked(information, name), members[np.argsort(sign * values[members])])
        assert RANKED_BY[name].endswith("highest first" if sign < 0 else "lowest first")


def test_no_modality_knows_a_sample_that_is_known_only_together(information):
    rows = ranked(information, "only together")
    assert len(rows)
    for i in information[:2]:
        assert np.asarray(i)[rows].max() < THRESHOLD


def test_an_unknown_kind_names_what_there_is(information):
    with pytest.raises(ValueError, match=r"kind: expected one of both know, only x1, .*, got 'both knows'"):
        ranked(information, "both knows")


def test_lists_take_a_number_of_samples(information):
    parts = lsmi_jax.decompose(*information, i_union=information[0])
    result = lsmi_jax.Estimate(parts, parts, information, None, None, diagnostics=None, key=jax.random.key(0))
    assert len(result.suspicious(3)) == len(result.top("both know", np.int64(3))) == 3
    for call in (result.suspicious, lambda n: result.top("both know", n)):
        with pytest.raises(ValueError, match="n: expected at least 1, got -1"):
            call(-1)
        with pytest.raises(TypeError, match=r"n: expected an integer, got 2\.5"):
            call(2.5)


def test_suspicious_samples_have_the_lowest_information(information):
    i1, i2, i12 = information
    known = jnp.where(jnp.arange(400) == 7, jnp.nan, i12)
    rows = suspicious((i1, i2, known))
    assert sorted(rows.tolist()) == [row for row in range(400) if row != 7]
    assert (np.diff(np.asarray(i12)[rows]) >= 0).all()
