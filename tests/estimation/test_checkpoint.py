import subprocess
import sys
import zipfile

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import (
    CustomRedundancy,
    DensityOptions,
    MinimumInformation,
    SharedExclusions,
    SpecificityAmbiguity,
    UnionInformation,
    fit_estimator,
    load,
    save,
    score,
)
from lsmi_jax.storage import checksum, parse_record, record_text


@pytest.fixture(scope="module")
def data(blobs):
    rng = np.random.default_rng(0)
    features, labels = blobs
    logits = tuple(rng.normal(size=(len(labels), 3)).astype(np.float32) for _ in range(3))
    return features, labels, logits


@pytest.fixture(scope="module")
def fitted(data):
    features, labels, _ = data
    return fit_estimator(jax.random.key(0), features, labels, redundancy=SpecificityAmbiguity(num_components=4))


@pytest.fixture
def saved(fitted, tmp_path):
    save(tmp_path / "estimator", fitted)
    return tmp_path / "estimator"


def as_numbers(tree):
    return jax.tree.map(lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x, tree)


def test_what_is_loaded_is_what_was_saved(fitted, saved, data):
    features, labels, _ = data
    loaded = load(saved)
    chex.assert_trees_all_equal(as_numbers(loaded), as_numbers(fitted))
    chex.assert_trees_all_equal(
        as_numbers(score(loaded, features, labels)), as_numbers(score(fitted, features, labels))
    )


OTHERS = (
    pytest.param(SharedExclusions(num_components=3, covariance=2), marks=pytest.mark.slow),
    SpecificityAmbiguity(),
    MinimumInformation(),
    pytest.param(UnionInformation(num_cells=24), marks=pytest.mark.slow),
)


@pytest.mark.parametrize("redundancy", OTHERS)
def test_other_structures_come_back_too(data, tmp_path, redundancy):
    features, labels, logits = data
    own = logits if redundancy == SpecificityAmbiguity() else None
    estimator = fit_estimator(jax.random.key(0), features, labels, redundancy=redundancy, logits=own)
    save(tmp_path / "it", estimator)
    loaded = load(tmp_path / "it")
    chex.assert_trees_all_equal(as_numbers(loaded), as_numbers(estimator))
    assert loaded.redundancy == redundancy
    with pytest.raises(ValueError, match="redundancy: expected None, because the folder stores"):
        load(tmp_path / "it", redundancy=MinimumInformation())


def test_a_custom_redundancy_is_given_again(data, tmp_path):
    features, labels, logits = data
    custom = CustomRedundancy(lambda i1, i2, i12, h1, h2: (i1 + i2) / 2)
    estimator = fit_estimator(jax.random.key(0), features, labels, redundancy=custom, logits=logits)
    save(tmp_path / "it", estimator)
    loaded = load(tmp_path / "it", redundancy=custom)
    mean = score(loaded, features, labels, logits=logits)
    np.testing.assert_allclose(mean.interactions.redundancy, sum(mean.information[:2]) / 2, atol=1e-6)
    for wrong in (None, CustomRedundancy(custom.function, DensityOptions())):
        with pytest.raises(ValueError, match="redundancy: expected the custom one"):
            load(tmp_path / "it", redundancy=wrong)


@pytest.mark.slow
def test_a_fresh_process_scores_the_same(fitted, saved, data, tmp_path):
    features, labels, _ = data
    np.savez(tmp_path / "data.npz", x1=features[0], x2=features[1], y=labels)
    program = f"""
import numpy as np, lsmi_jax
data = np.load({str(tmp_path / "data.npz")!r})
result = lsmi_jax.score(lsmi_jax.load({str(saved)!r}), (data["x1"], data["x2"]), data["y"])
np.save({str(tmp_path / "r.npy")!r}, result.interactions.redundancy)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    expected = score(fitted, features, labels).interactions.redundancy
    np.testing.assert_allclose(np.load(tmp_path / "r.npy"), expected, rtol=1e-4, atol=1e-5)


def test_nothing_is_overwritten_unless_asked(fitted, saved):
    with pytest.raises(FileExistsError, match="path: expected a new folder"):
        save(saved, fitted)
    save(saved, fitted, overwrite=True)
    load(saved)
    assert [path.name for path in saved.parent.iterdir()] == ["estimator"]


def test_a_missing_or_foreign_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="path: expected a folder"):
        load(tmp_path / "nothing")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"path: expected a folder that lsmi_jax.save wrote"):
        load(tmp_path / "foreign")


@pytest.mark.parametrize("damage", ["cut", "gone", "one bit"])
def test_every_damaged_file_is_noticed(saved, damage):
    files = [path for path in saved.rglob("*") if path.is_file() and path.stat().st_size]
    assert [path.name for path in sorted(files)] == ["about.json", "arrays.npz"]
    for path in files:
        whole = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else bytes([whole[0] ^ 1]) + whole[1:])
        with pytest.raises(ValueError, match="path: expected"):
            load(saved)
        path.write_bytes(whole)
    load(saved)


def test_another_format_is_refused(saved):
    sealed(saved, lambda about: about.update(format=99))
    with pytest.raises(ValueError, match="got format 99"):
        load(saved)


def test_a_full_disk_is_one_error_and_leaves_the_last_good_folder(fitted, saved, full_disk, capfd):
    with full_disk(300), pytest.raises(OSError, match="its previous content is preserved: File too large") as raised:
        save(saved, fitted, overwrite=True)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    chex.assert_trees_all_equal(as_numbers(load(saved)), as_numbers(fitted))
    with pytest.raises(OSError, match="could not write"):
        save(saved / "about.json" / "inside", fitted)


def sealed(saved, change):
    """Writes a changed description with the right checksum, as only a hostile file has it."""
    about = parse_record((saved / "about.json").read_bytes())
    change(about)
    (saved / "about.json").write_bytes(record_text(about))


HOSTILE = {
    "a billion Gaussians": lambda about: about["recipe"]["redundancy"]["options"].update(num_components=10**9),
    "a billion columns": lambda about: about["recipe"].update(num_features=[10**9, 3]),
    "minus one class": lambda about: about["recipe"].update(num_classes=-1),
    "no redundancy": lambda about: about["recipe"].pop("redundancy"),
    "an unknown redundancy": lambda about: about["recipe"]["redundancy"].update(name="os.system"),
    "an unknown option": lambda about: about["recipe"]["redundancy"]["options"].update(command="ls"),
    "no recipe": lambda about: about.pop("recipe"),
    "text for a number": lambda about: about["recipe"].update(num_classes="3"),
    "other columns": lambda about: about["recipe"].update(num_features=[2, 3, 4]),
    "a deep list": lambda about: about["recipe"].update(num_features=[[[2]], 3]),
}


@pytest.mark.parametrize("change", HOSTILE)
def test_a_hostile_description_is_a_value_error(saved, change):
    sealed(saved, HOSTILE[change])
    with pytest.raises(ValueError, match=r"^path: expected"):
        load(saved)


def test_arrays_that_declare_more_than_is_there_are_a_value_error(saved):
    arrays = saved / "arrays.npz"
    with zipfile.ZipFile(arrays, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("arr_0.npy", "w") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (2**33,)}
        np.lib.format.write_array_header_1_0(file, header)
    sealed(saved, lambda about: about.update(arrays=checksum(arrays.read_bytes())))
    with pytest.raises(ValueError, match=r"^path: expected the arrays that were written to .*arrays\.npz"):
        load(saved)


def test_only_what_save_wrote_is_replaced(fitted, tmp_path):
    file, folder = tmp_path / "notes.txt", tmp_path / "thesis"
    file.write_text("mine")
    folder.mkdir()
    (folder / "chapter").write_text("mine, too")
    for path in (file, folder):
        with pytest.raises(FileExistsError, match="path: expected a new folder or one that save wrote"):
            save(path, fitted, overwrite=True)
    assert file.read_text() == "mine"
    assert (folder / "chapter").read_text() == "mine, too"
