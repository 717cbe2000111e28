import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax.storage import fingerprint, write_atomic
from lsmi_jax.storage._atomic_files import is_key, key_as_integers


def test_a_failed_or_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_atomic(path, lambda file: file.write(b"old"))
    for error, expected in ((KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left"), OSError)):

        def write(file, error=error):
            file.write(b"new")
            raise error

        with pytest.raises(expected):
            write_atomic(path, write)
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]


def test_an_error_names_the_file(tmp_path):
    with pytest.raises(OSError, match=r"could not write .*missing.file; an existing file is unchanged"):
        write_atomic(tmp_path / "missing" / "file", lambda file: file.write(b"new"))


def test_a_fingerprint_depends_on_values_dtypes_shapes_names_keys_and_words():
    base = {"a": np.zeros(4, np.float32), "key": jax.random.key(0)}
    changed = [
        {**base, "a": base["a"] + np.eye(4, dtype=np.float32)[2]},
        {**base, "a": np.zeros(4, np.int32)},
        {**base, "a": np.zeros((2, 2), np.float32)},
        {"b": base["a"], "key": base["key"]},
        {**base, "key": jax.random.key(1)},
    ]
    fingerprints = {fingerprint(tree, "word") for tree in (base, *changed)} | {fingerprint(base, "other")}
    assert len(fingerprints) == 7
    assert fingerprint(base, "word") == fingerprint({**base, "a": jnp.zeros(4)}, "word")


def test_keys_become_integers_and_other_arrays_pass():
    key, array = jax.random.key(3), jnp.arange(3.0)
    assert is_key(key)
    assert not is_key(array)
    np.testing.assert_array_equal(key_as_integers(key), jax.random.key_data(key))
    assert key_as_integers(array) is array
