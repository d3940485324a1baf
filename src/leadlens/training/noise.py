"""Noise for training: waves, from what they arise at, and how they reach the leads.

Noise arises at the electrodes RA, LA, LL, C1 to C6 and reaches the leads as the heart's potentials
do, so III = II - I and its kin hold after it as before. Inputs in `lead_zscore` know no such
equations: each lead has its own noise there.

Whether and how much is drawn on the host, so that it is the same on every device; only the samples
of white and pink noise are drawn where the batch lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from leadlens.ecg.leads import (
    INDEPENDENT_FROM_ELECTRODES,
    STANDARD_FROM_INDEPENDENT,
    STANDARD_LEADS,
)
from leadlens.ecg.preprocess import Normalisation
from leadlens.errors import ConfigError
from leadlens.training.augment_settings import AugmentSettings, Part

MAINS_HZ: Final = (50.0, 60.0)
WANDER_HZ: Final = (0.05, 0.5)
PINK_FROM_HZ: Final = 0.5
"""Slower noise is wander's."""
SDS_PER_MILLIVOLT: Final = 5.0
"""What 1 mV is in `lead_zscore` inputs: leads have standard deviations of 0.1 to 0.3 mV."""
_N_WAVES: Final = 4
_PER_MILLIVOLT: Final[dict[Normalisation, float]] = {"millivolt": 1.0, "microvolt": 1000.0}


@dataclass(frozen=True, eq=False)
class _Noise:
    """Noise of some recordings: which, how much of each wave at each source, and the waves."""

    rows: Int[np.ndarray, " some"]
    mix: Float32[Tensor, "some source wave"]
    waves: Float32[Tensor, "some wave time"]


def add_noise(
    signal: Float32[Tensor, "batch lead time"],
    settings: AugmentSettings,
    spread: Float32[Tensor, "lead source"],
    fs: float,
    rng: np.random.Generator,
) -> Float32[Tensor, "batch lead time"]:
    """Return the signal with noise where something was recorded.

    Args:
        signal: a network's input.
        settings: the levels.
        spread: what `spread_of` says of the signal's leads.
        fs: samples a second.
        rng: what is drawn from.
    """
    reach = spread * is_recorded(signal, 2)[:, :, None]
    has_time = _from_first_to_last(is_recorded(signal, 1))
    noisy = signal.clone()
    for noise in _noises(signal, settings, spread.shape[1], fs, rng):
        # Only these: a batch of which half is chosen takes half the time.
        rows = torch.from_numpy(noise.rows).to(signal.device)
        noise.waves.mul_(has_time[rows, None])
        noisy.index_add_(0, rows, reach[rows] @ noise.mix @ noise.waves)
    return noisy


def spread_of(
    leads: tuple[str, ...], normalisation: Normalisation
) -> Float32[np.ndarray, "lead source"]:
    """Return what each source of noise adds to each lead: level 1 is 1 mV in leads I, II and III.

    Sources are the electrodes that the leads are taken from; for `lead_zscore` the leads
    themselves, and level 1 is `SDS_PER_MILLIVOLT` standard deviations.

    Raises:
        ConfigError: the nine electrodes do not give some lead.
    """
    if normalisation == "lead_zscore":
        return SDS_PER_MILLIVOLT * np.eye(len(leads), dtype=np.float32)
    unknown = [lead for lead in leads if lead not in STANDARD_LEADS]
    if unknown:
        raise ConfigError(
            f"no noise is known for lead {', '.join(unknown)}: the electrodes of the standard "
            f"leads give {', '.join(STANDARD_LEADS)}"
        )
    rows = [STANDARD_LEADS.index(lead) for lead in leads]
    spread = (STANDARD_FROM_INDEPENDENT @ INDEPENDENT_FROM_ELECTRODES)[rows]
    # Leads I to III are differences of two electrodes: root 2 of the level at one.
    scale = _PER_MILLIVOLT[normalisation] / np.sqrt(2.0)
    return (scale * spread[:, spread.any(axis=0)]).astype(np.float32)


def is_recorded(
    signal: Float32[Tensor, "batch lead time"], axis: int
) -> Bool[Tensor, "batch kept"]:
    """Return where a network's input is not 0 everywhere along an axis."""
    # Neither copies the signal: a fifth of the time of `(signal != 0).any(axis)`.
    return torch.logical_or(signal.amax(axis) > 0, signal.amin(axis) < 0)


def _noises(
    signal: Float32[Tensor, "batch lead time"],
    settings: AugmentSettings,
    n_sources: int,
    fs: float,
    rng: np.random.Generator,
) -> Iterator[_Noise]:
    """Yield each noise that is on."""
    n, _, n_samples = signal.shape
    hum = [frequency for frequency in MAINS_HZ if frequency < fs / 2]
    seconds = torch.arange(n_samples, device=signal.device) / fs
    if settings.wander.is_on:
        frequency = rng.uniform(*WANDER_HZ, (n, _N_WAVES))
        yield _sines(settings.wander, frequency, n_sources, seconds, rng)
    if settings.mains.is_on and hum:
        yield _sines(settings.mains, rng.choice(hum, (n, 1)), n_sources, seconds, rng)
    if settings.white.is_on or settings.pink.is_on:
        power = _power(settings, n, n_samples, fs, rng)
        rows = np.flatnonzero(power.any(axis=1))
        draws = torch.Generator(signal.device).manual_seed(int(rng.integers(2**63)))
        if len(rows):
            yield _coloured(rows, power[rows], n_sources, n_samples, draws)


def _sines(
    part: Part,
    frequency: Float[np.ndarray, "batch wave"],
    n_sources: int,
    seconds: Float32[Tensor, " time"],
    rng: np.random.Generator,
) -> _Noise:
    """Return waves of these frequencies (Hz), each of random phase and, at a source, height."""
    n, n_waves = frequency.shape
    rows = np.flatnonzero(rng.random(n) < part.probability)
    height = part.size * np.sqrt(2.0 / n_waves) * rng.standard_normal((n, n_sources, n_waves))
    phase = rng.uniform(0.0, 2 * np.pi, (n, n_waves, 1))
    turn, start, mix = (
        torch.from_numpy(values[rows].astype(np.float32)).to(seconds.device)
        for values in (2 * np.pi * frequency[:, :, None], phase, height)
    )
    return _Noise(rows, mix, torch.sin(turn * seconds + start))


def _power(
    settings: AugmentSettings, n: int, n_samples: int, fs: float, rng: np.random.Generator
) -> Float[np.ndarray, "batch frequency"]:
    """Return the power of white and pink noise together in each frequency of a Fourier transform.

    They are independent, so their powers add and one draw makes both. A recording's own level is
    normal, with the part's size as its root mean square.
    """
    frequency = np.fft.rfftfreq(n_samples, 1.0 / fs)
    # Neither a constant, nor the last frequency, of which a transform has only the cosine.
    is_inner = (frequency > 0) & (frequency < fs / 2)
    white = is_inner.astype(float)
    pink = np.where(is_inner & (frequency >= PINK_FROM_HZ), 1.0 / np.maximum(frequency, 1e-9), 0.0)
    total = np.zeros((n, len(frequency)))
    for part, shape in ((settings.white, white), (settings.pink, pink)):
        level = part.size * rng.standard_normal(n) * (rng.random(n) < part.probability)
        total += level[:, None] ** 2 * shape / max(shape.sum(), 1e-9)
    return total


def _coloured(
    rows: Int[np.ndarray, " some"],
    power: Float[np.ndarray, "some frequency"],
    n_sources: int,
    n_samples: int,
    draws: torch.Generator,
) -> _Noise:
    """Return Gaussian noise of this power, of its own at each source."""
    shape = (len(rows), n_sources, power.shape[1])
    spectrum = torch.randn(shape, dtype=torch.complex64, device=draws.device, generator=draws)
    # A real wave has each frequency twice, which doubles the power: half of it to each.
    spectrum *= torch.from_numpy(np.sqrt(power / 2).astype(np.float32)).to(draws.device)[:, None]
    waves = torch.fft.irfft(spectrum, n=n_samples, norm="forward")
    return _Noise(rows, torch.eye(n_sources, device=draws.device).expand(len(rows), -1, -1), waves)


def _from_first_to_last(
    has_time: Bool[Tensor, "batch time"],
) -> Bool[Tensor, "batch time"]:
    """Return where something was recorded before or now, and now or after."""
    since = has_time.cumsum(1) > 0
    until = has_time.flip(1).cumsum(1).flip(1) > 0
    return torch.logical_and(since, until)
