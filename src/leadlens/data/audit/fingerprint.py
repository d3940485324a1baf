"""Fingerprint: bits that stay the same when an ECG is filtered, scaled or resampled.

Each lead is band-passed to 1-15 Hz at 50 Hz and z-scored; random projections of it give bits
(Charikar 2002). Bits in bands of 20 are hashed: recordings that share a band become candidates, so
that the search is near-linear; candidates whose bits agree are compared sample by sample.
"""

from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

REDUCED_FS: Final = 50.0
EDGE: Final = 0.5
"""Seconds at both ends that filters change, and that are not compared."""
BITS: Final = 40
"""A lead."""
BAND: Final = 20
"""Bits in a band. Of two leads with a correlation of 0.98 a bit is equal with 0.94, a band with
0.27, and one of 24 bands with 0.999; of unrelated ones a band with 1e-6."""
AGREE: Final = 0.85
"""Least share of equal bits of candidates: 0.94 is expected at 0.98."""
NEIGHBOURS: Final = 8
"""How many others of the same band each is paired with; copies meet in other bands again."""

Array = np.ndarray


def reduced(
    filled: Float[Array, "n 12 time"], fs: float
) -> tuple[Float[Array, "n 12 short"], Float[Array, "n 12"]]:
    """Return each lead between 1 and 15 Hz, z-scored, and its standard deviation there.

    Args:
        filled: leads about their medians, 0 where nothing was recorded.
        fs: its rate, Hz.

    A lead that does not move (below a count of a store) is 0, and so is its deviation.
    """
    n_samples = filled.shape[2]
    fs_out = min(REDUCED_FS, fs)
    n_out = round(n_samples * fs_out / fs)
    # The line from end to end would ring through a filter that takes the window for a period.
    n_end = max(1, round(0.2 * fs))
    first = filled[:, :, :n_end].mean(axis=2, keepdims=True)
    last = filled[:, :, -n_end:].mean(axis=2, keepdims=True)
    ramp = np.linspace(0.0, 1.0, n_samples, dtype=np.float32)
    spectrum = np.fft.rfft(filled - first - (last - first) * ramp, axis=2)[:, :, : n_out // 2 + 1]
    frequency = np.arange(spectrum.shape[2]) * fs / n_samples
    rise = np.clip((frequency - 0.7) / 0.6, 0.0, 1.0)
    fall = np.clip((17.0 - frequency) / 4.0, 0.0, 1.0)
    band = np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * fall) ** 2
    short = np.fft.irfft(spectrum * band, n=n_out, axis=2) * (n_out / n_samples)
    edge = min(round(EDGE * fs_out), n_out // 4)
    short = short[:, :, edge : n_out - edge]
    short = short - short.mean(axis=2, keepdims=True)
    deviation = short.std(axis=2)
    deviation = np.where(deviation < 2e-4, 0.0, deviation)
    scaled = short / np.where(deviation > 0, deviation, np.inf)[..., None]
    return scaled.astype(np.float32), deviation


def bits_of(compact: Float[Array, "n 12 short"]) -> Bool[Array, "n 12 bit"]:
    """Return the signs of each lead's random projections."""
    return (compact.transpose(1, 0, 2) @ _directions(compact.shape[2])).transpose(1, 0, 2) > 0


@cache
def _directions(n_samples: int) -> Float[Array, "12 short bit"]:
    """Return the directions that leads are projected on."""
    rng = np.random.default_rng(20211)
    return rng.standard_normal((12, n_samples, BITS)).astype(np.float32)


def band_hashes(
    bits: Bool[Array, "n 12 bit"], is_alive: Bool[Array, "n 12"]
) -> Int[Array, "n band"]:
    """Return a number for each band of each lead, -1 where the lead is missing or flat."""
    bands = bits.reshape(len(bits), 12, BITS // BAND, BAND)
    numbers = bands @ (1 << np.arange(BAND)).astype(np.int32)
    return np.where(is_alive[..., None], numbers, -1).reshape(len(bits), -1).astype(np.int32)


def candidates(
    hashes: Int[Array, "n band"], bits: UInt8[Array, "n 12 byte"], recording: Int[Array, " n"]
) -> Int[Array, "pair 2"]:
    """Return pairs of windows of different recordings whose fingerprints agree.

    Args:
        hashes: of each window's bands.
        bits: of each window, packed to bytes.
        recording: the number of its recording.
    """
    is_alive = hashes[:, :: BITS // BAND] >= 0
    found = set[tuple[int, int]]()
    for band in range(hashes.shape[1]):
        order = np.argsort(hashes[:, band], kind="stable")
        order = order[hashes[order, band] >= 0]
        values = hashes[order, band]
        for step in range(1, NEIGHBOURS + 1):
            same = np.flatnonzero(values[step:] == values[: len(values) - step])
            if not len(same):
                break
            one, other = order[same], order[same + step]
            is_pair = recording[one] != recording[other]
            is_pair[is_pair] &= _agree(bits, is_alive, one[is_pair], other[is_pair])
            found.update(zip(one[is_pair].tolist(), other[is_pair].tolist(), strict=True))
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def _agree(
    bits: UInt8[Array, "n 12 byte"], is_alive: Bool[Array, "n 12"], one: Array, other: Array
) -> Bool[Array, " pair"]:
    """Return which pairs share enough bits in the leads that both have."""
    agree = np.zeros(len(one), dtype=bool)
    for start in range(0, len(one), 65536):
        part = slice(start, start + 65536)
        both = is_alive[one[part]] & is_alive[other[part]]
        differing = np.bitwise_count(bits[one[part]] ^ bits[other[part]]).sum(axis=2)
        share = (differing * both).sum(axis=1) / np.maximum(both.sum(axis=1) * BITS, 1)
        agree[part] = (share <= 1.0 - AGREE) & both.any(axis=1)
    return agree
