"""Waves: Gaussian components in seconds, and the rendering of them as dipoles or leads.

Every wave is a sum of Gaussians with a width of its own on either side and a vector amplitude.
Times are never scaled with the heart rate by rendering: intervals stay what was programmed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LOW_PASS = 0.3
"""Width (in samples) of the Gaussian low-pass that every component gets, against aliasing."""

REACH = 4.5
"""A component is rendered up to this many widths from its centre (4e-5 of its height)."""


@dataclass(frozen=True, eq=False)
class Components:
    """Gaussians: `centre`, `rise` and `fall` widths in s, `vector` amplitude in mV."""

    centre: Float[np.ndarray, " component"]
    rise: Float[np.ndarray, " component"]
    fall: Float[np.ndarray, " component"]
    vector: Float[np.ndarray, "component axis"]


def repeat_wave(
    onset: Float[np.ndarray, " beat"],
    centre: Float[np.ndarray, "#beat wave"],
    rise: Float[np.ndarray, "#beat wave"],
    fall: Float[np.ndarray, "#beat wave"],
    vector: Float[np.ndarray, "#beat wave axis"],
) -> Components:
    """Return one set of components a beat; what has one row is the same in every beat."""
    n_beats, n_waves = len(onset), centre.shape[-1]
    shape = (n_beats, n_waves)
    return Components(
        centre=(onset[:, None] + np.broadcast_to(centre, shape)).ravel(),
        rise=np.broadcast_to(rise, shape).ravel(),
        fall=np.broadcast_to(fall, shape).ravel(),
        vector=np.broadcast_to(vector, (*shape, vector.shape[-1])).reshape(-1, vector.shape[-1]),
    )


def join(parts: list[Components]) -> Components:
    """Return all components of `parts` as one set."""
    return Components(
        centre=np.concatenate([part.centre for part in parts]),
        rise=np.concatenate([part.rise for part in parts]),
        fall=np.concatenate([part.fall for part in parts]),
        vector=np.concatenate([part.vector for part in parts]),
    )


def render(components: Components, fs: float, n: int) -> Float[np.ndarray, "axis n"]:
    """Return the sum of `components` sampled at `fs` Hz from time 0.

    A Gaussian low-pass is applied analytically: widths grow and heights shrink, areas stay.
    """
    signal = np.zeros((components.vector.shape[1], n))
    width = np.maximum(components.rise, components.fall)
    for is_group in (width < 0.03, width >= 0.03):  # short windows for the many narrow ones
        if is_group.any():
            _add_group(signal, components, is_group, fs)
    return signal


def _add_group(
    signal: Float[np.ndarray, "axis n"],
    components: Components,
    is_group: np.ndarray,
    fs: float,
) -> None:
    """Add the chosen components to `signal` in place."""
    n = signal.shape[1]
    centre, vector = components.centre[is_group], components.vector[is_group]
    low_pass = (LOW_PASS / fs) ** 2
    rise = np.sqrt(components.rise[is_group] ** 2 + low_pass)
    fall = np.sqrt(components.fall[is_group] ** 2 + low_pass)
    height = (components.rise + components.fall)[is_group] / (rise + fall)
    reach = int(np.ceil(REACH * max(rise.max(), fall.max()) * fs))
    samples = np.round(centre * fs).astype(int)[:, None] + np.arange(-reach, reach + 1)
    distance = samples / fs - centre[:, None]
    scaled = distance / np.where(distance < 0, rise[:, None], fall[:, None])
    shape = np.exp(-0.5 * scaled**2) * height[:, None]
    shape[(samples < 0) | (samples >= n)] = 0.0
    flat = np.clip(samples, 0, n - 1).ravel()
    for axis in range(signal.shape[0]):
        weights = (shape * vector[:, axis, None]).ravel()
        signal[axis] += np.bincount(flat, weights, minlength=n)


def fibrillation_waves(
    rng: np.random.Generator, times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "8 time"]:
    """Return the f waves of atrial fibrillation on the eight independent leads, in mV.

    Two sawtooth-like sources of three harmonics, 4 to 9 Hz, each with its own slow modulation of
    amplitude and frequency; largest in V1, then V2 and II (Stridsberg et al. 2001; Petrenas 2017).
    """
    gains = np.array([0.35, 0.6, 1.4, 0.75, 0.5, 0.3, 0.3, 0.3])
    height = float(np.clip(0.070 * np.exp(0.35 * rng.standard_normal()), 0.03, 0.13))
    base = float(np.clip(rng.normal(6.1, 0.8), 4.2, 8.8))
    waves = np.zeros((8, len(times)))
    for share in (1.0, 0.5):
        rate = base + rng.normal(0.0, 0.3)
        slow = rng.uniform(0.1, 0.5, 2)
        phase = rng.uniform(0.0, 2 * np.pi, 3)
        swing = 0.6 * np.sin(2 * np.pi * slow[0] * times + phase[0])
        angle = 2 * np.pi * rate * times + swing / slow[0] + phase[1]
        source = sum(np.sin(k * angle) / k for k in (1, 2, 3))
        envelope = 1.0 + 0.35 * np.sin(2 * np.pi * slow[1] * times + phase[2])
        pattern = gains * (1.0 + 0.3 * rng.standard_normal(8))
        waves += share * height * pattern[:, None] * (envelope * source)
    return waves


def flutter_waves(
    rng: np.random.Generator, times: Float[np.ndarray, " time"], cycle: float
) -> Float[np.ndarray, "8 time"]:
    """Return the F waves of atrial flutter on the eight independent leads, in mV.

    A sawtooth of period `cycle` s, phase 0 at time 0, without an isoelectric line: negative in
    the inferior leads and positive in V1 (80 %), or the reverse.
    """
    gains = np.array([0.12, -1.0, 0.7, 0.3, 0.1, -0.12, -0.18, -0.2])
    sign = 1.0 if rng.random() < 0.8 else -1.0
    height = float(np.clip(0.14 * np.exp(0.35 * rng.standard_normal()), 0.07, 0.32))
    pattern = sign * height * gains * (1.0 + 0.15 * rng.standard_normal(8))
    angle = 2 * np.pi * times / cycle
    skew = rng.uniform(0.6, 0.9)
    saw = sum(skew ** (k - 1) * np.sin(k * angle) / k for k in (1, 2, 3, 4))
    return pattern[:, None] * saw
