"""Windows: pieces of one length that together cover a recording."""

import numpy as np
from jaxtyping import Float

from leadlens.errors import SignalError

SPARE = 0.1
"""The part of a window that a recording may exceed without a second window being cut."""


def window_starts(n_samples: int, n_window: int) -> tuple[int, ...]:
    """Return the first sample of each window of `n_window` samples.

    The windows are evenly spaced and overlap where they must, so that they cover everything; a
    recording up to 10 % longer than a window gives one window, from its first sample.
    """
    if n_window < 1:
        raise SignalError(f"a window of {n_window} samples: at least 1 is needed")
    if n_samples <= n_window * (1 + SPARE):
        return (0,)
    n_windows = -(-n_samples // n_window)
    starts = np.linspace(0, n_samples - n_window, n_windows).round().astype(int)
    return tuple(int(start) for start in starts)


def cut_window(
    signal: Float[np.ndarray, "lead time"], start: int, n_window: int
) -> Float[np.ndarray, "lead {n_window}"]:
    """Return `n_window` samples from `start`, padded at the end with NaN where there are fewer."""
    piece = signal[:, start : start + n_window]
    if piece.shape[1] == n_window:
        return piece
    padded = np.full((signal.shape[0], n_window), np.nan, dtype=signal.dtype)
    padded[:, : piece.shape[1]] = piece
    return padded
