"""Decimation: a sampling rate divided by a whole number, as matrix products.

The filter is the one of `scipy.signal.resample_poly` (a Kaiser window of beta 5 over ten output
samples either side), and so is the result; only what is thrown away is not computed. In float64, so
that stores are the same whatever order a machine's products add in.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float

_BEYOND: Final = 10
"""Output samples over which the filter reaches, either side."""
_BLOCK: Final = 2 * _BEYOND
"""Output samples of one product: they depend on two blocks of as many times the factor."""


def decimate(
    signal: Float[np.ndarray, "*lead time"], factor: int
) -> Float[np.ndarray, "*lead new_time"]:
    """Return every `factor`-th sample of `signal`, low-passed; ends are extended by their line.

    Args:
        signal: (..., time), without NaN, at least two samples.
        factor: 2 or more.
    """
    flat = signal.reshape(-1, signal.shape[-1])
    n_new = -(-flat.shape[1] // factor)
    n_blocks = -(-n_new // _BLOCK)
    padded = _extended(flat, _BEYOND * factor, n_blocks * _BLOCK * factor)
    products = padded.reshape(-1, _BLOCK * factor) @ _matrix(factor)
    halves = products.reshape(len(flat), n_blocks + 1, 2, _BLOCK)
    filtered = (halves[:, :-1, 0] + halves[:, 1:, 1]).reshape(len(flat), -1)[:, :n_new]
    return filtered.astype(signal.dtype).reshape(*signal.shape[:-1], n_new)


def _extended(
    signal: Float[np.ndarray, "lead time"], n_beyond: int, n_covered: int
) -> Float[np.ndarray, "lead longer"]:
    """Return `signal` in float64, `n_beyond` samples of its end points' line at either side.

    Zeros follow until blocks that cover `n_covered` samples are full.
    """
    n_samples = signal.shape[1]
    longer = np.zeros((len(signal), n_covered + 2 * n_beyond))
    longer[:, n_beyond : n_beyond + n_samples] = signal
    first, last = longer[:, n_beyond, None], longer[:, n_beyond + n_samples - 1, None]
    slope = (last - first) / (n_samples - 1)
    steps = np.arange(1, n_beyond + 1)
    longer[:, :n_beyond] = first - slope * steps[::-1]
    after = longer[:, n_beyond + n_samples : 2 * n_beyond + n_samples]
    after[:] = last + slope * steps[: after.shape[1]]
    return longer


@lru_cache(maxsize=16)
def _matrix(factor: int) -> Float[np.ndarray, "block_samples two_blocks"]:
    """Return what a block of samples adds to the outputs that begin with it, and to those before.

    Outputs that begin with a block of the extended signal lie in it and the next one.
    """
    places = np.arange(-_BEYOND * factor, _BEYOND * factor + 1)
    taps = np.sinc(places / factor) * np.kaiser(len(places), 5.0)
    taps /= taps.sum()
    matrix = np.zeros((2 * _BLOCK * factor, _BLOCK))
    for column in range(_BLOCK):
        matrix[column * factor : column * factor + len(taps), column] = taps
    return np.hstack(np.split(matrix, 2))
