import inspect

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lsmi_jax
from lsmi_jax import Interactions, decompose, pointwise_information
from lsmi_jax.applications import (
    distillation_loss,
    distillation_weights,
    ensemble,
    expected_interactions,
    partition,
    shares,
)

NUM_MODELS, NUM_ROWS, NUM_CLASSES = 4, 60, 3
LOG_PRIOR = jnp.log(jnp.array([0.5, 0.3, 0.2]))


def of(values, by="redundancy"):
    values = np.asarray(values, float)
    return Interactions(*(values if name == by else np.zeros_like(values) for name in Interactions._fields))


@pytest.fixture(scope="module")
def held_out():
    """An estimator, and features, logits and labels that it was not fitted on."""
    key = jax.random.key(0)
    task = lsmi_jax.synthetic.gaussian_mixture(key, 200)
    logits = [4 * one for one in (*task.features, task.features[0] + task.features[1])]
    train, test = np.arange(120), np.arange(120, 200)
    blocks, seen = ([x[train] for x in arrays] for arrays in (task.features, logits))
    estimator = lsmi_jax.fit_estimator(key, blocks, task.labels[train], logits=seen)
    return estimator, [x[test] for x in task.features], [x[test] for x in logits], task.labels[test]


# --- partition


@given(
    values=st.lists(st.integers(-3, 3), min_size=1, max_size=40),
    quantiles=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4, unique=True).map(sorted),
    by=st.sampled_from(Interactions._fields),
)
def test_every_row_is_in_one_part_and_parts_rise(values, quantiles, by):
    values = np.array(values, float)
    parts = partition(of(values, by), by=by, quantiles=quantiles)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(values)))
    np.testing.assert_array_equal(np.cumsum([len(p) for p in parts])[:-1], np.rint(np.array(quantiles) * len(values)))
    expected = np.split(np.argsort(values, kind="stable"), np.cumsum([len(p) for p in parts])[:-1])
    for part, rows in zip(parts, expected, strict=True):  # lower values first, earlier rows first among equals
        np.testing.assert_array_equal(part, np.sort(rows))


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    quantiles=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=3, unique=True).map(sorted),
    seed=st.integers(0, 100),
)
def test_classes_are_in_every_part_in_proportion(labels, quantiles, seed):
    labels = 3 * np.array(labels) - 2  # any integers will do
    values = np.random.default_rng(seed).integers(0, 5, len(labels)).astype(float)
    parts = partition(of(values), quantiles=quantiles, labels=labels)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    num_classes = len(np.unique(labels))
    for index, quantile in enumerate(quantiles):
        below = np.concatenate(parts[: index + 1])
        assert len(below) == np.rint(quantile * len(labels))
        for c in np.unique(labels):
            # Whole rows: half a row for the class's own rounding, and what is left over from the others'.
            share, count = np.mean(labels == c), np.sum(labels[below] == c)
            assert abs(count - quantile * np.sum(labels == c)) <= 1 + share * num_classes / 2
            inside, outside = (values[np.flatnonzero(s & (labels == c))] for s in _membership(below, len(labels)))
            if len(inside) and len(outside):
                assert inside.max() <= outside.min()


def _membership(rows, size):
    chosen = np.isin(np.arange(size), rows)
    return chosen, ~chosen


def test_an_estimate_and_its_interactions_give_the_same_parts(held_out):
    estimator, blocks, logits, labels = held_out
    estimate = lsmi_jax.score(estimator, blocks, labels, logits=logits)
    parts = partition(estimate, by="synergy", quantiles=(0.3, 0.9))
    chex.assert_trees_all_equal(parts, partition(estimate.interactions, by="synergy", quantiles=(0.3, 0.9)))
    highest = [float(estimate.interactions.synergy[part].max()) for part in parts]
    assert highest == sorted(highest)


def test_bad_partitions_are_refused():
    values = of([1.0, 2.0])
    with pytest.raises(ValueError, match=r"by: expected one of redundancy, .* got 'r'"):
        partition(values, by="r")
    for quantiles in ((), (0.0,), (0.5, 0.5), (1.0,), (float("nan"),)):
        with pytest.raises(ValueError, match="quantiles: expected numbers that rise"):
            partition(values, quantiles=quantiles)
    with pytest.raises(ValueError, match="got NaN for 1"):
        partition(of([1.0, np.nan]))
    with pytest.raises(ValueError, match=r"labels: expected shape \(2,\)"):
        partition(values, labels=np.array([0]))
    with pytest.raises(TypeError, match="labels: expected integers"):
        partition(values, labels=np.array([0.0, 1.0]))


# --- shares


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
def test_shares_are_not_negative_and_sum_to_one(parts):
    weights = np.array(shares(Interactions(*(jnp.float32(part) for part in parts))))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(), 1, atol=4 * np.finfo(np.float32).eps)


def test_shares_name_the_part_that_is_there():
    columns = np.array([[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2], [-1, -1, 0, -2]]).T
    got = np.stack(shares(Interactions(*(jnp.asarray(part, jnp.bfloat16) for part in columns))), axis=1)
    assert got.dtype == np.float32
    third = np.full(3, np.float32(1 / 3))
    np.testing.assert_array_equal(got, [[0.5, 0.5, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], third])


# --- distillation


def _lesson(rng, dtype=jnp.float32, scale=1.0):
    def draw(*shape):
        return jnp.asarray(scale * rng.normal(size=shape)).astype(dtype)

    student, teacher = (([draw(5, 4), draw(5, 2)], draw(5, NUM_CLASSES)) for _ in range(2))
    return student, teacher, distillation_weights(Interactions(*draw(4, 5)))


def _loss(student, teacher, weights, **options):
    return distillation_loss(*student, *teacher, weights, **options)


def test_the_loss_is_what_it_says(rng):
    student, teacher, weights = _lesson(rng)
    posteriors = [np.asarray(jax.nn.softmax(logits / 2)) for logits in (teacher[1], student[1])]
    divergence = 4 * (posteriors[0] * np.log(posteriors[0] / posteriors[1])).sum(1)
    errors = [np.square(np.asarray(a) - np.asarray(b)).mean(1) for a, b in zip(student[0], teacher[0], strict=True)]
    expected = weights[0] * errors[0] + weights[1] * errors[1] + weights[2] * divergence
    np.testing.assert_allclose(_loss(student, teacher, weights, temperature=2.0), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("parts", "touched"), [((1, 0, 0, 0), (1, 1, 0)), ((0, 0, 1, 0), (0, 1, 0)), ((0, 0, 0, 1), (0, 0, 1))]
)
def test_each_interaction_teaches_what_carries_it(rng, parts, touched):
    student, teacher, _ = _lesson(rng)
    weights = distillation_weights(Interactions(*(jnp.full(5, float(part)) for part in parts)))
    (slope1, slope2), slope = jax.grad(lambda student: _loss(student, teacher, weights).sum())(student)
    assert tuple(int((one != 0).any()) for one in (slope1, slope2, slope)) == touched


def test_only_the_student_learns(rng):
    student, teacher, _ = _lesson(rng)
    interactions = Interactions(*jnp.abs(jnp.asarray(rng.normal(size=(4, 5)), jnp.float32)))

    def loss(student, teacher, interactions):
        return _loss(student, teacher, shares(interactions)).sum()

    slopes = jax.grad(loss, argnums=(0, 1, 2))(student, teacher, interactions)
    assert all(bool((leaf != 0).any()) for leaf in jax.tree.leaves(slopes[0]))
    assert all(bool((leaf == 0).all()) for leaf in jax.tree.leaves(slopes[1:]))
    through = jax.grad(lambda interactions: distillation_weights(interactions).first.sum())(interactions)
    assert all(bool((leaf == 0).all()) for leaf in through)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_distillation_is_finite(rng, dtype, scale):
    student, teacher, weights = _lesson(rng, dtype, scale)
    ruled_out = (teacher[0], teacher[1].at[:, 0].set(-jnp.inf))
    value, slopes = jax.value_and_grad(lambda student: _loss(student, ruled_out, weights).sum())(student)
    chex.assert_tree_all_finite((value, slopes))
    assert value.dtype == jnp.float32
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(slopes))


def test_distillation_compiled_and_mapped_is_the_same(rng):
    student, teacher, weights = _lesson(rng)
    plain = _loss(student, teacher, weights, temperature=3.0)
    compiled = jax.jit(_loss)(student, teacher, weights, temperature=3.0)
    np.testing.assert_allclose(compiled, plain, rtol=1e-5)

    def of_seed(scale):
        return _loss(jax.tree.map(lambda x: scale * x, student), teacher, weights, temperature=3.0)

    np.testing.assert_allclose(jax.vmap(of_seed)(jnp.array([0.0, 1.0]))[1], plain, rtol=1e-5)


def test_the_student_who_knows_it_all_has_no_loss(rng):
    _, teacher, weights = _lesson(rng)
    np.testing.assert_array_equal(_loss(teacher, teacher, weights), jnp.zeros(5))


def test_bad_distillation_is_refused(rng):
    student, teacher, weights = _lesson(rng)
    with pytest.raises(ValueError, match="temperature: expected a positive"):
        _loss(student, teacher, weights, temperature=0.0)
    with pytest.raises(ValueError, match="features: expected 2"):
        distillation_loss(student[0][:1], student[1], *teacher, weights)
    with pytest.raises(ValueError, match="as the teacher's"):
        _loss((student[0][::-1], student[1]), teacher, weights)
    with pytest.raises(TypeError, match="teacher_logits: expected a floating"):
        _loss(student, (teacher[0], jnp.zeros((5, 3), jnp.int32)), weights)


# --- ensemble


def _models(key, dtype=jnp.float32):
    logit_key, surprisal_key = jax.random.split(key)
    logits = 3 * jax.random.normal(logit_key, (3, NUM_MODELS, NUM_ROWS, NUM_CLASSES))
    surprisals = 2 * jax.random.normal(surprisal_key, (2, NUM_MODELS, NUM_ROWS))
    return list(logits.astype(dtype)), list(surprisals.astype(dtype))


def test_expected_interactions_are_the_mean_over_labels_drawn_from_the_posterior(key):
    """Within four standard errors of the mean over many labels."""
    logits, surprisals = (jax.tree.map(lambda x: x[0, :3], one) for one in _models(key))
    expected = expected_interactions(logits, surprisals, LOG_PRIOR)
    drawn = jax.random.categorical(jax.random.key(7), logits[2], shape=(4000, 3))
    spread = jax.vmap(
        lambda labels: decompose(*(pointwise_information(one, labels, LOG_PRIOR) for one in logits), *surprisals)
    )(drawn)
    for part, sample in zip(expected, spread, strict=True):
        error = sample.std(0) / np.sqrt(len(drawn))
        assert bool((jnp.abs(part - sample.mean(0)) <= 4 * error + 1e-5).all())


def test_expected_joint_information_is_the_divergence_from_the_prior(key):
    logits, surprisals = _models(key)
    total = sum(expected_interactions(logits, surprisals, LOG_PRIOR))
    log_posterior = jax.nn.log_softmax(logits[2])
    divergence = (jnp.exp(log_posterior) * (log_posterior - LOG_PRIOR[None, None])).sum(-1)
    np.testing.assert_allclose(total, divergence, atol=1e-4)
    assert float(divergence.min()) >= 0


def test_no_label_is_taken():
    """Nothing to leak: neither function has an argument for labels, nor any that could hold them."""
    for function in (ensemble, expected_interactions):
        assert list(inspect.signature(function).parameters) == ["logits", "surprisals", "log_prior", "redundancy"]


def test_permuting_the_test_labels_changes_no_prediction(held_out, rng):
    """Also where the surprisals come from `score`, which is told labels."""
    estimator, blocks, logits, labels = held_out
    of_one_model = [one[None] for one in logits]

    def predict(labels):
        scored = lsmi_jax.score(estimator, blocks, labels, logits=logits)
        return ensemble(of_one_model, [one[None] for one in scored.surprisal], estimator.log_prior)

    told = predict(labels)
    chex.assert_trees_all_equal(told, predict(rng.permutation(labels)))
    densities = zip(estimator.densities, logits[:2], strict=True)
    by_hand = [density.surprisal(lsmi_jax.posterior_coordinates(one))[None] for density, one in densities]
    chex.assert_trees_all_close(ensemble(of_one_model, by_hand, estimator.log_prior), told, atol=1e-4)


def test_who_knows_is_heard():
    """One modality tells the class and the other is unsure, or only both together tell it."""
    sure, unsure = 8 * jax.nn.one_hot(jnp.array([[1]]), NUM_CLASSES), jnp.log(jnp.full((1, 1, NUM_CLASSES), 1 / 3))
    log_prior = unsure[0, 0]
    for views, heard in (
        ([sure, unsure, sure], [1, 0, 0]),
        ([unsure, sure, sure], [0, 1, 0]),
        ([unsure, unsure, sure], [0, 0, 1]),
    ):
        surprisals = [jnp.full((1, 1), float(5 * weight)) for weight in heard[:2]]  # what stands out is rare
        together = ensemble(views, surprisals, log_prior)
        np.testing.assert_allclose([float(weight[0]) for weight in together.weights], heard, atol=1e-2)
        assert int(together.log_posterior.argmax()) == 1


def test_models_and_rows_stand_for_themselves(key):
    """Neither the order of the models nor the other rows matter; compiled it is the same."""
    logits, surprisals = _models(key)
    whole = jax.jit(ensemble)(logits, surprisals, LOG_PRIOR)
    turned = jax.tree.map(lambda x: x[::-1], (logits, surprisals))
    chex.assert_trees_all_close(ensemble(*turned, LOG_PRIOR), whole, atol=1e-5)
    part = jax.tree.map(lambda x: x[:, 5:9], (logits, surprisals))
    chex.assert_trees_all_close(ensemble(*part, LOG_PRIOR), jax.tree.map(lambda x: x[5:9], whole), atol=1e-5)
    np.testing.assert_allclose(jnp.exp(whole.log_posterior).sum(1), 1, rtol=1e-5)


def test_an_ensemble_is_the_geometric_mean_its_weights_say(key):
    logits, surprisals = _models(key)
    together = ensemble(logits, surprisals, LOG_PRIOR)
    log_posteriors = np.asarray(jax.nn.log_softmax(jnp.stack(logits)))
    pooled = np.einsum("vn,vmnk->nk", np.stack(together.weights), log_posteriors) / NUM_MODELS
    np.testing.assert_allclose(together.log_posterior, jax.nn.log_softmax(pooled), atol=1e-4)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_ensembles_are_finite_at_the_edges(key, dtype):
    """A class that is ruled out by one view, ties, and logits beyond doubt."""
    logits, surprisals = _models(key, dtype)
    logits = [one.at[:, 0].set(0).at[:, 1].multiply(1e4) for one in logits]
    logits[0] = logits[0].at[:, 2, 0].set(-jnp.inf)
    together = ensemble(logits, surprisals, LOG_PRIOR)
    chex.assert_tree_all_finite(together)
    assert together.log_posterior.dtype == jnp.float32


def test_bad_ensembles_are_refused(key):
    logits, surprisals = _models(key)
    with pytest.raises(ValueError, match="expected 3 and 2, got 2 and 2"):
        ensemble(logits[:2], surprisals, LOG_PRIOR)
    with pytest.raises(ValueError, match="expected shapes"):
        ensemble(logits, surprisals, LOG_PRIOR[:2])
    with pytest.raises(ValueError, match=r"logits: expected shape \[M, n, K\]"):
        ensemble(*jax.tree.map(lambda x: x[0], (logits, surprisals)), LOG_PRIOR)
    with pytest.raises(TypeError, match="expected floating dtypes"):
        ensemble([one.astype(jnp.int32) for one in logits], surprisals, LOG_PRIOR)
