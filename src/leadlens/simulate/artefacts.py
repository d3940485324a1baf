"""Artefacts: noise as it arises, at the electrodes, so that leads share it as in life.

Levels follow the medians measured in five public data sets (wander 40 uV, pink 22 uV below 40 Hz,
muscle 6 uV, mains 0 to 8 uV). Electrodes in order: RA, LA, LL, C1 to C6.
"""

import numpy as np
from jaxtyping import Float

N_ELECTRODES = 9


def draw_noise(rng: np.random.Generator, fs: float, n: int) -> Float[np.ndarray, "8 n"]:
    """Return noise of `n` samples in mV on the eight independent leads (I, II, V1 to V6)."""
    electrodes = _broadband(rng, fs, n)
    electrodes += _wander(rng, fs, n)
    if fs > 110.0:  # mains beyond the Nyquist frequency never reached the converter
        electrodes += _mains(rng, fs, n)
    return leads_from_electrodes(electrodes)


def leads_from_electrodes(
    potentials: Float[np.ndarray, "9 time"],
) -> Float[np.ndarray, "8 time"]:
    """Return I, II and V1 to V6 from the potentials at RA, LA, LL, C1 to C6."""
    right, left, foot = potentials[:3]
    centre = (right + left + foot) / 3.0  # Wilson's central terminal
    return np.concatenate([[left - right, foot - right], potentials[3:] - centre])


def _broadband(rng: np.random.Generator, fs: float, n: int) -> Float[np.ndarray, "9 n"]:
    """Return pink noise below 40 Hz and muscle noise of 20 to 150 Hz, shaped in one spectrum."""
    # Here, not above: it takes half a second to import, and every command reads the settings.
    from scipy import fft

    length = int(fft.next_fast_len(n, real=True))
    frequency = fft.rfftfreq(length, 1.0 / fs)
    pink = np.zeros_like(frequency)
    band = (frequency > 0.4) & (frequency < 40.0)
    pink[band] = frequency[band] ** -0.9
    muscle = ((frequency > 20.0) & (frequency < 150.0)).astype(float)
    pink_level = _level(rng, 0.022 * 0.6, 0.5)
    muscle_level = _level(rng, 0.006, 0.6)
    # the share of the muscle band that the sampling rate can carry
    carried = min(1.0, max(0.0, (fs / 2.0 - 20.0) / 130.0))
    power = pink_level**2 * pink / max(pink.sum(), 1e-12)
    power = power + muscle_level**2 * carried * muscle / max(muscle.sum(), 1.0)
    normal = rng.standard_normal((N_ELECTRODES, 2 * len(frequency))).view(np.complex128)
    # irfft of unit complex noise has variance 2 * 2 * sum(power) / length**2 a sample
    noise = fft.irfft(normal * (np.sqrt(power) * (length / 2.0)), n=length, axis=-1)
    return noise[:, :n]


def _wander(rng: np.random.Generator, fs: float, n: int) -> Float[np.ndarray, "9 n"]:
    """Return baseline wander: eight sinusoids of 0.05 to 0.6 Hz, their mix per electrode."""
    level = _level(rng, 0.040, 0.6)
    frequency = rng.uniform(0.05, 0.6, 8)
    phase = rng.uniform(0.0, 2 * np.pi, 8)
    mix = rng.standard_normal((N_ELECTRODES, 8)) * level / np.sqrt(4.0)
    return mix @ np.sin(2 * np.pi * frequency[:, None] * np.arange(n) / fs + phase[:, None])


def _mains(rng: np.random.Generator, fs: float, n: int) -> Float[np.ndarray, "9 n"]:
    """Return mains hum of one phase, 50 or 60 Hz, with an amplitude per electrode."""
    frequency = 50.0 if rng.random() < 0.7 else 60.0
    level = rng.uniform(0.0, 0.008) if rng.random() < 0.98 else rng.uniform(0.01, 0.05)
    gain = level * rng.standard_normal((N_ELECTRODES, 1))
    phase = rng.uniform(0.0, 2 * np.pi)
    if frequency >= fs / 2:
        return np.zeros((N_ELECTRODES, n))
    return gain * np.sin(2 * np.pi * frequency * np.arange(n) / fs + phase)


def _level(rng: np.random.Generator, median: float, spread: float) -> float:
    """Return a lognormal level in mV at one electrode; a lead, a difference, has root 2 of it."""
    return float(median * np.exp(spread * rng.standard_normal()) / np.sqrt(2.0))
