"""Programs that hung when batched LAPACK calls waited for the threads that they ran on.

Each runs in a process of its own, which is killed when its time is up.
"""

import os
import subprocess
import sys
import textwrap

import pytest

SETUP = """
import threading
import jax
import jax.numpy as jnp
import numpy as np

def blocks(n, d):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    return [jnp.asarray(rng.normal(size=(n, d)) + 0.2 * labels[:, None], jnp.float32) for _ in range(2)], labels

def in_two_threads(function):
    threads = [threading.Thread(target=function, args=(i,), daemon=True) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def finishes(program: str, seconds: float) -> None:
    """Runs a program in a new process, and fails if it takes longer than that or does not reach its last line."""
    environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    command = [sys.executable, "-c", SETUP + textwrap.dedent(program) + "\nprint('finished')"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the program did not finish within {seconds} seconds")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("finished\n")


@pytest.mark.slow
def test_one_compiled_program_in_two_threads():
    finishes(
        """
        from lsmi_jax.models import Whiten
        rows = jnp.stack([blocks(800, 64)[0][0]] * 3)
        whiten = jax.jit(jax.vmap(lambda rows: Whiten(rows)(rows[:2]))).lower(rows).compile()
        in_two_threads(lambda _: [jax.block_until_ready(whiten(rows)) for _ in range(20)])
        """,
        seconds=60,
    )


@pytest.mark.slow
def test_two_mapped_mixtures_in_one_program():
    finishes(
        """
        from lsmi_jax import Knife
        (x1, x2), _ = blocks(2000, 64)

        @jax.jit
        @jax.vmap
        def surprisals(key, scale):
            return Knife(key, x1 * scale).surprisal(x1).mean(), Knife(key, x2 * scale).surprisal(x2).mean()

        for seed in range(10):
            jax.block_until_ready(surprisals(jax.random.split(jax.random.key(seed), 5), 1 + jnp.arange(5.0)))
        """,
        seconds=60,
    )


@pytest.mark.slow
def test_three_mapped_programs_on_eight_devices():
    finishes(
        """
        jax.config.update("jax_num_cpu_devices", 8)
        from lsmi_jax.models import Whiten
        P = jax.sharding.PartitionSpec
        mesh = jax.make_mesh((8,), ("device",))
        rows = jnp.tile(blocks(200, 128)[0][0], (8, 3, 1, 1))
        rows = jax.device_put(rows, jax.sharding.NamedSharding(mesh, P("device")))

        def whiten(rows):
            return [jax.vmap(jax.vmap(lambda rows: Whiten(rows)(rows[:2])))(rows * scale) for scale in (1, 2, 3)]

        specs = {"in_specs": P("device"), "out_specs": P("device")}
        program = jax.jit(jax.shard_map(whiten, mesh=mesh, check_vma=False, **specs))
        for _ in range(20):
            jax.block_until_ready(program(rows))
        """,
        seconds=180,
    )


@pytest.mark.slow
def test_discriminators_after_a_training_scan_in_one_program():
    finishes(
        """
        from lsmi_jax.models import fit_discriminator, inner_splits
        (x1, x2), labels = blocks(800, 64)
        both, labels = jnp.concatenate([x1, x2], axis=1), jnp.asarray(labels)

        def train(weights, _):
            loss = lambda weights: jnp.log1p(jnp.exp(-(2.0 * labels - 1) * (both @ weights))).mean()
            return weights - 0.1 * jax.grad(loss)(weights), None

        @jax.jit
        def program(keys):
            weights, _ = jax.lax.scan(train, jnp.zeros(both.shape[1]), length=20)

            def losses(x):
                splits = inner_splits(keys[0], labels)
                fit = lambda key: fit_discriminator(key, x, labels, splits, num_classes=2)[0].held_out_loss
                return jax.vmap(fit)(keys)

            return weights, [losses(x) for x in (x1, x2, both)]

        jax.block_until_ready(program(jax.random.split(jax.random.key(0), 2)))
        """,
        seconds=180,
    )


@pytest.mark.slow
def test_estimate_in_two_threads():
    finishes(
        """
        from lsmi_jax import estimate
        features, labels = blocks(2000, 32)
        in_two_threads(lambda i: jax.block_until_ready(estimate(jax.random.key(i), features, labels)))
        """,
        seconds=300,
    )


@pytest.mark.slow
def test_estimate_on_eight_devices():
    finishes(
        """
        jax.config.update("jax_num_cpu_devices", 8)
        from lsmi_jax import estimate
        features, labels = blocks(800, 64)
        jax.block_until_ready(estimate(jax.random.key(0), features, labels))
        """,
        seconds=300,
    )


ENTRY_POINTS = {
    "fit_estimator, score and export_score": """
        estimator = lsmi_jax.fit_estimator(jax.random.key(i), features, labels)
        result = lsmi_jax.score(estimator, features, labels)
        rows = tuple(np.asarray(x) for x in features), labels.astype(np.int32)
        return result, lsmi_jax.export_score(estimator).call(*rows)
    """,
    "score_to_file": """
        estimator = lsmi_jax.fit_estimator(jax.random.key(i), features, labels, redundancy=PAPER)
        batches = lsmi_jax.ArrayBatches(features, labels, size=50)
        return lsmi_jax.score_to_file(f"{folder}/{i}.npy", estimator, batches).means
    """,
    "estimate of the paper": """
        return lsmi_jax.estimate(jax.random.key(i), features, labels, num_folds=2, redundancy=PAPER)
    """,
    "estimate_pairs": """
        return lsmi_jax.estimate_pairs(jax.random.key(i), (*features, features[0][:, :9]), labels, num_folds=2)
    """,
    "permutation_test": """
        return lsmi_jax.permutation_test(jax.random.key(i), features, labels, num_folds=2, num_permutations=2)
    """,
    "Knife under jit and vmap": """
        def surprisal(key):
            return lsmi_jax.Knife(key, features[0]).surprisal(features[0]).mean()
        return jax.jit(jax.vmap(surprisal))(jax.random.split(jax.random.key(i), 3))
    """,
    "Probe under jit, vmap and grad": """
        def loss(x, key):
            return lsmi_jax.Probe(key, x, num_classes=2)(x).sum()
        return jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0)))(features[0], jax.random.split(jax.random.key(i), 3))
    """,
    "update_tracker and batch_interactions": """
        state = lsmi_jax.init_tracker(jax.random.key(i), num_classes=2)
        logits = [x[:, :2] for x in features]
        logits = [*logits, logits[0]]
        for _ in range(3):
            state = jax.jit(lsmi_jax.update_tracker)(state, logits, jnp.asarray(labels))
        return lsmi_jax.batch_interactions(logits, labels, state.log_prior, state.potentials)
    """,
    "baselines": """
        from lsmi_jax import baselines
        return baselines.pid_batch(jax.random.key(i), features, labels, num_steps=3)
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_no_entry_point_hangs_in_two_threads_with_512_columns(entry, devices, tmp_path):
    body = textwrap.indent(textwrap.dedent(ENTRY_POINTS[entry]), "    ")
    finishes(
        f"jax.config.update('jax_num_cpu_devices', {devices})\n"
        "import lsmi_jax\n"
        f"folder = {str(tmp_path)!r}\n"
        "PAPER = lsmi_jax.SpecificityAmbiguity(num_components=4)\n"
        "features, labels = blocks(120, 512)\n"
        f"def work(i):\n{body}\n"
        "done = []\n"
        "in_two_threads(lambda i: done.append(jax.block_until_ready(work(i))))\n"
        "assert len(done) == 2\n",
        seconds=400,
    )
