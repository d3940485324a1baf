"""Sampling rates: polyphase by default, the published study's FFT method by name."""

from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
from jaxtyping import Float

from leadlens.ecg.decimate import decimate
from leadlens.ecg.recording import Recording
from leadlens.errors import SignalError, choices

ResampleMethod = Literal["polyphase", "fft"]
RESAMPLE_METHODS: tuple[ResampleMethod, ...] = ("polyphase", "fft")


def resample(recording: Recording, fs: float, method: ResampleMethod = "polyphase") -> Recording:
    """Return `recording` at `fs` Hz.

    Args:
        recording: the ECG; missing samples (NaN) stay missing.
        fs: the new sampling rate in Hz.
        method: "polyphase", a zero-phase low-pass, or "fft", as in Singstad & Muten 2025.
    """
    if not (np.isfinite(fs) and fs > 0):
        raise SignalError(f"cannot resample to {fs} Hz: the sampling rate must be positive")
    if fs == recording.fs:
        return recording
    ratio = Fraction(fs / recording.fs).limit_denominator(100_000)
    if recording.n_samples * ratio < 1:
        raise SignalError(
            f"{recording.record_id}: its {recording.n_samples} samples at {recording.fs:g} Hz "
            f"are less than one at {fs:g} Hz"
        )
    return replace(recording, signal=resample_array(recording.signal, ratio, method), fs=float(fs))


def resample_array(
    signal: Float[np.ndarray, "*lead time"], ratio: Fraction, method: ResampleMethod = "polyphase"
) -> Float[np.ndarray, "*lead new_time"]:
    """Return `signal` (..., time) at `ratio` times its rate, NaN where it was NaN.

    The polyphase filter extends the signal along the line through its end points: zeros would
    bend the first and last samples of a recording with a baseline offset by up to 40 % of it.
    """
    if method not in RESAMPLE_METHODS:
        raise choices("resampling method", method, RESAMPLE_METHODS)
    missing = np.isnan(signal)
    filled = bridged(signal, missing) if missing.any() else signal
    if method == "polyphase" and ratio.numerator == 1 and signal.shape[-1] > 1:
        resampled = decimate(filled, ratio.denominator)
    else:
        resampled = _by_scipy(filled, ratio, method)
    resampled = resampled.astype(signal.dtype, copy=False)
    if missing.any():
        n_new = resampled.shape[-1]
        nearest = np.minimum((np.arange(n_new) / float(ratio)).round(), signal.shape[-1] - 1)
        resampled[missing[..., nearest.astype(int)]] = np.nan
    return np.asarray(resampled)


def _by_scipy(
    signal: Float[np.ndarray, "*lead time"], ratio: Fraction, method: ResampleMethod
) -> Float[np.ndarray, "*lead new_time"]:
    """Return `signal` at `ratio` times its rate."""
    # Here, not above: it takes a second to import, and workers often need none of it.
    from scipy import signal as dsp

    if method == "fft":
        return np.asarray(dsp.resample(signal, max(1, round(signal.shape[-1] * ratio)), axis=-1))
    up, down = ratio.numerator, ratio.denominator
    return np.asarray(dsp.resample_poly(signal, up, down, axis=-1, padtype="line"))


def bridged(
    signal: Float[np.ndarray, "*lead time"], missing: np.ndarray
) -> Float[np.ndarray, "*lead time"]:
    """Return `signal` with gaps bridged by straight lines, so that the filter sees no NaN."""
    flat = np.array(signal).reshape(-1, signal.shape[-1])
    times = np.arange(signal.shape[-1])
    for row, gaps in zip(flat, missing.reshape(flat.shape), strict=True):
        row[gaps] = 0.0 if gaps.all() else np.interp(times[gaps], times[~gaps], row[~gaps])
    return flat.reshape(signal.shape)
