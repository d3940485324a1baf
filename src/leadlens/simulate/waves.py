"""Waves: sums of Gaussians in seconds, rendered beat by beat.

Every wave is a Gaussian with a width of its own on either side and a vector amplitude. Times are
never scaled with the heart rate by rendering: intervals stay what was programmed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int

REACH: Final = 4.2
"""A wave is rendered up to this many widths from its centre (1.5e-4 of its height)."""

ANTI_ALIAS: Final = 0.3
"""Width (in samples) of the Gaussian low-pass that every wave gets, against aliasing."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Waves:
    """The same number of Gaussians for each of some beats.

    Attributes:
        onset: s from the first sample, of each beat.
        centre: s from the onset.
        rise, fall: widths before and after the centre, s; the same object where they are equal.
        vector: amplitudes, one a channel (three dipole components, or leads), mV.
    """

    onset: Float[Array, " beat"]
    centre: Float[Array, "beat wave"]
    rise: Float[Array, "beat wave"]
    fall: Float[Array, "beat wave"]
    vector: Float[Array, "beat wave channel"]


class BatchWaves:
    """Waves of the beats of a batch, to be had of one recording at a time."""

    def __init__(self, waves: Waves, row: Int[Array, " beat"], n: int) -> None:
        """Take the waves of beats that belong to recordings `row` (in order) of `n`."""
        self._waves = waves
        self._first = np.searchsorted(row, np.arange(n + 1))
        is_used = np.zeros((n, waves.centre.shape[1]), dtype=bool)
        np.logical_or.at(is_used, row, waves.vector.any(axis=2))
        self._used = is_used

    def of(self, row: int) -> Waves:
        """Return the waves of one recording, without those that have no height in any beat."""
        all_waves, beats = self._waves, slice(*self._first[row : row + 2])
        used = np.flatnonzero(self._used[row])
        rise = fall = all_waves.rise[beats, used]
        if all_waves.fall is not all_waves.rise:
            fall = all_waves.fall[beats, used]
        centre, vector = all_waves.centre[beats, used], all_waves.vector[beats, used]
        return Waves(all_waves.onset[beats], centre, rise, fall, vector)


def add_waves(
    signal: Float32[Array, "channel time"], waves: Waves, fs: float, low_pass: float
) -> None:
    """Add the waves to `signal`, sampled at `fs` Hz from time 0.

    A Gaussian low-pass of `low_pass` s is applied analytically: widths grow and heights shrink,
    areas stay.
    """
    if waves.centre.size == 0:
        return
    blur = low_pass**2 + (ANTI_ALIAS / fs) ** 2
    rise, fall = np.sqrt(waves.rise**2 + blur), np.sqrt(waves.fall**2 + blur)
    height = (waves.rise + waves.fall) / (rise + fall)
    begin = float((waves.centre - REACH * rise).min())
    length = int(np.ceil((float((waves.centre + REACH * fall).max()) - begin) * fs)) + 2
    first = np.floor((waves.onset + begin) * fs).astype(int)
    start = (first / fs - waves.onset)[:, None] - waves.centre
    steps = (np.arange(length) / fs).astype(np.float32)
    shape = start.astype(np.float32)[:, :, None] + steps
    # exp(-x^2 / (2 width^2)) = exp(-(x scale)^2)
    before, after = ((np.sqrt(0.5) / side).astype(np.float32)[:, :, None] for side in (rise, fall))
    if waves.rise is waves.fall:
        shape *= before
    else:
        shape = np.minimum(shape, 0) * before + np.maximum(shape, 0) * after
    np.square(shape, out=shape)
    np.negative(shape, out=shape)
    np.exp(shape, out=shape)
    amplitude = (waves.vector * height[:, :, None]).astype(np.float32).transpose(0, 2, 1)
    rendered = amplitude @ shape
    n = signal.shape[1]
    for sample, beat in zip(first.tolist(), rendered, strict=True):
        low, high = max(sample, 0), min(sample + length, n)
        if low < high:
            part = signal[:, low:high]
            part += beat[:, low - sample : high - sample]
