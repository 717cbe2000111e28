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
models, towers, train, transformer = map(pytest.importorskip, ("models", "towers", "train", "transformer"))
cross_entropies = towers.cross_entropies

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


def fitted(make, features, labels):
    """A model trained on the first 256 rows, stopped on the next 128, and the rows left."""
    rows, stop, left = (
        (tuple(jnp.asarray(block[part]) for block in features), jnp.asarray(labels[part]))
        for part in (slice(256), slice(256, 384), slice(384, None))
    )
    options = {"num_rounds": 8, "steps_per_round": 20, "batch_size": 64, "learning_rate": 1e-2}
    make = partial(make, num_classes=2, width=16)
    model = jax.jit(lambda key: train.train(key, make, rows, stop, **options))(jax.random.key(0))
    return model, *left


def two_classes(signal=(2.0, 2.0), num_rows=640):
    """Two classes, in either modality at this distance from zero, with random features otherwise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, num_rows).astype(np.int32)
    direction = (2 * labels - 1)[:, None]
    return tuple((rng.normal(size=(num_rows, 4)) + mean * direction).astype(np.float32) for mean in signal), labels


@pytest.mark.slow
def test_quality_aware_fusion_trusts_a_modality_less_where_it_is_noise():
    (x1, x2), labels = two_classes()
    noisy = np.arange(len(labels)) % 2 == 1
    x1[noisy] = np.random.default_rng(1).normal(size=x1[noisy].shape)
    model, features, _ = fitted(models.QualityAware, (x1, x2), labels)
    first, second = (models._confidence(logits) for logits in model(None, features).logits[:2])
    noisy = noisy[384:]
    assert first[noisy].mean() < 0.8 * first[~noisy].mean()
    assert first[noisy].mean() < second[noisy].mean()


@pytest.mark.slow
def test_codes_of_the_bottleneck_shrink_with_its_weight():
    data, kept = two_classes(), []
    for strength in (1e-3, 1.0):
        model, features, _ = fitted(partial(models.Bottleneck, strength=strength), *data)
        kept.append(float(model(None, features).extra.mean()) / strength)
    assert kept[1] < kept[0] / 2


@pytest.mark.parametrize(("make", "learns"), [(models.Bottleneck, True), (models.Joint, False)])
def test_representations_learn_from_unimodal_predictions_in_the_bottleneck_only(make, learns, data):
    features = tuple(map(jnp.asarray, data[0]))
    graphdef, params, rest = nnx.split(make(jax.random.key(0), features, num_classes=3, width=8), nnx.Param, ...)
    slopes = jax.grad(lambda params: nnx.merge(graphdef, params, rest)(None, features).logits[0][:, 0].sum())(params)
    assert (np.abs(slopes["towers"]["first"][0]["kernel"][...]).max() > 0) == learns


def test_fusion_does_not_see_a_dropped_modality(data):
    (x1, x2), _ = jax.tree.map(jnp.asarray, data)
    model = models.ModalityDropout(jax.random.key(0), (x1, x2), num_classes=3, width=8, rate=1.0)
    whole, *changed = (model(jax.random.key(1), pair).logits[2] for pair in ((x1, x2), (-x1, x2), (x1, -x2)))
    first, second = (np.any(np.asarray(logits != whole), axis=1) for logits in changed)
    assert (first ^ second).all()
    assert 8 < first.sum() < 40


@pytest.mark.slow
def test_products_of_modalities_solve_an_exclusive_or_and_sums_do_not():
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (2, 896, 1))
    blocks = tuple((sign + rng.normal(scale=0.2, size=(896, 3))).astype(np.float32) for sign in signs)
    labels = (signs[0] != signs[1])[:, 0].astype(np.int32)
    accuracy = []
    for make in (models.Bilinear, models.Additive):
        model, features, left = fitted(make, blocks, labels)
        accuracy.append((model(None, features).logits[2].argmax(1) == left).mean())
    assert accuracy[0] > 0.9
    assert abs(accuracy[1] - 0.5) < 0.1


@pytest.mark.slow
def test_weights_of_a_sum_are_smaller_for_a_modality_that_is_noise_in_held_out_rows():
    model, (x1, x2), labels = fitted(models.Weighted, *two_classes(signal=(0.5, 0.5)))
    found = []
    for block in (x2, jax.random.permutation(jax.random.key(0), x2)):
        model.finish((x1, block), labels)
        found.append(np.asarray(model.weights[...]))
    (first, second), (_, noise) = found
    assert 0.5 < second / first < 2
    assert abs(noise) < second / 3


def shared_cause(num_rows=640):
    """Two modalities with three causes in common, of which the label depends on the first."""
    rng = np.random.default_rng(0)
    causes = rng.normal(size=(num_rows, 3))
    views = (causes @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(num_rows, 6)) for _ in range(2))
    return tuple(view.astype(np.float32) for view in views), (causes[:, 0] > 0).astype(np.int32)


@pytest.mark.slow
def test_alignment_raises_the_similarity_of_pairs():
    found = []
    for strength in (0.0, 1.0):
        model, features, _ = fitted(partial(models.Alignment, strength=strength), *shared_cause())
        first, second = (h / jnp.linalg.norm(h, axis=1, keepdims=True) for h in model(None, features).hidden)
        similarity = first @ second.T
        found.append(jnp.diagonal(similarity).mean() - similarity.mean())
    assert found[1] > found[0] + 0.2


def test_targets_of_the_contrastive_loss_say_which_rows_match():
    keys, order = jax.random.split(jax.random.key(0)), jnp.asarray([3, 0, 2, 1])
    first, second = (jax.random.normal(key, (4, 3)) for key in keys)
    moved = models.contrast((first, second[order]), jnp.eye(4))
    losses = models.contrast((first, second), jnp.eye(4)[order])
    np.testing.assert_allclose(losses.sum(), moved.sum(), rtol=1e-6)
    # Rows that all match, alike and uniformly, have the loss of a uniform guess.
    same = jnp.broadcast_to(first[:1], first.shape)
    np.testing.assert_allclose(models.contrast((same, same), jnp.full((4, 4), 0.25)), np.log(4), rtol=1e-6)


@pytest.mark.parametrize("positives", ["own", "redrawn", "class"])
def test_alignment_matches_each_row_with(positives):
    labels = jnp.asarray([0, 0, 1, 1])
    features = (jnp.eye(4), jnp.eye(4)[::-1])
    model = models.Alignment(jax.random.key(0), features, num_classes=2, positives=positives)
    logits, hidden, _ = model(None, features)
    extra = model.loss(jax.random.key(1), features, labels) - cross_entropies(logits, labels).sum(0)
    same = jnp.kron(jnp.eye(2), jnp.ones((2, 2)))
    targets = {"own": jnp.eye(4), "class": same / 2}
    if positives == "redrawn":
        targets[positives] = jnp.eye(4)[models._same_class(jax.random.key(1), labels)]
    np.testing.assert_allclose(extra, models.contrast(hidden, targets[positives]), rtol=1e-4)


def test_alignment_names_what_it_can_match():
    features = jnp.eye(4), jnp.eye(4)
    model = models.Alignment(jax.random.key(0), features, num_classes=2, positives="all")
    with pytest.raises(ValueError, match="positives"):
        model.loss(jax.random.key(1), features, jnp.zeros(4, int))


def test_redrawn_pairs_are_of_one_class():
    labels = jnp.asarray([2, 0, 1, 1, 0, 2, 1, 0])
    drawn = [np.asarray(models._same_class(jax.random.key(seed), labels)) for seed in range(8)]
    assert all(np.array_equal(labels[rows], labels) and set(rows) == set(range(8)) for rows in drawn)
    assert len(set(map(tuple, drawn))) > 4


@pytest.mark.slow
def test_reconstruction_keeps_what_the_label_does_not_need():
    unexplained, (features, labels) = [], shared_cause()
    for strength in (0.0, 1.0):
        model, left, _ = fitted(partial(models.Reconstruction, strength=strength), features, labels)
        for h, block in zip(model(None, left).hidden, left, strict=True):
            centered = (np.asarray(array) - np.asarray(array).mean(0) for array in (h, block))
            h, block = centered
            rest = block - h @ np.linalg.lstsq(h, block, rcond=1e-6)[0]
            unexplained.append((rest**2).sum() / (block**2).sum())
    assert max(unexplained[2:]) < min(unexplained[:2])
    assert model.errors(left, model(None, left).hidden).mean() < 0.3


def test_reconstruction_starts_equal_to_the_cross_entropy(data):
    features, _ = jax.tree.map(jnp.asarray, data)
    model = models.Reconstruction(jax.random.key(0), features, num_classes=3, width=8)
    for decoder in model.decoders:
        decoder.kernel[...] = jnp.zeros_like(decoder.kernel[...])
    np.testing.assert_allclose(model(None, features).extra.mean(), np.log(3), rtol=1e-5)


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
