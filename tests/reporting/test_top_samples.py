from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import KINDS, gain, kind
from lsmi_jax.decomposition import THRESHOLD
from lsmi_jax.reporting._top_samples import name_modalities, top_samples


@pytest.fixture
def estimate(rng):
    information = tuple(jnp.asarray(rng.normal(size=400), jnp.float32) for _ in range(3))
    return SimpleNamespace(information=information, gain=gain(*information), kind=kind(*information))


def test_every_list_holds_its_kind_in_order(estimate):
    i1, i2, i12 = (np.asarray(i) for i in estimate.information)
    least, gains = np.minimum(i1, i2), np.asarray(estimate.gain)
    tops = top_samples(estimate, 5)
    assert tuple(top.kind for top in tops) == KINDS
    for top, values, sign in zip(tops, (least, i1, i2, gains, i1, i2, i12), (-1, -1, -1, -1, 1, 1, 1), strict=True):
        members = np.flatnonzero(np.asarray(estimate.kind) == KINDS.index(top.kind))
        assert top.size == len(members) > 5
        np.testing.assert_array_equal(top.rows, members[np.argsort(sign * values[members])][:5])
        np.testing.assert_array_equal(top.values, values[top.rows])
        assert top.ranked_by.endswith("highest first" if sign < 0 else "lowest first")


def test_no_modality_knows_a_sample_that_is_known_only_together(estimate):
    top = top_samples(estimate, 400)[KINDS.index("only together")]
    assert len(top.rows) == top.size > 0
    for i in estimate.information[:2]:
        assert np.asarray(i)[top.rows].max() < THRESHOLD


def test_names_replace_x1_and_x2_once():
    assert name_modalities("only x1", ("x2", "x1")) == "only x2"
    assert name_modalities("x2 misleads", ("audio", "video")) == "video misleads"
    assert name_modalities("both know", ("audio", "video")) == "both know"
