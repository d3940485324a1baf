"""Decimation: a sampling rate divided by a whole number, as matrix products.

The filter is the one of `scipy.signal.resample_poly` (a Kaiser window of beta 5 over ten output
samples either side), and so is the result; only what is thrown away is not computed. In float64, so
that stores are the same whatever order a machine's products add in.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float

_BLOCK: Final = 20
"""Output samples of one product: with more, too many of the factors are zeros."""


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
    matrix = _matrix(factor)
    padded = _extended(flat, 10 * factor, -(-n_new // _BLOCK) * _BLOCK * factor)
    blocks = np.lib.stride_tricks.sliding_window_view(padded, len(matrix), axis=1)
    stretches = blocks[:, :: _BLOCK * factor].reshape(-1, len(matrix))
    filtered = (stretches @ matrix).reshape(len(flat), -1)[:, :n_new]
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
def _matrix(factor: int) -> Float[np.ndarray, "stretch block"]:
    """Return the matrix that takes a stretch of samples to the block of outputs in its middle."""
    # Here, not above: it takes a second to import, and every command reads this package.
    from scipy.signal import firwin

    n_beyond = 10 * factor
    taps = firwin(2 * n_beyond + 1, 1.0 / factor, window=("kaiser", 5.0))
    matrix = np.zeros((_BLOCK * factor + 2 * n_beyond, _BLOCK))
    for column in range(_BLOCK):
        matrix[column * factor : column * factor + len(taps), column] = taps
    return matrix
