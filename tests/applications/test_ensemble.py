import inspect

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import MinimumInformation, decompose, minimum_information, pointwise_information
from lsmi_jax.applications import ensemble, expected_interactions

NUM_MODELS, NUM_ROWS, NUM_CLASSES = 4, 60, 3
LOG_PRIOR = jnp.log(jnp.array([0.5, 0.3, 0.2]))


def _models(key, dtype=jnp.float32):
    logit_key, surprisal_key = jax.random.split(key)
    logits = 3 * jax.random.normal(logit_key, (3, NUM_MODELS, NUM_ROWS, NUM_CLASSES))
    surprisals = 2 * jax.random.normal(surprisal_key, (2, NUM_MODELS, NUM_ROWS))
    return list(logits.astype(dtype)), list(surprisals.astype(dtype))


def test_expected_interactions_are_the_mean_over_labels_drawn_from_the_posterior(key):
    """Within four standard errors of the mean over many labels."""
    logits, surprisals = (jax.tree.map(lambda x: x[0, :3], arrays) for arrays in _models(key))
    expected = expected_interactions(logits, surprisals, LOG_PRIOR)
    drawn = jax.random.categorical(jax.random.key(7), logits[2], shape=(4000, 3))
    spread = jax.vmap(
        lambda labels: decompose(*(pointwise_information(view, labels, LOG_PRIOR) for view in logits), *surprisals)
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


def test_union_information_needs_no_surprisals(key):
    """Two modalities that are alike share half of both: their log-posteriors, halved, are the scores."""
    (same, _, joint), _ = _models(key)
    log_posterior = jax.nn.log_softmax(same)
    together = ensemble([same, same, joint], None, LOG_PRIOR, log_union_scores=log_posterior)
    r, u1, u2, _ = expected_interactions([same, same, joint], None, LOG_PRIOR, log_union_scores=log_posterior)
    np.testing.assert_allclose(u1, 0, atol=1e-5)
    np.testing.assert_allclose(u2, 0, atol=1e-5)
    probability = jax.nn.softmax(joint)
    np.testing.assert_allclose(r, (probability * (log_posterior - LOG_PRIOR[None, None])).sum(-1), atol=1e-4)
    np.testing.assert_allclose(together.interactions.redundancy, r.mean(0), atol=1e-4)
    with pytest.raises(ValueError, match="log_union_scores: expected shape"):
        ensemble([same, same, joint], None, LOG_PRIOR, log_union_scores=log_posterior[0])


def test_no_label_is_taken():
    """Labels cannot leak: no argument of either function could hold them."""
    for function in (ensemble, expected_interactions):
        parameters = ["logits", "surprisals", "log_prior", "log_union_scores", "redundancy"]
        assert list(inspect.signature(function).parameters) == parameters


def test_permuting_the_test_labels_changes_no_prediction(held_out, rng):
    """Even if the surprisals come from `score`, which takes labels."""
    estimator, blocks, logits, labels = held_out
    of_one_model = [view[None] for view in logits]

    def predict(labels):
        scored = lsmi_jax.score(estimator, blocks, labels, logits=logits)
        return ensemble(of_one_model, [h[None] for h in scored.surprisal], estimator.log_prior)

    predicted = predict(labels)
    chex.assert_trees_all_equal(predicted, predict(rng.permutation(labels)))
    densities = zip(estimator.densities, blocks, strict=True)
    by_hand = [density.surprisal(block)[None] for density, block in densities]
    chex.assert_trees_all_close(ensemble(of_one_model, by_hand, estimator.log_prior), predicted, atol=1e-4)


def test_the_informative_view_gets_the_weight():
    """Only one modality is informative about the class, or only both together are."""
    certain = 8 * jax.nn.one_hot(jnp.array([[1]]), NUM_CLASSES)
    uncertain = jnp.log(jnp.full((1, 1, NUM_CLASSES), 1 / 3))
    log_prior = uncertain[0, 0]
    for views, expected in (
        ([certain, uncertain, certain], [1, 0, 0]),
        ([uncertain, certain, certain], [0, 1, 0]),
        ([uncertain, uncertain, certain], [0, 0, 1]),
    ):
        surprisals = [jnp.full((1, 1), float(5 * weight)) for weight in expected[:2]]  # informative features are rare
        together = ensemble(views, surprisals, log_prior)
        np.testing.assert_allclose([float(weight[0]) for weight in together.weights], expected, atol=1e-2)
        assert int(together.log_posterior.argmax()) == 1


def test_rows_are_independent_and_models_exchangeable(key):
    """Results depend neither on the order of the models nor on other rows nor on compilation."""
    logits, surprisals = _models(key)
    pooled = jax.jit(ensemble)(logits, surprisals, LOG_PRIOR)
    reordered = jax.tree.map(lambda x: x[::-1], (logits, surprisals))
    chex.assert_trees_all_close(ensemble(*reordered, LOG_PRIOR), pooled, atol=1e-5)
    part = jax.tree.map(lambda x: x[:, 5:9], (logits, surprisals))
    chex.assert_trees_all_close(ensemble(*part, LOG_PRIOR), jax.tree.map(lambda x: x[5:9], pooled), atol=1e-5)
    np.testing.assert_allclose(jnp.exp(pooled.log_posterior).sum(1), 1, rtol=1e-5)


def test_an_ensemble_is_a_weighted_geometric_mean(key):
    logits, surprisals = _models(key)
    together = ensemble(logits, surprisals, LOG_PRIOR)
    log_posteriors = np.asarray(jax.nn.log_softmax(jnp.stack(logits)))
    pooled = np.einsum("vn,vmnk->nk", np.stack(together.weights), log_posteriors) / NUM_MODELS
    np.testing.assert_allclose(together.log_posterior, jax.nn.log_softmax(pooled), atol=1e-4)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_ensembles_are_finite_at_the_edges(key, dtype):
    """A class that one view rules out, ties, and over-confident logits."""
    logits, surprisals = _models(key, dtype)
    logits = [view.at[:, 0].set(0).at[:, 1].multiply(1e4) for view in logits]
    logits[0] = logits[0].at[:, 2, 0].set(-jnp.inf)
    together = ensemble(logits, surprisals, LOG_PRIOR)
    chex.assert_tree_all_finite(together)
    assert together.log_posterior.dtype == jnp.float32


def test_invalid_arguments_of_ensembles_are_rejected(key):
    logits, surprisals = _models(key)
    with pytest.raises(ValueError, match="logits: expected a tuple of 3 arrays, got 2"):
        ensemble(logits[:2], surprisals, LOG_PRIOR)
    with pytest.raises(ValueError, match="log_prior: expected shape"):
        ensemble(logits, surprisals, LOG_PRIOR[:2])
    with pytest.raises(ValueError, match=r"logits: expected shape \[M, n, K\]"):
        ensemble(*jax.tree.map(lambda x: x[0], (logits, surprisals)), LOG_PRIOR)
    with pytest.raises(TypeError, match=r"logits\[0\]: expected a floating dtype"):
        ensemble([view.astype(jnp.int32) for view in logits], surprisals, LOG_PRIOR)
    with pytest.raises(ValueError, match=r"surprisals: expected 2 for SpecificityAmbiguity"):
        ensemble(logits, None, LOG_PRIOR)


def test_surprisals_may_be_missing_if_the_redundancy_needs_none(key):
    logits, surprisals = _models(key)
    given = ensemble(logits, surprisals, LOG_PRIOR, redundancy=minimum_information)
    missing = ensemble(logits, None, LOG_PRIOR, redundancy=MinimumInformation())
    chex.assert_trees_all_equal(missing, given)
