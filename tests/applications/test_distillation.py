import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import Interactions
from lsmi_jax.applications import distillation_loss, distillation_weights, shares

NUM_CLASSES = 3


def _student_and_teacher(rng, dtype=jnp.float32, scale=1.0):
    def draw(*shape):
        return jnp.asarray(scale * rng.normal(size=shape)).astype(dtype)

    student, teacher = (([draw(5, 4), draw(5, 2)], draw(5, NUM_CLASSES)) for _ in range(2))
    return student, teacher, distillation_weights(Interactions(*draw(4, 5)))


def _loss(student, teacher, weights, **options):
    return distillation_loss(*student, *teacher, weights, **options)


def test_the_loss_matches_its_definition(rng):
    student, teacher, weights = _student_and_teacher(rng)
    posteriors = [np.asarray(jax.nn.softmax(logits / 2)) for logits in (teacher[1], student[1])]
    divergence = 4 * (posteriors[0] * np.log(posteriors[0] / posteriors[1])).sum(1)
    errors = [np.square(np.asarray(a) - np.asarray(b)).mean(1) for a, b in zip(student[0], teacher[0], strict=True)]
    expected = weights[0] * errors[0] + weights[1] * errors[1] + weights[2] * divergence
    np.testing.assert_allclose(_loss(student, teacher, weights, temperature=2.0), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("parts", "receives"), [((1, 0, 0, 0), (1, 1, 0)), ((0, 0, 1, 0), (0, 1, 0)), ((0, 0, 0, 1), (0, 0, 1))]
)
def test_each_interaction_weights_what_carries_it(rng, parts, receives):
    student, teacher, _ = _student_and_teacher(rng)
    weights = distillation_weights(Interactions(*(jnp.full(5, float(part)) for part in parts)))
    (slope1, slope2), slope = jax.grad(lambda student: _loss(student, teacher, weights).sum())(student)
    assert tuple(int((gradient != 0).any()) for gradient in (slope1, slope2, slope)) == receives


def test_only_the_student_receives_gradients(rng):
    student, teacher, _ = _student_and_teacher(rng)
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
    student, teacher, weights = _student_and_teacher(rng, dtype, scale)
    ruled_out = (teacher[0], teacher[1].at[:, 0].set(-jnp.inf))
    value, slopes = jax.value_and_grad(lambda student: _loss(student, ruled_out, weights).sum())(student)
    chex.assert_tree_all_finite((value, slopes))
    assert value.dtype == jnp.float32
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(slopes))


def test_distillation_compiled_and_mapped_is_unchanged(rng):
    student, teacher, weights = _student_and_teacher(rng)
    plain = _loss(student, teacher, weights, temperature=3.0)
    compiled = jax.jit(_loss)(student, teacher, weights, temperature=3.0)
    np.testing.assert_allclose(compiled, plain, rtol=1e-5)

    def scaled_loss(scale):
        return _loss(jax.tree.map(lambda x: scale * x, student), teacher, weights, temperature=3.0)

    np.testing.assert_allclose(jax.vmap(scaled_loss)(jnp.array([0.0, 1.0]))[1], plain, rtol=1e-5)


def test_a_perfect_student_has_zero_loss(rng):
    _, teacher, weights = _student_and_teacher(rng)
    np.testing.assert_array_equal(_loss(teacher, teacher, weights), jnp.zeros(5))


def test_invalid_arguments_of_distillation_are_rejected(rng):
    student, teacher, weights = _student_and_teacher(rng)
    with pytest.raises(ValueError, match="temperature: expected a positive"):
        _loss(student, teacher, weights, temperature=0.0)
    with pytest.raises(ValueError, match="features: expected 2"):
        distillation_loss(student[0][:1], student[1], *teacher, weights)
    with pytest.raises(ValueError, match="as the teacher's"):
        _loss((student[0][::-1], student[1]), teacher, weights)
    with pytest.raises(TypeError, match="teacher_logits: expected a floating"):
        _loss(student, (teacher[0], jnp.zeros((5, 3), jnp.int32)), weights)


def test_an_estimate_gives_the_weights_of_its_interactions(held_out):
    estimator, blocks, logits, labels = held_out
    estimate = lsmi_jax.score(estimator, blocks, labels, logits=logits)
    chex.assert_trees_all_equal(distillation_weights(estimate), distillation_weights(estimate.interactions))
