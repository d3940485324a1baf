"""The same store at another rate, or in a narrower band."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

import leadlens
from leadlens.data.shards import write_shard
from leadlens.data.store import (
    MANIFEST,
    Manifest,
    Store,
    open_store,
    to_counts,
    to_millivolts,
)
from leadlens.ecg.band import EVERYTHING, Band, check_band, limit_band
from leadlens.ecg.resample import ResampleMethod, resample_array
from leadlens.ecg.window import cut_window
from leadlens.errors import ConfigError, StoreError
from leadlens.files import only_writer, write_json, written_beside

_CHUNK = 64


def derive_store(
    store: Store,
    fs: float,
    path: Path,
    method: ResampleMethod = "polyphase",
    band: Band = EVERYTHING,
) -> Store:
    """Return `store` at `fs` Hz in `band`, kept at `path`; made if it is not there yet.

    Raises:
        ConfigError: `fs` is above the store's rate: nothing would be gained; it has no such band;
            or the store is in a narrower band already.
        StoreError: `path` holds another store, or another run is writing into it.
    """
    if fs > store.fs:
        raise ConfigError(
            f"{fs:g} Hz is above the {store.fs:g} Hz of {store.path}: ingest at a higher rate"
        )
    check_band(band, fs)
    if store.manifest.band.has_limits:
        raise ConfigError(
            f"{store.path} holds {store.manifest.band} only: derive from the store it was made from"
        )
    made_from: dict[str, object] = {
        "kind": "derived",
        "fs": store.fs,
        "method": method,
        **({"band": band.model_dump()} if band.has_limits else {}),
        "index": store.manifest.index_sha256,
        "shards": [shard.sha256 for shard in store.manifest.shards],
    }
    if not (path / MANIFEST).exists():
        with only_writer(path):
            # Another run may have finished it just now.
            if not (path / MANIFEST).exists():
                _write(store, fs, path, method, band, made_from)
    derived = open_store(path)
    if derived.manifest.made_from != made_from or derived.fs != fs:
        raise StoreError(f"{path} holds another store: delete it")
    return derived


def _write(
    store: Store,
    fs: float,
    path: Path,
    method: ResampleMethod,
    band: Band,
    made_from: dict[str, object],
) -> None:
    """Write the derived store's signal files, its index and, last, its manifest."""
    ratio = Fraction(fs / store.fs).limit_denominator(100_000)
    n_samples = round(fs * store.manifest.duration)
    shards = tuple(
        write_shard(
            path / shard.file,
            (*counts.shape[:2], n_samples),
            _derived(counts, ratio, n_samples, method, fs, band),
        )
        for counts, shard in zip(store.shards, store.manifest.shards, strict=True)
    )
    with written_beside(path / "index.csv") as beside:
        beside.write_bytes((store.path / "index.csv").read_bytes())
    manifest = Manifest(
        **{
            **store.manifest.model_dump(),
            "fs": fs,
            "resampling": method,
            "band": band,
            "shards": shards,
            "made_from": made_from,
            "leadlens_version": leadlens.__version__,
        }
    )
    write_json(path / MANIFEST, manifest.model_dump(mode="json"))


def _derived(
    counts: np.ndarray,
    ratio: Fraction,
    n_samples: int,
    method: ResampleMethod,
    fs: float,
    band: Band,
) -> Iterator[np.ndarray]:
    """Yield resampled windows in the band, a few at a time."""
    for start in range(0, len(counts), _CHUNK):
        signal = to_millivolts(counts[start : start + _CHUNK])
        if ratio != 1:
            signal = resample_array(signal, ratio, method)
        signal = limit_band(signal, fs, band)
        yield np.stack([to_counts(cut_window(window, 0, n_samples))[0] for window in signal])
