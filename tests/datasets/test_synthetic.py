import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from scipy.special import logsumexp

from lsmi_jax import adjust, datasets
from lsmi_jax.datasets import SAMPLE_TYPES, circuit_logic, gaussian_mixture, preset

GATES = {name: getattr(datasets, name) for name in ("XOR", "OR", "AND", "XOR_NOT", "COPY1", "RDN")}


def means(parts):
    return np.array([float(part.mean()) for part in parts])


@pytest.mark.parametrize("name", GATES)
def test_gates_reach_their_dataset_level_truth(key, name):
    task = circuit_logic(key, 20000, gate=GATES[name])
    i1, i2, i12 = (np.asarray(i, np.float64) for i in task.information)
    r, u1, u2, s = task.truth
    for i, truth in ((i1, r + u1), (i2, r + u2), (i12, r + u1 + u2 + s)):
        assert abs(i.mean() - truth) < 4 * i.std() / np.sqrt(len(i)) + 1e-4
    # The shift picks the smaller of two sample means, so the error is that of i1 - i2 at the most.
    error = 4 * max((i1 - i2).std(), i1.std(), i12.std()) / np.sqrt(20000) + 1e-4
    np.testing.assert_allclose(means(adjust(task.interactions())), means(task.truth), atol=2 * error)


@pytest.mark.parametrize("name", ["OR", "XOR"])
def test_gate_by_quadrature(key, name):
    """Information and surprisal of a sample, from densities that are written out here."""
    gate, sd = GATES[name], 0.3
    task = circuit_logic(key, 20, gate=gate, noise=sd)

    def joint(x1, x2, y):
        return sum(
            scipy.stats.norm.pdf(x1, a, sd) * scipy.stats.norm.pdf(x2, b, sd) / 4
            for (a,), (b,), output in zip(gate.inputs1, gate.inputs2, gate.outputs, strict=True)
            if output == y
        )

    grid = np.linspace(-3, 4, 4001)
    for n in range(20):
        x1, x2 = (float(block[n, 0]) for block in task.features)
        y = int(task.labels[n])
        p_y = np.mean(np.asarray(gate.outputs) == y)
        p1y, p2y = (
            scipy.integrate.simpson(joint(x1, grid, y), x=grid),
            scipy.integrate.simpson(joint(grid, x2, y), x=grid),
        )
        p1 = sum(scipy.integrate.simpson(joint(x1, grid, k), x=grid) for k in (0, 1))
        p2 = sum(scipy.integrate.simpson(joint(grid, x2, k), x=grid) for k in (0, 1))
        p12 = joint(x1, x2, 0) + joint(x1, x2, 1)
        expected = [np.log(p1y / p1 / p_y), np.log(p2y / p2 / p_y), np.log(joint(x1, x2, y) / p12 / p_y)]
        ours = [float(i[n]) for i in task.information] + [float(h[n]) for h in task.surprisal]
        np.testing.assert_allclose(ours, [*expected, -np.log(p1), -np.log(p2)], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.4, 0.99])
def test_mixture_agrees_with_scipy(key, correlation):
    num_classes, sd = 3, 0.5
    task = gaussian_mixture(key, 50, num_classes=num_classes, correlation=correlation, noise=sd)
    x1, x2 = (np.asarray(block, np.float64) for block in task.features)
    eye = np.eye(num_classes)
    covariance = sd**2 * np.kron([[1, correlation], [correlation, 1]], eye)

    def log_density(x, dim_covariance, copies):
        columns = [
            scipy.stats.multivariate_normal(np.tile(eye[k], copies), dim_covariance).logpdf(x)
            for k in range(num_classes)
        ]
        return np.stack(columns, 1) - np.log(num_classes)

    y = np.asarray(task.labels)
    joints = [
        log_density(x1, sd**2 * eye, 1),
        log_density(x2, sd**2 * eye, 1),
        log_density(np.concatenate([x1, x2], 1), covariance, 2),
    ]
    for ours, joint in zip(task.information, joints, strict=True):
        expected = joint[np.arange(50), y] - logsumexp(joint, axis=1) + np.log(num_classes)
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)
    for ours, joint in zip(task.surprisal, joints, strict=False):
        np.testing.assert_allclose(ours, -logsumexp(joint, axis=1), rtol=1e-4, atol=1e-4)


def test_mixture_at_the_ends_of_the_correlation(key):
    plus = gaussian_mixture(key, 500, num_classes=4, correlation=1.0)
    np.testing.assert_allclose(plus.information[2], plus.information[0], atol=1e-4)
    minus = gaussian_mixture(key, 500, num_classes=4, correlation=-1.0)
    np.testing.assert_allclose(minus.information[2], np.log(4), atol=1e-5)


def enumerated(x1, x2, num_classes, sd, wide):
    """Log p(x1|y), p(x2|y), p(x1,x2|y) of unrotated preset samples, each [n, K], by enumerating states."""
    eye = np.sqrt(num_classes) * np.eye(num_classes)
    nothing = np.zeros(num_classes)

    def code(place, vector):
        return np.concatenate([vector if p == place else nothing for p in range(3)])

    states = []  # label, weight given the label, mean and spread of each modality
    for y in range(num_classes):
        states.append((y, 1 / 4, code(0, eye[y]), sd, code(0, eye[y]), sd))
        states.append((y, 1 / 4, code(1, eye[y]), sd, code(1, nothing), wide))
        states.append((y, 1 / 4, code(1, nothing), wide, code(1, eye[y]), sd))
        for a in range(num_classes):
            b = (y - a) % num_classes
            states.append((y, 1 / 4 / num_classes, code(2, eye[a]), sd, code(2, eye[b]), sd))
    columns = [[[] for _ in range(num_classes)] for _ in range(3)]
    for y, weight, mean1, spread1, mean2, spread2 in states:
        log1 = scipy.stats.norm.logpdf(x1, mean1, spread1).sum(1)
        log2 = scipy.stats.norm.logpdf(x2, mean2, spread2).sum(1)
        for column, value in zip(columns, (log1, log2, log1 + log2), strict=True):
            column[y].append(np.log(weight) + value)
    return [np.stack([logsumexp(column[y], axis=0) for y in range(num_classes)], 1) for column in columns]


@pytest.mark.parametrize("num_classes", [2, 3])
def test_preset_by_enumeration(key, num_classes, monkeypatch):
    monkeypatch.setattr(jax.random, "orthogonal", lambda key, size: jnp.eye(size))
    task = preset(key, 200, num_classes=num_classes)
    x1, x2 = (np.asarray(block, np.float64) for block in task.features)
    y = np.asarray(task.labels)
    log_densities = enumerated(x1, x2, num_classes, 0.45, 0.45 * 1.3)
    for ours, log_density in zip(task.information, log_densities, strict=True):
        expected = log_density[np.arange(200), y] - logsumexp(log_density, axis=1) + np.log(num_classes)
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)
    for ours, log_density in zip(task.surprisal, log_densities, strict=False):
        expected = np.log(num_classes) - logsumexp(log_density, axis=1)
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-3)


def test_preset_is_rotated_and_its_types_follow_the_proportions(key):
    task = preset(key, 4000, proportions=(0.1, 0.2, 0.3, 0.4))
    types, x1 = np.asarray(task.sample_types), np.asarray(task.features[0], np.float64)
    counts = np.bincount(types) / 4000
    np.testing.assert_allclose(counts, [0.1, 0.2, 0.3, 0.4], atol=4 * np.sqrt(0.25 / 4000))
    code = x1[(types == 0) & (np.asarray(task.labels) == 0)].mean(0)
    np.testing.assert_allclose(np.linalg.norm(code), np.sqrt(2), atol=0.15)
    assert np.abs(code).max() < 1.35  # spread over the columns
    np.testing.assert_allclose(x1[types == 2].std(), 0.45 * 1.3, rtol=0.03)


@pytest.mark.parametrize("index", range(4))
def test_preset_of_one_type_holds_only_that_interaction(key, index):
    proportions = tuple(float(k == index) for k in range(4))
    task = preset(key, 3000, num_classes=3, proportions=proportions, noise=0.1)
    assert (task.sample_types == index).all()
    r, u1, u2, s = means(adjust(task.interactions()))
    expected = np.zeros(4)
    expected[index] = np.log(3)
    np.testing.assert_allclose([r, u1, u2, s], expected, atol=0.02)
    assert SAMPLE_TYPES[index] in ("redundancy", "unique1", "unique2", "synergy")


def test_tasks_are_reproducible_and_depend_on_the_key(key):
    first, same, other = (preset(k, 50) for k in (key, key, jax.random.key(1)))
    np.testing.assert_array_equal(first.features[0], same.features[0])
    assert not jnp.array_equal(first.features[0], other.features[0])


def test_proportions_may_be_any_sequence(key):
    tasks = [preset(key, 50, proportions=kind((0.1, 0.6, 0.1, 0.2))) for kind in (tuple, list, np.array)]
    for task in tasks[1:]:
        np.testing.assert_array_equal(task.truth, tasks[0].truth)
