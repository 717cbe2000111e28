import contextlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import jax
import jax.experimental
import numpy as np
import pytest
from hypothesis import settings

# Compiled programs are shared by the processes of a run, and kept for the next one.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
seconds = float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
collect_ignore_glob = ["*conftest.py"]  # modules of one name, which doctests would import
settings.register_profile("lsmi", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("lsmi")


def pytest_collection_modifyitems(items):
    """Notebooks run with all tests, not with the quick ones."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)


def make_room():
    """Lets compiled programs go while there is room: XLA crashes where Linux allows a process no further memory map."""
    maps, allowed = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
    if maps.exists() and maps.read_bytes().count(b"\n") > int(allowed.read_text()) * 0.4:  # a file takes up to .25
        jax.clear_caches()


@pytest.fixture(scope="module", autouse=True)
def room_after_each_file():
    yield
    make_room()


@pytest.fixture(autouse=True)
def room_after_slow_tests(request):
    """A slow test alone may compile as many programs as a file of others."""
    yield
    if request.node.get_closest_marker("slow") is not None:
        make_room()


@pytest.fixture
def full_disk():
    """A context in which no file can grow beyond some bytes, as on a full disk."""

    @contextlib.contextmanager
    def limited(num_bytes):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        jax.config.update("jax_enable_compilation_cache", False)
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            jax.config.update("jax_enable_compilation_cache", True)
            signal.signal(signal.SIGXFSZ, handler)

    return limited


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def blobs():
    """Two blocks and labels, of the one shape that most tests of whole fits share: each process compiles it once."""
    rng = np.random.default_rng(0)
    labels = np.arange(72, dtype=np.int32) % 3
    return tuple((rng.normal(size=(72, d)) + labels[:, None]).astype(np.float32) for d in (2, 3)), labels


@pytest.fixture
def data_set():
    """Loads a data set by its name, from a folder that not everybody has."""
    folder = Path(os.environ.get("LSMI_DATA", Path(__file__).parents[2] / "shared" / "data"))

    def load(name: str):
        path = folder / f"{name}.npz"
        if not path.exists():
            pytest.skip(f"{path} is absent: set LSMI_DATA to a folder that holds it")
        return np.load(path)

    return load


@pytest.fixture(scope="session")
def enable_x64():
    home = jax if hasattr(jax, "enable_x64") else jax.experimental  # JAX before 0.8
    return home.enable_x64


@pytest.fixture
def x64(enable_x64):
    with enable_x64(True):
        yield


@pytest.fixture
def on_a_terminal():
    """Runs a program on a pseudo-terminal and returns what it showed there."""
    if sys.platform == "win32":
        pytest.skip("needs a pseudo-terminal")

    def run(program: str) -> bytes:
        terminal, end = os.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
        shown = b""
        with subprocess.Popen([sys.executable, "-c", program], stderr=end, env=environment) as process:
            os.close(end)
            with contextlib.suppress(OSError):  # Linux raises when the other end is closed
                while more := os.read(terminal, 4096):
                    shown += more
        os.close(terminal)
        assert process.returncode == 0
        return shown

    return run
