"""The small models of the studies, and their training."""

import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

sys.path.append(str(Path(__file__).parents[1] / "examples" / "paper"))
models, train, transformer = (pytest.importorskip(name) for name in ("models", "train", "transformer"))

MODELS = (
    models.Joint,
    models.Bottleneck,
    models.Bilinear,
    models.Additive,
    models.Weighted,
    models.QualityAware,
    models.ModalityDropout,
    models.Alignment,
    models.Reconstruction,
)
QUICK = {"num_folds": 2, "num_rounds": 2, "steps_per_round": 5, "batch_size": 16}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = (np.arange(48) % 3).astype(np.int32)
    return tuple((rng.normal(size=(48, d)) + labels[:, None]).astype(np.float32) for d in (4, 6)), labels


def gradients(model, key, features, labels):
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)
    return jax.jit(jax.grad(lambda params: nnx.merge(graphdef, params, rest).loss(key, features, labels).mean()))(
        params
    )


FAST = (models.Joint, models.QualityAware)


@pytest.mark.parametrize(
    "make", [pytest.param(model, marks=() if model in FAST else pytest.mark.slow) for model in MODELS]
)
def test_models_predict_and_learn(make, data):
    features, labels = jax.tree.map(jnp.asarray, data)
    model = make(jax.random.key(0), features, num_classes=3, width=8)
    output = model(None, features)
    assert [logits.shape for logits in output.logits] == [(48, 3)] * 3
    assert [hidden.shape for hidden in output.hidden] == [(48, 8)] * 2
    assert all(np.isfinite(logits).all() for logits in output.logits)
    slopes = jax.tree.leaves(gradients(model, jax.random.key(1), features, labels))
    assert all(np.isfinite(slope).all() for slope in slopes)
    assert any(np.abs(slope).max() > 0 for slope in slopes)


@pytest.mark.parametrize("make", [models.Additive, models.Joint])
def test_unimodal_logits_do_not_depend_on_the_other_modality(make, data):
    (x1, x2), _ = jax.tree.map(jnp.asarray, data)
    model = make(jax.random.key(0), (x1, x2), num_classes=3, width=8)
    np.testing.assert_array_equal(model(None, (x1, x2)).logits[0], model(None, (x1, -x2)).logits[0])
    assert np.abs(model(None, (x1, x2)).logits[2] - model(None, (x1, -x2)).logits[2]).max() > 1e-3


def test_tokens_are_fused_at_the_given_layer(data):
    (x1, x2), _ = jax.tree.map(jnp.asarray, data)
    make = partial(transformer.HierarchicalTransformer, num_tokens=(2, 3), num_classes=3, depth=3, width=8)
    model, layers = make(jax.random.key(0), (x1, x2), jnp.int32(1)), 1
    first, second = (model.stages((x1, block), layers)[0] for block in (x2, -x2))
    np.testing.assert_array_equal(first[: layers + 1], second[: layers + 1])
    assert np.abs(first[layers + 1] - second[layers + 1]).max() > 1e-4


@pytest.mark.slow
def test_a_row_is_predicted_without_its_own_label(data):
    """The rows that predict a row, and those that stop the training, do not contain it."""
    features, labels = data
    keys, make = jax.random.key(0)[None], partial(models.Additive, num_classes=3, width=8)
    first = train.cross_fit(keys, make, features, labels, **QUICK)
    assert [logits.shape for logits in first.logits + first.probed] == [(1, 48, 3)] * 6
    rows, stop, left_out = train._splits(jax.vmap(jax.random.split)(keys)[:, 0], jnp.asarray(labels), 2)
    for fold in range(2):
        used = np.concatenate([rows[0, fold], stop[0, fold]])
        assert not np.intersect1d(used, left_out[0, fold]).size
    assert set(np.unique(left_out)) == set(range(48))
