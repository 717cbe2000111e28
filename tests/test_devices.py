import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lsmi_jax import adjust, decompose, label_log_prior, pointwise_information


def test_eight_devices_agree_with_one(rng):
    assert jax.device_count() == 8
    sharding = NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec("data"))
    logits = [jnp.asarray(rng.normal(size=(64, 3)), jnp.float32) for _ in range(3)]
    surprisals = [jnp.asarray(rng.normal(size=64), jnp.float32) for _ in range(2)]
    labels = jnp.asarray(rng.integers(0, 3, 64))

    @jax.jit
    def interactions(logits, surprisals, labels):
        log_prior = label_log_prior(labels, 3)
        informations = [pointwise_information(one, labels, log_prior) for one in logits]
        return adjust(decompose(*informations, *surprisals))

    one = interactions(logits, surprisals, labels)
    eight = interactions(*jax.device_put((logits, surprisals, labels), sharding))
    assert len(eight.redundancy.sharding.device_set) == 8
    np.testing.assert_allclose(eight, one, atol=1e-5)
