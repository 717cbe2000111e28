"""The real data sets of the studies: features, labels and names.

The digits are packaged; every other data set is an .npz file in a folder given by --data or LSMI_DATA.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import lsmi_jax

EMOTIONS = ("anger", "disgust", "fear", "happy", "neutral", "sad")
TOPICS = ("art", "biology", "geography", "history", "literature", "media", "music", "royalty", "sport", "warfare")
KEPT_ENERGY = 0.25  # variance kept in principal components of the image, as in AV-MNIST
SOUND_NOISE = 3.5  # standard deviations; a linear classifier of the sound then has accuracy 0.46, near AV-MNIST's 0.42


class Dataset(NamedTuple):
    """Feature blocks ``[n, d]`` float32, labels ``[n]``, names, and the published split (0 train, the largest test)."""

    name: str
    modalities: tuple[str, ...]
    features: tuple[np.ndarray, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    split: np.ndarray

    def pick(self, rows: np.ndarray) -> "Dataset":
        """The data set restricted to these rows."""
        return self._replace(
            features=tuple(block[rows] for block in self.features), labels=self.labels[rows], split=self.split[rows]
        )

    def at_most(self, num_rows: int) -> "Dataset":
        """At most so many rows, at random, in their order."""
        return self.pick(np.sort(np.random.default_rng(0).permutation(len(self.labels))[:num_rows]))

    def components(self, num_columns: int) -> "Dataset":
        """The data set in the leading principal components of each block that has more columns; labels are not used.

        In a random basis of these components, columns have like variances. Otherwise, discriminators that standardize
        columns would take the smallest components for as important as the largest.
        """

        def leading(block: np.ndarray) -> np.ndarray:
            if block.shape[1] <= num_columns:
                return block
            centered = block - block.mean(0)
            basis = np.linalg.svd(centered, full_matrices=False)[2][:num_columns].T
            basis @= np.linalg.qr(np.random.default_rng(0).normal(size=(num_columns, num_columns)))[0]
            return (centered @ basis).astype(np.float32)

        return self._replace(features=tuple(map(leading, self.features)))


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments of every study."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, default=os.environ.get("LSMI_DATA"), help="folder of the .npz files")
    arguments.add_argument("--out", type=Path, default=Path("docs/results"), help="folder for results (%(default)s)")
    arguments.add_argument("--num-seeds", type=int, default=10, help="repetitions (%(default)s)")
    return arguments


def read(folder: Path | None, name: str) -> dict[str, np.ndarray]:
    """The arrays of one file; exits with a message if it is missing."""
    if folder is None:
        sys.exit(f"No data folder: pass --data or set LSMI_DATA to the folder that contains {name}.npz.")
    path = Path(folder) / f"{name}.npz"
    if not path.is_file():
        sys.exit(f"No {path.name} in {folder}: pass --data or set LSMI_DATA to the folder that contains it.")
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def digit_views() -> Dataset:
    """Six descriptors of the 2000 packaged handwritten digits."""
    digits = lsmi_jax.datasets.load_multiple_features()
    split = np.random.default_rng(0).permutation(np.arange(len(digits.labels)) % 10 >= 7).astype(int)
    names = tuple(map(str, range(10)))
    return Dataset("digit views", digits.names, digits.features, digits.labels, names, split)


def av_digits(folder: Path | None) -> Dataset:
    """Images of digits, each paired at random with a recording of the same digit."""
    stored = read(folder, "av_digits_semireal")
    return _dataset("image and sound of digits", ("image", "sound"), stored, tuple(map(str, range(10))))


def degraded_av_digits(folder: Path | None) -> Dataset:
    """`av_digits` degraded as in AV-MNIST: few principal components of the image, noise on the sound."""
    clean = av_digits(folder)
    image, sound = clean.features
    train = clean.split == 0
    mean = image[train].mean(0)
    _, spread, axes = np.linalg.svd(image[train] - mean, full_matrices=False)
    kept = 1 + int(np.searchsorted(np.cumsum(spread**2) / (spread**2).sum(), KEPT_ENERGY))
    noise = np.random.default_rng(0).normal(size=sound.shape).astype(np.float32)
    blocks = (image - mean) @ axes[:kept].T, sound + SOUND_NOISE * noise
    return clean._replace(name="degraded image and sound of digits", features=blocks)


def cremad(folder: Path | None, *, with_joint: bool = False) -> Dataset:
    """Votes of people on emotions in acted clips, from the voice alone, from the face alone, and from both."""
    stored = read(folder, "cremad_human_votes")
    names = ("voice votes", "face votes", "audio-visual votes")[: 3 if with_joint else 2]
    return _dataset("CREMA-D votes", names, stored, EMOTIONS)


def wikipedia(folder: Path | None) -> Dataset:
    """Images and texts of Wikipedia's featured articles, labeled by topic."""
    stored = read(folder, "wikipedia_articles")
    stored = stored | {"x1": stored["x1_alt"], "x2": stored["x2_alt"]}  # x1 and x2 themselves lie on a simplex
    return _dataset("Wikipedia articles", ("image", "text"), stored, TOPICS)


def twitter(folder: Path | None) -> Dataset:
    """Tweets with a photo, sarcastic or not: labeled by hashtag where split is 0, by people where it is 1 or 2."""
    stored = read(folder, "twitter_sarcasm_hfm")
    return _dataset("Twitter sarcasm", ("image", "text"), stored, ("sincere", "sarcastic"))


def mosei(folder: Path | None) -> Dataset:
    """Text, audio and video of 922 videos, labeled by whether the sentiment is above the median."""
    stored = read(folder, "cmu_mosei_videos922")
    return _dataset("CMU-MOSEI videos", ("text", "audio", "video"), stored, ("below", "above"))


def _dataset(name: str, modalities: tuple[str, ...], stored: dict, classes: tuple[str, ...]) -> Dataset:
    blocks = tuple(stored[f"x{m + 1}"].astype(np.float32) for m in range(len(modalities)))
    return Dataset(name, modalities, blocks, stored["y"].astype(np.int32), classes, stored["split"].astype(int))
