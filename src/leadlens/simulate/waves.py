"""Waves: sums of Gaussians in seconds, rendered beat by beat.

Every wave is a Gaussian with a width of its own on either side and a vector amplitude. Times are
never scaled with the heart rate by rendering: intervals stay what was programmed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32

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
        rise, fall: widths before and after the centre, s.
        vector: amplitudes, one a channel (three dipole components, or leads), mV.
    """

    onset: Float[Array, " beat"]
    centre: Float[Array, "beat wave"]
    rise: Float[Array, "beat wave"]
    fall: Float[Array, "beat wave"]
    vector: Float[Array, "beat wave channel"]


def add_waves(
    signal: Float32[Array, "channel time"], waves: Waves, fs: float, low_pass: float
) -> None:
    """Add the waves to `signal`, sampled at `fs` Hz from time 0.

    A Gaussian low-pass of `low_pass` s is applied analytically: widths grow and heights shrink,
    areas stay.
    """
    if len(waves.onset) == 0:
        return
    blur = low_pass**2 + (ANTI_ALIAS / fs) ** 2
    rise, fall = np.sqrt(waves.rise**2 + blur), np.sqrt(waves.fall**2 + blur)
    height = (waves.rise + waves.fall) / (rise + fall)
    begin = float((waves.centre - REACH * rise).min())
    length = int(np.ceil((float((waves.centre + REACH * fall).max()) - begin) * fs)) + 2
    first = np.floor((waves.onset + begin) * fs).astype(int)
    start = (first / fs - waves.onset)[:, None] - waves.centre
    steps = (np.arange(length) / fs).astype(np.float32)
    distance = start.astype(np.float32)[:, :, None] + steps
    if rise is fall or np.array_equal(rise, fall):
        distance /= rise.astype(np.float32)[:, :, None]
    else:
        sides = rise.astype(np.float32)[:, :, None], fall.astype(np.float32)[:, :, None]
        distance /= np.where(distance < 0, *sides)
    np.square(distance, out=distance)
    distance *= np.float32(-0.5)
    np.exp(distance, out=distance)
    amplitude = (waves.vector * height[:, :, None]).astype(np.float32).transpose(0, 2, 1)
    rendered = amplitude @ distance
    n = signal.shape[1]
    for beat, sample in enumerate(first):
        if sample >= 0 and sample + length <= n:
            signal[:, sample : sample + length] += rendered[beat]
        elif sample < n and sample + length > 0:
            low, high = max(sample, 0), min(sample + length, n)
            signal[:, low:high] += rendered[beat, :, low - sample : high - sample]
