"""Traits: what the audit keeps of each window, a few hundred numbers, in one pass over a store."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.data.audit.fingerprint import band_hashes, bits_of, reduced
from leadlens.data.store import Store
from leadlens.ecg.leads import LIMB_FROM_I_II

CHUNK: Final = 128
"""Windows in memory at a time: 60 MB of 10 s at 500 Hz."""
BLOCK: Final = 2.0
"""Seconds in which at least one beat is looked for."""
PLATEAU: Final = 0.01
"""Seconds for which a clipped beat stays at its extreme, and within which it gets there."""
STEEP: Final = 0.04
"""What it rises in that time, of the lead's span: the turn of a slow wave is flatter."""
N_INTERLEAVED: Final = 12
"""Leads of the files that are read the wrong way round."""

MAINS: Final = 1.5
"""Hz around 50 and 60 that do not count."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Traits:
    """What is kept of each window; amplitudes in mV or relative units, NaN for missing leads.

    Attributes:
        hashes: (n, band) int32, -1 where the lead is missing.
        bits: (n, 12, byte) the fingerprint.
        spread: (n, 12) standard deviation between 1 and 15 Hz.
        gram: (n, 12, 12) correlation of the leads between 1 and 15 Hz; 0 for flat ones.
        peak: (n, 12) peak to peak of a typical beat: median over blocks of 2 s.
        span: (n, 12) highest less lowest sample.
        largest: (n, 12) farthest from the median.
        still: (n, 12) longest run of one value, s.
        plateaus: (n, 12) how often the extreme is reached steeply and held.
        residual: (n, 4) deviation of III, aVR, aVL, aVF from I and II that 1 % exceed.
        near, far: (n,) autocorrelation at one sample, and at the time of 12 of the file's samples.
    """

    hashes: Array
    bits: Array
    spread: Array
    gram: Array
    peak: Array
    span: Array
    largest: Array
    still: Array
    plateaus: Array
    residual: Array
    near: Array
    far: Array


def collect_traits(store: Store, on_progress: Callable[[int, int], None] | None = None) -> Traits:
    """Return the traits of every window of `store`, in its order."""
    rates = np.array([row.fs for row in store.rows])
    parts = []
    for start in range(0, len(rates), CHUNK):
        windows = np.arange(start, min(start + CHUNK, len(rates)))
        parts.append(traits_of(store.signal(windows), store.fs, rates[windows]))
        if on_progress:
            on_progress(int(windows[-1]) + 1, len(rates))
    return Traits(
        **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Traits)}
    )


def traits_of(signal: Float[Array, "n 12 time"], fs: float, file_fs: Float[Array, " n"]) -> Traits:
    """Return the traits of some windows.

    Args:
        signal: in mV or relative units, NaN where nothing was recorded.
        fs: rate of the signal, Hz.
        file_fs: rate of the file each was read from, Hz.
    """
    known = ~np.isnan(signal)
    is_lead = known.any(axis=2)
    low = np.where(known, signal, np.inf).min(axis=2)
    high = np.where(known, signal, -np.inf).max(axis=2)
    span = np.where(is_lead, high - low, np.nan)
    middle = _middle(signal, is_lead)
    filled = np.where(known, signal - middle[..., None], 0.0).astype(np.float32)
    compact, spread = reduced(filled, fs)
    bits = bits_of(compact)
    is_alive = spread > 0
    beats = _beats(filled, fs)
    near, far = _autocorrelation(filled, fs, file_fs)
    return Traits(
        hashes=band_hashes(bits, is_alive),
        bits=np.packbits(bits, axis=2),
        spread=np.where(is_lead, spread, np.nan).astype(np.float32),
        gram=(compact @ compact.transpose(0, 2, 1) / compact.shape[2]).astype(np.float32),
        peak=np.where(is_lead, _typical_height(beats, known, fs), np.nan).astype(np.float32),
        span=span.astype(np.float32),
        largest=np.where(is_lead, np.abs(filled).max(axis=2), np.nan).astype(np.float32),
        still=(_longest_still(signal) / fs).astype(np.float32),
        plateaus=_plateaus(signal, low, high, fs),
        residual=_residual(signal).astype(np.float32),
        near=near,
        far=far,
    )


def _middle(signal: Array, is_lead: Array) -> Array:
    """Return each lead's median, 0 for missing leads."""
    middle = np.zeros(signal.shape[:2], np.float32)
    if is_lead.any():
        middle[is_lead] = np.nanmedian(signal[is_lead], axis=1)
    return middle


def _beats(filled: Array, fs: float) -> Array:
    """Return the leads between 0.7 and 45 Hz, so that a beat is as high at every rate."""
    spectrum = np.fft.rfft(filled, axis=2)
    seconds = filled.shape[2] / fs
    spectrum[:, :, : int(np.ceil(0.7 * seconds))] = 0.0
    spectrum[:, :, int(45.0 * seconds) :] = 0.0
    return np.fft.irfft(spectrum, n=filled.shape[2], axis=2)


def _typical_height(beats: Array, known: Array, fs: float) -> Array:
    """Return the median over blocks of the peak to peak in each; (n, 12)."""
    length = min(round(BLOCK * fs), beats.shape[2])
    n_blocks = beats.shape[2] // length
    shape = (*beats.shape[:2], n_blocks, length)
    blocks = beats[:, :, : n_blocks * length].reshape(shape)
    is_whole = known[:, :, : n_blocks * length].reshape(shape).mean(axis=3) > 0.5
    heights = np.where(is_whole, blocks.max(axis=3) - blocks.min(axis=3), np.nan)
    found = np.zeros(beats.shape[:2])
    has_any = is_whole.any(axis=2)
    if has_any.any():
        found[has_any] = np.nanmedian(heights[has_any], axis=1)
    return found


def _longest_still(signal: Array) -> Array:
    """Return the largest number of samples in a row that have one value; (n, 12)."""
    place = np.arange(1, signal.shape[2], dtype=np.int32)
    # NaN differs from NaN, so missing samples are not still.
    moved = np.where(np.diff(signal, axis=2) != 0.0, place, 0)
    run = place - np.maximum.accumulate(moved, axis=2)
    return run.max(axis=2, initial=0) + 1


def _plateaus(signal: Array, low: Array, high: Array, fs: float) -> Array:
    """Return how often each lead's highest or lowest value is reached steeply and held; (n, 12)."""
    hold = max(2, round(PLATEAU * fs))
    reach = max(1, round(PLATEAU * fs))
    margin = 0.0015  # 1.5 counts of a store
    counts = np.zeros(signal.shape[:2], np.int16)
    rise = STEEP * np.where(np.isfinite(high - low), high - low, np.inf)[..., None]
    for sign, level in ((1.0, high), (-1.0, -low)):
        gap = level[..., None] - sign * signal
        at = gap <= margin
        held = at[:, :, : at.shape[2] - hold + 1].copy()
        for step in range(1, hold):
            held &= at[:, :, step : at.shape[2] - hold + 1 + step]
        begins = held.copy()
        begins[:, :, 1:] &= ~held[:, :, :-1]
        begins[:, :, :reach] = False
        begins[:, :, reach:] &= gap[:, :, : begins.shape[2] - reach] >= rise
        counts = np.maximum(counts, begins.sum(axis=2).astype(np.int16))
    return counts


def _residual(signal: Array) -> Array:
    """Return what 1 % of the samples exceed in III, aVR, aVL and aVF; (n, 4), NaN if unknown."""
    expected = np.einsum("lp,npt->nlt", LIMB_FROM_I_II[2:].astype(np.float32), signal[:, :2])
    deviation = np.abs(signal[:, 2:6] - expected)
    is_missing = np.isnan(deviation)
    rank = max(1, round(0.01 * signal.shape[2]))
    highest = np.partition(np.where(is_missing, -1.0, deviation), -rank, axis=2)[:, :, -rank]
    return np.where(highest < 0, np.nan, highest)


def _autocorrelation(filled: Array, fs: float, file_fs: Array) -> tuple[Array, Array]:
    """Return the leads' mean autocorrelation at one sample, and at 12 of the file's samples.

    From the spectrum above 1 Hz without the mains, so that the second may lie between samples.
    """
    n_samples = filled.shape[2]
    power = np.abs(np.fft.rfft(filled, axis=2)) ** 2
    frequency = np.arange(power.shape[2]) * fs / n_samples
    # Twelve samples at 100 Hz are six periods of the mains at 50 Hz.
    is_mains = (np.abs(frequency - 50.0) < MAINS) | (np.abs(frequency - 60.0) < MAINS)
    power[:, :, (frequency < 1.0) | is_mains] = 0.0
    total = power.sum(axis=2, keepdims=True)
    power = np.divide(power, total, out=np.zeros_like(power), where=total > 0)
    n_alive = np.maximum((total[..., 0] > 0).sum(axis=1), 1)
    mean = power.sum(axis=1) / n_alive[:, None]
    near = mean @ np.cos(2 * np.pi * frequency / fs)
    far = (mean * np.cos(2 * np.pi * np.outer(N_INTERLEAVED / file_fs, frequency))).sum(axis=1)
    return near.astype(np.float32), far.astype(np.float32)
