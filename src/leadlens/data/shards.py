"""Shards: a store's signal files, `.npy` of int16 (window, lead, time), written piece by piece."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib import format as npy
from pydantic import BaseModel, ConfigDict

from leadlens.errors import StoreError
from leadlens.files import written_beside

HEADER_BYTES: Final = 128
"""Of a signal file: what NumPy writes for three axes, whatever their lengths."""

Shape = tuple[int, int, int]


class Shard(BaseModel):
    """One signal file of a store."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    file: str
    n_windows: int
    sha256: str


def npy_header(shape: Shape) -> bytes:
    """Return the first bytes of a signal file of this shape."""
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "<i2", "fortran_order": False, "shape": shape})
    if header.tell() != HEADER_BYTES:
        raise StoreError(f"a .npy header of {header.tell()} bytes does not fit {HEADER_BYTES}")
    return header.getvalue()


def open_counts(file: Path, shape: Shape) -> np.ndarray:
    """Return a signal file, memory-mapped.

    Raises:
        StoreError: it cannot be read, or is of another shape.
    """
    try:
        counts = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(f"{file} is damaged: {error}") from error
    if counts.shape != shape or counts.dtype != np.dtype("<i2"):
        raise StoreError(
            f"{file} is damaged: it holds {counts.shape} {counts.dtype}, not {shape} int16"
        )
    # The plain view: a memmap's own indexing is several times slower.
    return np.asarray(counts)


def write_shard(path: Path, shape: Shape, pieces: Iterable[np.ndarray]) -> Shard:
    """Write the windows of `pieces` one after another as a signal file; return its facts.

    Raises:
        StoreError: together they are not of this shape.
    """
    digest = hashlib.sha256()
    n_written = 0
    with written_beside(path) as beside:
        with beside.open("wb") as file:
            header = npy_header(shape)
            digest.update(header)
            file.write(header)
            for piece in pieces:
                whole = np.ascontiguousarray(piece, dtype="<i2")
                if whole.shape[1:] != shape[1:]:
                    raise StoreError(f"{path}: windows of {whole.shape[1:]}, not {shape[1:]}")
                digest.update(whole.data)
                file.write(whole.data)
                n_written += len(whole)
        if n_written != shape[0]:
            raise StoreError(f"{path}: {n_written} windows came instead of {shape[0]}")
    return Shard(file=path.name, n_windows=shape[0], sha256=digest.hexdigest())
