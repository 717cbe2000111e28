import base64
import io

import numpy as np
import pytest
from PIL import Image

from lsmi_jax.reporting import check_images, thumbnail
from lsmi_jax.reporting._images import MAX_SIDE


def decoded(uri):
    """The image of a data URI."""
    kind, _, content = uri.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_row_of_pixels_is_a_square(tmp_path):
    assert check_images(np.zeros((5, 9)), tmp_path).shape == (5, 3, 3)
    for shape in ((5, 4, 6), (5, 4, 6, 3)):
        assert check_images(np.zeros(shape), tmp_path).shape == shape


def test_pixels_are_stretched_to_256_levels():
    image = decoded(thumbnail(np.arange(12).reshape(3, 4)))
    assert (image.size, image.mode) == ((4, 3), "L")
    np.testing.assert_array_equal(np.asarray(image)[0], [0, 23, 46, 70])  # 255 * k / 11, rounded
    assert decoded(thumbnail(np.zeros((3, 4, 3)))).mode == "RGB"


def test_image_files_are_checked_before_any_work_is_done(tmp_path):
    Image.new("L", (4, 3)).save(tmp_path / "one.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "one.txt").touch()
    (found,) = check_images(np.array(["one.png"]), tmp_path)
    assert found == tmp_path / "one.png"
    for name in ("two.png", "one.txt"):
        with pytest.raises(ValueError, match=f"--image: expected names of .png, .jpg.* files, got .*{name}"):
            check_images(np.array(["one.png", name]), tmp_path)
    with pytest.raises(ValueError, match=r"--image: expected an image, got .*text\.png"):
        check_images(np.array(["text.png"]), tmp_path)


@pytest.mark.parametrize(
    "name", ["../secret.png", "folder/../../secret.png", "{secret}", "link.png", "folder/link.png"]
)
def test_no_file_outside_the_folder_is_shown(name, tmp_path):
    folder, secret = tmp_path / "data", tmp_path / "secret.png"
    (folder / "folder").mkdir(parents=True)
    for path in (secret, folder / "folder" / "mine.png"):
        Image.new("L", (4, 3)).save(path)
    for link in ("link.png", "folder/link.png"):
        (folder / link).symlink_to(secret)
    check_images(np.array(["folder/mine.png"]), folder)
    with pytest.raises(ValueError, match=r"^--image: expected names of files in the folder of the data"):
        check_images(np.array([name.format(secret=secret)]), folder)


def test_only_images_of_the_listed_formats_are_decoded(tmp_path):
    Image.new("L", (4, 3)).save(tmp_path / "other.png", format="TIFF")
    Image.new("L", (20_000, 20_000)).save(tmp_path / "bomb.png")
    for name in ("other.png", "bomb.png"):
        with pytest.raises(ValueError, match=rf"^--image: expected an image, got .*{name}"):
            check_images(np.array([name]), tmp_path)
    Image.effect_noise((40, 30), 50).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:300])
    with pytest.raises(ValueError, match=r"^--image: expected an image, got .*cut\.png"):
        thumbnail(tmp_path / "cut.png")


def test_large_files_become_small_thumbnails(tmp_path, rng):
    pixels = rng.integers(0, 255, size=(300, 600, 3)).astype(np.uint8)
    for name in ("one.png", "one.jpg", "one.gif", "one.webp"):
        Image.fromarray(pixels).save(tmp_path / name)
        image = decoded(thumbnail(tmp_path / name))
        assert image.size == (MAX_SIDE, MAX_SIDE // 2)
        assert abs(np.asarray(image.convert("RGB"), float).mean() - pixels.mean()) < 10


def test_files_with_16_bits_keep_their_contrast(tmp_path):
    Image.fromarray(np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000).save(tmp_path / "deep.png")
    assert thumbnail(tmp_path / "deep.png") == thumbnail(np.arange(12).reshape(3, 4))


def test_cameras_that_were_turned_are_turned_back(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert decoded(thumbnail(tmp_path / "turned.jpg")).size == (20, 40)
