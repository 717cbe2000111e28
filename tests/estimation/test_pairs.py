import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

from lsmi_jax import MinimumInformation, Pairs, estimate, estimate_pairs
from lsmi_jax.estimation import _fitting, _programs
from lsmi_jax.reporting import plot_pairs

KEY, OPTIONS = jax.random.key(0), {"num_folds": 2}
NAMES = ("text", "audio", "noise")


@pytest.fixture(scope="module")
def labels(blobs):
    return blobs[1]


@pytest.fixture(scope="module")
def blocks(blobs):
    noise = np.random.default_rng(1).normal(size=(72, 2)).astype(np.float32)
    return (*blobs[0], noise)


@pytest.fixture(scope="module")
def fits():
    """The arguments of every fit of discriminators, and of potentials."""
    return {"fit_discriminators": [], "fit_potentials_of_pair": []}


def counted(fit, calls):
    def counting(*arguments):
        calls.append(arguments)
        return fit(*arguments)

    return counting


@pytest.fixture(scope="module")
def result(labels, blocks, fits):
    with pytest.MonkeyPatch.context() as patch:
        for name, calls in fits.items():
            module = _programs if name == "fit_discriminators" else _fitting
            patch.setattr(module, name, counted(getattr(module, name), calls))
        return estimate_pairs(KEY, blocks, labels, names=NAMES, **OPTIONS)


def test_nothing_of_one_modality_is_fitted_twice(result, fits):
    assert len(fits["fit_discriminators"]) == 3 + 3
    assert len(fits["fit_potentials_of_pair"]) == 3
    shapes = {view.shape for _, (view, *_), *_ in fits["fit_discriminators"]}
    assert len(shapes) == 1  # and so compiled once


def test_what_pairs_share_is_the_same(result):
    first, second, third = result.estimates
    np.testing.assert_array_equal(first.information[0], second.information[0])  # text
    np.testing.assert_array_equal(first.information[1], third.information[0])  # audio
    np.testing.assert_array_equal(second.information[1], third.information[1])  # noise
    assert not jnp.array_equal(second.i_union, third.i_union)


def test_each_pair_adds_up_and_stands_in_its_place(result):
    assert result.pairs == (("text", "audio"), ("text", "noise"), ("audio", "noise"))
    assert len(result) == 3
    assert result["audio", "noise"] is result[2]
    for one in result:
        i1, i2, i12 = one.information
        np.testing.assert_allclose(one.interactions.redundancy + one.interactions.unique1, i1, atol=1e-5)
        np.testing.assert_allclose(one.interactions.redundancy + one.interactions.unique2, i2, atol=1e-5)
        np.testing.assert_allclose(sum(one.interactions), i12, atol=1e-5)
    with pytest.raises(KeyError, match=r"pair: expected one of .*'text', 'audio'.*, got \('audio', 'video'\)"):
        result["audio", "video"]


def test_a_pair_may_be_named_in_any_order(result):
    straight, turned = result["text", "audio"], result["audio", "text"]
    for part, other in (("redundancy", "redundancy"), ("unique1", "unique2"), ("synergy", "synergy")):
        np.testing.assert_array_equal(getattr(turned.interactions, part), getattr(straight.interactions, other))
    np.testing.assert_array_equal(turned.information[0], straight.information[1])
    np.testing.assert_array_equal(turned.information[2], straight.information[2])
    np.testing.assert_array_equal(turned.predictions.classes[1], straight.predictions.classes[0])
    np.testing.assert_array_equal(turned.diagnostics.accuracy, straight.diagnostics.accuracy[jnp.array([1, 0, 2])])
    np.testing.assert_array_equal(
        turned.diagnostics.outlier_ratio, straight.diagnostics.outlier_ratio[jnp.array([1, 0])]
    )
    turn = {"only x1": "only x2", "only x2": "only x1", "x1 misleads": "x2 misleads", "x2 misleads": "x1 misleads"}
    kinds = [turn.get(kind, kind) for kind in straight.columns()["kind"]]
    assert turned.columns()["kind"].tolist() == kinds


@pytest.mark.slow
def test_two_blocks_are_what_estimate_gives(labels, blocks):
    """Exactly: the same programs run on the same keys."""
    pair = estimate_pairs(KEY, blocks[:2], labels, **OPTIONS)
    alone = estimate(KEY, blocks[:2], labels, **OPTIONS)
    ours, same = (one._replace(key=jax.random.key_data(one.key)) for one in (pair[0], alone))
    jax.tree.map(np.testing.assert_array_equal, ours, same)


def test_own_logits_are_those_of_each_block_and_then_of_each_pair(labels, blocks):
    rng = np.random.default_rng(0)
    logits = tuple(jnp.asarray(rng.normal(size=(72, 3)), jnp.float32) for _ in range(6))
    options = OPTIONS | {"redundancy": MinimumInformation()}
    pairs = estimate_pairs(KEY, blocks, labels, logits=logits, **options)
    assert pairs.names == ("x1", "x2", "x3")
    of_pair = (logits[1], logits[2], logits[5])
    alone = estimate(KEY, blocks[1:], labels, logits=of_pair, **options)
    for ours, same in zip(pairs["x2", "x3"].interactions, alone.interactions, strict=True):
        np.testing.assert_array_equal(ours, same)


def test_bad_input(labels, blocks):
    with pytest.raises(ValueError, match="names: expected 3 different names, one per feature block, got"):
        estimate_pairs(KEY, blocks, labels, names=("a", "b", "a"))
    with pytest.raises(ValueError, match="features: expected a tuple of at least 2 arrays, got 1"):
        estimate_pairs(KEY, blocks[:1], labels)
    with pytest.raises(ValueError, match="logits: expected a tuple of 6 arrays, got 3"):
        estimate_pairs(KEY, blocks, labels, logits=(jnp.zeros((72, 3)),) * 3)
    with pytest.raises(ValueError, match="features: expected 2 to 5 feature blocks, got 6; estimate_pairs takes"):
        estimate(KEY, blocks * 2, labels)
    with pytest.raises(ValueError, match="names: expected None for two feature blocks"):
        estimate(KEY, blocks[:2], labels, names=("a", "b"))


def test_means_and_table_agree_with_each_pair(result):
    summary, table = result.means(adjusted=True), result.to_pandas()
    assert list(table.index) == list(result.pairs)
    for position, one in enumerate(result):
        own = one.mean(adjusted=True)
        np.testing.assert_allclose(summary.mean.unique2[position], own.mean.unique2, atol=1e-6)
        np.testing.assert_allclose(table["adjusted"].iloc[position], own.mean[:4], atol=1e-6)
        np.testing.assert_allclose(table["adjusted error"].iloc[position], own.standard_error[:4], atol=1e-6)
        means = [float(part.mean()) for part in one.interactions]
        np.testing.assert_allclose(table["raw"].iloc[position], means, atol=1e-5)


def test_matrices_show_the_means(result):
    axes = plot_pairs(result, ax=Figure().subplots(1, 3), adjusted=False)
    redundancy, unique, synergy = (np.ma.filled(ax.images[0].get_array(), np.nan) for ax in axes)
    audio_and_noise = [float(part.mean()) for part in result["audio", "noise"].interactions]
    shown = [redundancy[1, 2], unique[1, 2], unique[2, 1], synergy[2, 1]]
    np.testing.assert_allclose(shown, audio_and_noise, atol=1e-5)
    np.testing.assert_allclose(redundancy[0, 0], result[0].information[0].mean(), atol=1e-5)
    assert [text.get_text() for text in axes[0].get_xticklabels()] == list(NAMES)
    assert axes[0].get_title() == "redundancy of both (nats)"
    assert plot_pairs(result, ax=Figure().subplots(1, 3))[0].get_title() == axes[0].get_title()  # nothing to shift


def test_pairs_pass_through_jit(result):
    doubled: Pairs = jax.jit(lambda pairs: jax.tree.map(lambda leaf: leaf, pairs))(result)
    assert doubled.names == NAMES
