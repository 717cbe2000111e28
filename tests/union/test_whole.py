import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax.decomposition import score_information
from lsmi_jax.union import fit_whole_union, whole_union_scores
from lsmi_jax.union._whole import LEAST_ERROR

SIZE = 600
NOISE = (0.02, 0.1, 0.2, 0.3)  # probability that a modality flips the bit that it tells
BITS = np.unravel_index(np.arange(SIZE) % 16, (2, 2, 2, 2))


def flipped(bit, noise, seed):
    """A bit, of which exactly this share is wrong for each value."""
    rng, wrong = np.random.default_rng(seed), np.zeros(SIZE, int)
    for value in (0, 1):
        (rows,) = np.nonzero(bit == value)
        wrong[rng.permutation(rows)[: round(noise * len(rows))]] = 1
    return bit ^ wrong


def scores(logits, log_prior, seed=0):
    """Log-scores of all modalities, and of all but each."""
    fit = jax.jit(fit_whole_union, static_argnames="num_cells")
    return whole_union_scores(fit(jax.random.key(seed), logits, log_prior, num_cells=24), logits)


def information(logits, labels, log_prior):
    """Means of the union information of all modalities, and of all but each."""
    whole, rest = scores(logits, log_prior)
    return [float(score_information(own, labels, log_prior).mean()) for own in (whole, *rest)]


def of_posteriors(logits, labels, log_prior):
    """Mean information of each modality."""
    return [float(score_information(jax.nn.log_softmax(own), labels, log_prior).mean()) for own in logits]


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 4])
def test_modalities_with_more_and_more_noise_say_what_the_first_does(count):
    labels, log_prior = jnp.asarray(BITS[0]), jnp.log(jnp.full(2, 0.5))
    logits = []
    for m in range(count):
        seen = flipped(BITS[0], NOISE[m], m)
        logits.append(np.log(np.where(seen[:, None] == np.arange(2), 1 - NOISE[m], NOISE[m])).astype(np.float32))
    whole, *rest = information(logits, labels, log_prior)
    first, second, *_ = of_posteriors(logits, labels, log_prior)
    # The average of bounds with weights softmax(bound / d) is at most d log(number of bounds) below the largest. All
    # rows of a modality have the same entropy here, so that no standard error is larger than the least.
    num_pairs = 0 if count == 3 else count * (count - 1) // 2  # beside the sets that leave one out
    lost = LEAST_ERROR * np.log(1 + count + num_pairs + count)
    for value, truth in ((whole, first), (rest[0], second), *((own, first) for own in rest[1:])):
        assert truth - lost - 1e-5 < value < truth + 1e-5


@pytest.mark.slow
def test_no_set_says_less_than_one_within_it():
    """Each modality tells another bit: the truth is the sum, and few cells lose much of it."""
    labels, log_prior = jnp.arange(SIZE) % 16, jnp.log(jnp.full(16, 1 / 16))
    logits = []
    for m, bit in enumerate(BITS):
        own = np.stack(np.unravel_index(np.arange(16), (2, 2, 2, 2)))[m]  # the bit of each class
        seen = flipped(bit, NOISE[m], m)[:, None] == own
        logits.append(np.log(np.where(seen, 1 - NOISE[m], NOISE[m]) / 8).astype(np.float32))
    each = of_posteriors(logits, labels, log_prior)
    whole, *rest = information(logits, labels, log_prior)
    error = 4 * np.log(2) / np.sqrt(SIZE)  # of bounds that are compared on the posteriors, evaluated with labels
    for left_out, value in enumerate(rest):
        others = [own for m, own in enumerate(each) if m != left_out]
        assert max(others) - error < value < whole + error
        assert value < sum(others) + error
    assert whole < sum(each) + error


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_chance_does_not_prefer_one_of_several_modalities_that_are_alike(seed):
    """The truth of a sample is the mean of what each says; one alone is far from it."""
    rng, log_prior = np.random.default_rng(seed), jnp.log(jnp.full(4, 0.25))
    labels, centers = np.arange(SIZE) % 4, rng.normal(size=(4, 2))
    features = 2 * centers[labels] + rng.normal(size=(3, SIZE, 2))
    logits = -((features[:, :, None] - 2 * centers) ** 2).sum(-1).astype(np.float32) / 2
    whole, _ = scores(list(logits), log_prior, seed)
    found = np.asarray(score_information(whole, labels, log_prior))
    each = [np.asarray(score_information(jax.nn.log_softmax(own), labels, log_prior)) for own in logits]
    truth = np.mean(each, axis=0)
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.5 * np.sqrt(np.mean((each - truth) ** 2))
