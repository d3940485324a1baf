"""Background: what training ECGs are like, sample by sample, for an explainer that draws new ones.

One file, .npz, holds for each diagnosis the mean and the standard deviation of the network's input
over recordings with it and as many without, chosen at random.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, cast
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int

from leadlens.data.batches import Dataset, Draw
from leadlens.ecg.preprocess import Normalisation
from leadlens.errors import ConfigError, StoreError
from leadlens.files import written_beside

N_EACH: Final = 1000
"""Recordings with a diagnosis, and without it: those of Singstad & Muten 2025."""
_BATCH: Final = 64
_ROUNDING: Final = 1e-10
"""Of a mean square: a variance below it is that of rounding errors."""


@dataclass(frozen=True, eq=False)
class Background:
    """Mean and standard deviation of each sample of each lead, as a network is shown them.

    Attributes:
        classes: SNOMED CT codes; each has its own background.
        leads: of the network.
        normalisation: the scale of the network's input, and so of all values here.
        mean, sd: (class, lead, time); an sd of 0 where all recordings are equal.
        n_with, n_without: (class,) recordings with and without the diagnosis.
        made_from: the store's index (its SHA-256) and the seed of the choice.
    """

    classes: tuple[str, ...]
    leads: tuple[str, ...]
    normalisation: Normalisation
    mean: Float32[np.ndarray, "class lead time"]
    sd: Float32[np.ndarray, "class lead time"]
    n_with: Int[np.ndarray, " class"]
    n_without: Int[np.ndarray, " class"]
    made_from: str

    @cached_property
    def sha256(self) -> str:
        """The hash of all that is kept."""
        found = hashlib.sha256()
        for name, value in self._arrays().items():
            found.update(f"{name} {value.dtype.str} {value.shape}".encode())
            found.update(value.tobytes())
        return found.hexdigest()

    def save(self, path: Path) -> None:
        """Write it to `path`, whole or not at all."""
        with written_beside(path) as beside, beside.open("wb") as file:
            np.savez(file, allow_pickle=False, sha256=np.array(self.sha256), **self._arrays())

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return what is kept, as arrays."""
        return {
            "classes": np.array(self.classes, str),
            "leads": np.array(self.leads, str),
            "normalisation": np.array(self.normalisation),
            "mean": np.ascontiguousarray(self.mean),
            "sd": np.ascontiguousarray(self.sd),
            "n_with": self.n_with,
            "n_without": self.n_without,
            "made_from": np.array(self.made_from),
        }


def make_background(data: Dataset, n_each: int = N_EACH, seed: int = 0) -> Background:
    """Return the background of each of the dataset's diagnoses; of each recording its first window.

    Args:
        data: the recordings that the network was trained on, with its leads, scale and classes.
        n_each: recordings with and without a diagnosis; all that there are where they are fewer.
        seed: of the choice; recordings whose label is unknown are not chosen.

    Raises:
        ConfigError: a diagnosis that no recording has, or that none is known to lack.
    """
    member = np.zeros((2, len(data.classes), data.n_recordings), bool)
    labels, known = data.labels
    for column, code in enumerate(data.classes):
        rng = np.random.default_rng([seed, column])
        for side, has in enumerate((labels[:, column], ~labels[:, column])):
            pool = np.flatnonzero(has & known[:, column])
            if len(pool) == 0:
                kind = "without" if side else "with"
                raise ConfigError(f"a background needs recordings {kind} {code}: there are none")
            member[side, column, rng.permutation(pool)[:n_each]] = True
    mean, variance = _moments(data, member[0] | member[1])
    counts = member.sum(axis=2)
    return Background(
        classes=data.classes,
        leads=data.leads,
        normalisation=data.normalisation,
        mean=mean.astype(np.float32),
        sd=np.sqrt(variance).astype(np.float32),
        n_with=counts[0],
        n_without=counts[1],
        made_from=f"{data.store.manifest.index_sha256}, seed {seed}",
    )


def _moments(
    data: Dataset, member: Bool[np.ndarray, "class recording"]
) -> tuple[Float64[np.ndarray, "class lead time"], Float64[np.ndarray, "class lead time"]]:
    """Return mean and variance over each row's members; every recording is read once."""
    shape = (len(member), len(data.leads), data.n_samples)
    total = np.zeros((shape[0], shape[1] * shape[2]))
    squares = np.zeros_like(total)
    used = np.flatnonzero(member.any(axis=0))
    for start in range(0, len(used), _BATCH):
        some = used[start : start + _BATCH]
        windows = np.array([data.store.windows_of[i][0] for i in data.recordings[some]])
        batch = data.batch(Draw(some, windows, np.zeros(len(some), np.int64)))
        signal = batch.signal.reshape(len(some), -1).astype(float)
        chosen = member[:, some].astype(float)
        total += chosen @ signal
        squares += chosen @ signal**2
    n = member.sum(axis=1)[:, None]
    mean, square = total / n, squares / n
    variance = square - mean**2
    variance[variance <= _ROUNDING * square] = 0.0
    return mean.reshape(shape), variance.reshape(shape)


def load_background(path: Path) -> Background:
    """Return the background in the file `path`.

    Raises:
        StoreError: it is missing, damaged, or was changed.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            kept = {name: file[name] for name in file.files}
        found = Background(
            classes=tuple(kept["classes"].tolist()),
            leads=tuple(kept["leads"].tolist()),
            normalisation=cast(Normalisation, str(kept["normalisation"])),
            made_from=str(kept["made_from"]),
            **{name: kept[name] for name in ("mean", "sd", "n_with", "n_without")},
        )
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    except (EOFError, KeyError, ValueError, BadZipFile) as error:
        raise StoreError(f"{path} is not a background: {error}") from error
    if found.sha256 != str(kept["sha256"]):
        raise StoreError(f"{path} is not the background that was saved: it was changed")
    return found
