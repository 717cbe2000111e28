import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from flax import nnx

from lsmi_jax import Knife
from lsmi_jax.models import _knife, fit_density

COVARIANCES = ["full", "diagonal", 2]


def perturbed(knife, key, strength=0.3):
    """The knife with every parameter moved, so that no test rests on the starting point."""
    graphdef, params, rest = nnx.split(knife, nnx.Param, ...)
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    moved = [leaf + strength * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return nnx.merge(graphdef, jax.tree.unflatten(treedef, moved), rest)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_one_component_is_a_multivariate_normal(key, rng, covariance):
    data = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)) + 3
    knife = perturbed(Knife(key, jnp.asarray(data, jnp.float32), num_components=1, covariance=covariance), key)
    mean = in_units(knife, knife.means[...][0])
    # The precision is read off the curvature, not off the parameters.
    precision = -np.asarray(jax.jit(jax.hessian(knife.log_prob))(jnp.asarray(mean)), np.float64)
    points = jnp.asarray(rng.normal(size=(30, 4)) * 2 + 3, jnp.float32)
    expected = scipy.stats.multivariate_normal(mean, np.linalg.inv(precision)).logpdf(points)
    np.testing.assert_allclose(knife.log_prob(points), expected, rtol=1e-3, atol=1e-3)
    if covariance == "diagonal":  # of the whitened columns
        unwhiten = np.linalg.inv(np.asarray(knife.whiten.matrix[...], float)) * np.asarray(
            knife.whiten.standardize.scale[...]
        )
        whitened = unwhiten @ precision @ unwhiten.T
        np.testing.assert_allclose(whitened - np.diag(np.diag(whitened)), 0, atol=1e-3 * np.abs(whitened).max())


def in_units(knife, whitened):
    """A whitened point in the units of the features."""
    standardize, matrix = knife.whiten.standardize, knife.whiten.matrix
    rows = whitened if matrix is None else np.linalg.solve(np.asarray(matrix[...]).T, whitened)
    return np.asarray(standardize.mean[...] + standardize.scale[...] * rows)


@pytest.mark.parametrize("covariance", ["full", "diagonal", 1])
def test_density_integrates_to_one_in_one_dimension(key, covariance):
    data = jax.random.normal(key, (40, 1)) * 2 - 1
    knife = perturbed(Knife(key, data, num_components=5, covariance=covariance), key)
    grid = jnp.linspace(-60, 60, 40001)
    total = scipy.integrate.simpson(np.exp(np.asarray(knife.log_prob(grid[:, None]), np.float64)), x=np.asarray(grid))
    np.testing.assert_allclose(total, 1, atol=1e-4)


@pytest.mark.parametrize("covariance", ["full", "diagonal", 1])
def test_density_integrates_to_one_in_two_dimensions(key, covariance):
    data = jax.random.normal(key, (40, 2)) * jnp.array([[2.0, 0.01]])
    knife = perturbed(Knife(key, data, num_components=3, covariance=covariance), key)
    x, y = jnp.linspace(-30, 30, 801), jnp.linspace(-0.15, 0.15, 801)
    points = jnp.stack(jnp.meshgrid(x, y, indexing="ij"), -1)
    density = np.exp(np.asarray(knife.log_prob(points), np.float64))
    total = scipy.integrate.simpson(scipy.integrate.simpson(density, x=np.asarray(y)), x=np.asarray(x))
    np.testing.assert_allclose(total, 1, atol=1e-3)


def test_mixture_is_the_mixture_of_its_components(key, rng):
    knife = perturbed(Knife(key, jnp.asarray(rng.normal(size=(30, 3)), jnp.float32), num_components=4), key)
    points = jnp.asarray(rng.normal(size=(10, 3)), jnp.float32)
    graphdef, params, rest = nnx.split(knife, nnx.Param, ...)
    total = 0
    for component in range(4):
        single = jax.tree.map(lambda leaf, c=component: leaf[c : c + 1], params)
        weight = jax.nn.softmax(knife.log_weights[...])[component]
        total += weight * jnp.exp(nnx.merge(graphdef, single, rest).log_prob(points))
    np.testing.assert_allclose(knife.log_prob(points), jnp.log(total), rtol=1e-5, atol=1e-5)


def test_shapes_and_jit(key):
    knife = Knife(key, jax.random.normal(key, (20, 3)))
    points = jax.random.normal(key, (2, 5, 3))
    assert knife.log_prob(points).shape == (2, 5)
    assert knife.log_prob(points[0, 0]).shape == ()
    np.testing.assert_allclose(jax.jit(lambda k, x: k.log_prob(x))(knife, points), knife.log_prob(points), atol=1e-4)
    np.testing.assert_allclose(knife.surprisal(points), -knife.log_prob(points))
    assert knife.log_prob(points.astype(jnp.bfloat16)).dtype == jnp.float32


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_units_only_shift_the_surprisal(key, covariance, scale):
    data, points = jax.random.normal(key, (50, 3)), jax.random.normal(jax.random.key(1), (20, 3))
    options = {"num_components": 4, "covariance": covariance}
    expected = Knife(key, data, **options).surprisal(points) + 3 * np.log(scale)
    np.testing.assert_allclose(Knife(key, data * scale, **options).surprisal(points * scale), expected, rtol=1e-4)


def awkward(name, rng):
    data = rng.normal(size=(60, 3)).astype(np.float32)
    if name == "fewer rows than components":
        return data[:2]
    if name == "one row":
        return data[:1]
    if name == "duplicates":
        return np.repeat(data[:3], 20, axis=0)
    if name == "constant column":
        data[:, 1] = 7.25
    if name == "outlier":
        data[5, 2] = 1e6
    return data


@pytest.mark.slow
@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("name", ["fewer rows than components", "one row", "duplicates", "constant column", "outlier"])
def test_awkward_data_gives_finite_values_and_gradients(key, rng, name, covariance):
    data = jnp.asarray(awkward(name, rng))
    knife = Knife(key, data, covariance=covariance)
    graphdef, params, rest = nnx.split(knife, nnx.Param, ...)

    def loss(params, x):
        return nnx.merge(graphdef, params, rest).surprisal(x).mean()

    value, grads = jax.value_and_grad(loss, argnums=(0, 1))(params, data)
    assert jnp.isfinite(value)
    chex.assert_tree_all_finite(grads)


@pytest.mark.parametrize(("covariance", "dim"), [("full", 1), ("diagonal", 1024), (3, 1024), ("full", 128)])
def test_dimensions(key, covariance, dim):
    data = jax.random.normal(key, (20, dim))
    knife = Knife(key, data, num_components=3, covariance=covariance)
    assert jnp.isfinite(knife.surprisal(data)).all()


def test_a_constant_column_is_left_out(key):
    data = jax.random.normal(key, (40, 2))
    padded = jnp.concatenate([data, jnp.full((40, 1), 3.0)], axis=1)
    options = {"num_components": 1, "covariance": "diagonal"}
    np.testing.assert_allclose(
        Knife(key, padded, **options).surprisal(padded), Knife(key, data, **options).surprisal(data), rtol=1e-5
    )


def test_kernels_never_get_narrower_than_the_floor(key):
    knife = Knife(key, jnp.linspace(-1.0, 1.0, 50)[:, None], num_components=1)
    knife.log_scales[...] = jnp.full_like(knife.log_scales[...], 100.0)
    spread = float(jnp.linspace(-1.0, 1.0, 50).std())
    highest = float(knife.log_prob(jnp.asarray(in_units(knife, knife.means[...][0]))))
    assert highest <= -np.log(Knife.MIN_KERNEL * spread * np.sqrt(2 * np.pi)) + 1e-4


def gaussian(rng, n):
    factor = np.array([[1.0, 0, 0], [0.8, 0.3, 0], [-0.5, 0.2, 0.7]])
    entropy = 1.5 * np.log(2 * np.pi * np.e) + np.linalg.slogdet(factor)[1]
    return rng.normal(size=(n, 3)) @ factor.T, entropy


def small_gaussian(rng, n):
    return 1e-3 * rng.normal(size=(n, 2)), np.log(2 * np.pi * np.e) + 2 * np.log(1e-3)


def bimodal(rng, n):
    grid = np.linspace(-8, 8, 20001)
    density = (scipy.stats.norm.pdf(grid, -2, 0.3) + 3 * scipy.stats.norm.pdf(grid, 2, 1)) / 4
    entropy = scipy.integrate.simpson(-density * np.log(density), x=grid)
    left = rng.random(n) < 0.25
    return np.where(left, rng.normal(-2, 0.3, n), rng.normal(2, 1, n))[:, None], entropy


@pytest.mark.parametrize("source", [gaussian, small_gaussian, bimodal])
def test_fitted_entropy_is_right_within_the_sampling_error(key, rng, source):
    train, _ = source(rng, 3000)
    test, entropy = source(rng, 3000)
    train, test = (jnp.asarray(part, jnp.float32) for part in (train, test))
    fit = jax.jit(fit_density, static_argnames=("num_components", "covariance"))
    density = fit(key, train, num_components=4, covariance="full")
    surprisal = np.asarray(density.surprisal(test))
    dim = train.shape[1]
    num_parameters = 4 * (1 + 2 * dim + dim * (dim - 1) / 2)
    excess = num_parameters / 3000  # a fitted model of p parameters loses p / 2n; twice that
    margin = 3 * surprisal.std() / np.sqrt(3000)
    assert -margin <= surprisal.mean() - entropy <= margin + excess


def test_errors_name_the_argument(key):
    with pytest.raises(ValueError, match=r"features: expected shape \[n, d\]"):
        Knife(key, jnp.zeros(3))
    with pytest.raises(ValueError, match="num_components: expected at least 1, got 0"):
        Knife(key, jnp.zeros((3, 2)), num_components=0)
    for covariance in ("spherical", 0, -1, True):
        with pytest.raises(ValueError, match="covariance: expected"):
            Knife(key, jnp.zeros((3, 2)), covariance=covariance)
    with pytest.raises(ValueError, match=r"features: expected \[..., 2\], got shape \(5, 3\)"):
        Knife(key, jnp.zeros((3, 2))).log_prob(jnp.zeros((5, 3)))


def test_products_of_matrices_give_the_same_distances(key, rng):
    data = jnp.asarray(rng.normal(size=(300, _knife.MAX_DIRECT + 8)), jnp.float32)
    knife = perturbed(Knife(key, data, num_components=4), key)
    rows = knife.whiten(data)
    cap = -np.log(_knife.MIN_KERNEL_BY_PRODUCTS)
    log_scales = cap - jax.nn.softplus(cap - knife.log_scales[...])
    scaled = (rows[:, None] - knife.means[...][None]) * jnp.exp(log_scales)[None]
    expected = log_scales.sum(-1)[None] - 0.5 * (scaled**2).sum(-1)
    np.testing.assert_allclose(knife._log_kernels(rows), expected, rtol=1e-4, atol=1e-2)
