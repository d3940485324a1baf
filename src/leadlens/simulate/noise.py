"""Noise: as it arises, at the electrodes RA, LA, LL, C1 to C6, so that leads share it as in life.

Pink noise below 40 Hz and muscle noise of 20 to 150 Hz come from a bank of stretches made once,
each taken from a place and with a level of the recording's own; or from fresh numbers.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from jaxtyping import Float, Float32

from leadlens.ecg.leads import INDEPENDENT_FROM_ELECTRODES
from leadlens.simulate.devices import DEVICE_NAMES, DEVICES, Devices, block_length, low_pass_width
from leadlens.simulate.streams import Streams, between

NoiseName = Literal["bank", "fresh", "none"]
Array = np.ndarray

N_ELECTRODES: Final = 9
_N_WANDER: Final = 12
_ELECTRODE_GAIN: Final = np.array([1.0] * 3 + [0.45] * 6)
"""Fast noise of the limb electrodes is twice that of the chest (at rest, above 20 Hz)."""
_BANK_ROWS: Final = 48
_BANK_SPARE: Final = 4096


@dataclass(frozen=True, eq=False)
class NoiseDraws:
    """What decides the noise of a batch; levels in mV at an electrode.

    Attributes:
        pink, muscle, wander, mains: levels.
        gain: of pink and muscle noise at each electrode.
        place: where in the bank each stretch begins, in [0, 1).
        wander_mix: amplitude of each slow wave at each electrode.
        wander_wave: frequency in Hz and phase of each.
        mains_gain: at each electrode, mains_phase: of the power line.
        motion: time (s), length (s), height (mV), electrode; height 0 in most.
    """

    pink: Float[Array, " n"]
    muscle: Float[Array, " n"]
    gain: Float[Array, "n 2 9"]
    place: Float[Array, "n 2 9 2"]
    wander_mix: Float[Array, "n 9 wave"]
    wander_wave: Float[Array, "n 2 wave"]
    mains_gain: Float[Array, "n 9"]
    mains_phase: Float[Array, " n"]
    motion: Float[Array, "n 4"]


def draw_noise(devices: Devices, duration: float, streams: Streams) -> NoiseDraws:
    """Return the noise levels of a batch: lognormal about the medians of their devices.

    A lead, a difference of electrodes, has root 2 of a level. 3 % have a motion artefact, 2 %
    strong mains.
    """
    normal, uniform = streams.normal("noise", 48), streams.uniform("noise.places", 48)
    n = len(streams)
    given = [DEVICES[DEVICE_NAMES[number]] for number in devices.device]
    muscle = np.array([item.muscle for item in given]) / np.sqrt(2.0)
    wander = np.array([item.wander for item in given]) / np.sqrt(2.0)
    mains = np.array([item.mains for item in given])
    strong = np.where(uniform[:, 0] < 0.02, between(uniform[:, 1], 0.01, 0.1), 0.0)
    mains = np.where(strong > 0, strong, mains * 2 * uniform[:, 1])
    mix = streams.normal("wander", N_ELECTRODES * _N_WANDER).reshape(n, N_ELECTRODES, _N_WANDER)
    level = wander * np.exp(0.6 * normal[:, 2]) / np.sqrt(_N_WANDER / 2.0)
    wave = uniform[:, 2 : 2 + 2 * _N_WANDER].reshape(n, 2, _N_WANDER).copy()
    wave[:, 0] = 0.05 + 0.55 * wave[:, 0] ** 1.5
    wave[:, 1] *= 2 * np.pi
    motion = uniform[:, 40:44].copy()
    is_moved = uniform[:, 44] < 0.03
    motion[:, 0] *= duration
    motion[:, 1] = between(motion[:, 1], 0.05, 0.8)
    motion[:, 2] = np.where(is_moved, between(motion[:, 2], -1.2, 1.2), 0.0)
    motion[:, 3] = np.floor(motion[:, 3] * N_ELECTRODES)
    return NoiseDraws(
        pink=0.010 / np.sqrt(2.0) * np.exp(0.5 * normal[:, 0]),
        muscle=muscle * np.exp(0.6 * normal[:, 1]),
        gain=_ELECTRODE_GAIN * np.exp(0.35 * normal[:, 3:21]).reshape(n, 2, N_ELECTRODES),
        place=streams.uniform("noise.bank", 4 * N_ELECTRODES).reshape(n, 2, N_ELECTRODES, 2),
        wander_mix=level[:, None, None] * mix,
        wander_wave=wave,
        mains_gain=mains[:, None] * normal[:, 21:30],
        mains_phase=2 * np.pi * uniform[:, 30],
        motion=motion,
    )


def fast_noise(
    draws: NoiseDraws, devices: Devices, row: int, fs: float, n: int, fresh: Streams | None
) -> tuple[Float32[Array, "8 source"], Float32[Array, "source n"]]:
    """Return pink, muscle and mains noise as sources and how they add to the eight leads.

    With `fresh`, sources are made of new random numbers instead of the bank's.
    """
    corner = float(devices.low_pass[row])
    stretches = np.empty((2 * N_ELECTRODES + 1, n), dtype=np.float32)
    if fresh is None:
        pink, muscle = _bank(fs, n, corner)
        for kind, rows in enumerate((pink, muscle)):
            which = (draws.place[row, kind, :, 0] * _BANK_ROWS).astype(int)
            first = (draws.place[row, kind, :, 1] * _BANK_SPARE).astype(int)
            for electrode in range(N_ELECTRODES):
                begin = first[electrode]
                stretches[kind * N_ELECTRODES + electrode] = rows[
                    which[electrode], begin : begin + n
                ]
    else:
        white = fresh.normal("noise.fresh", 2 * N_ELECTRODES * (n + 2))
        stretches[:-1] = _coloured(white.reshape(2, N_ELECTRODES, n + 2), fs, n, corner)
    level = np.array([draws.pink[row], draws.muscle[row]])[:, None] * draws.gain[row]
    frequency = DEVICES[DEVICE_NAMES[devices.device[row]]].mains_hz
    mix = np.concatenate(
        [INDEPENDENT_FROM_ELECTRODES * level[0], INDEPENDENT_FROM_ELECTRODES * level[1],
         (INDEPENDENT_FROM_ELECTRODES @ draws.mains_gain[row])[:, None]], axis=1
    ).astype(np.float32)  # fmt: skip
    if frequency >= 0.45 * fs or np.abs(mix[:, -1]).max() < 2e-4:
        return mix[:, :-1], stretches[:-1]
    angle = 2 * np.pi * frequency / fs * np.arange(n) + draws.mains_phase[row]
    passed = np.exp(-0.5 * (2 * np.pi * frequency * low_pass_width(corner)) ** 2)
    stretches[-1] = np.float32(passed) * np.sin(angle.astype(np.float32))
    return mix, stretches


def slow_noise(draws: NoiseDraws, row: int, fs: float, n: int) -> Float32[Array, "8 block"]:
    """Return wander of 0.05 to 0.6 Hz and motion artefacts on the eight leads, a value a block."""
    block = block_length(fs)
    times = (np.arange(-(-n // block)) + 0.5) * block / fs
    frequency, phase = draws.wander_wave[row]
    waves = np.sin(2 * np.pi * frequency[:, None] * times + phase[:, None])
    potentials = draws.wander_mix[row] @ waves
    when, length, height, electrode = draws.motion[row]
    if height:
        distance = (times - when) / length
        potentials[int(electrode)] += height * np.exp(-np.abs(distance)) * (distance > 0)
    return (INDEPENDENT_FROM_ELECTRODES @ potentials).astype(np.float32)


@cache
def _bank(
    fs: float, n: int, corner: float
) -> tuple[Float32[Array, "row time"], Float32[Array, "row time"]]:
    """Return pink and muscle noise of unit level, behind a low-pass; the same in every process."""
    n_spare = n + _BANK_SPARE
    white = np.random.Generator(np.random.Philox(20211)).standard_normal(
        (2, _BANK_ROWS, n_spare + 2)
    )
    pink, muscle = _coloured(white, fs, n_spare, corner).reshape(2, _BANK_ROWS, n_spare)
    return pink, muscle


def _coloured(
    white: Float[Array, "2 row time"], fs: float, n: int, corner: float
) -> Float32[Array, "rows n"]:
    """Return white noise made pink (below 40 Hz) and muscle-like (20 to 150 Hz), of unit level."""
    # Here, not above: it takes half a second to import, and every command reads the devices.
    from scipy import fft

    length = int(fft.next_fast_len(n, real=True))
    frequency = fft.rfftfreq(length, 1.0 / fs)
    pink, muscle = np.zeros_like(frequency), np.zeros_like(frequency)
    band = (frequency > 0.4) & (frequency < 40.0)
    pink[band] = frequency[band] ** -0.9
    muscle[(frequency > 20.0) & (frequency < 150.0)] = 1.0
    # of the muscle band, only what the sampling rate can carry
    carried = min(1.0, max(0.02, (fs / 2.0 - 20.0) / 130.0))
    blur = np.exp(-((2 * np.pi * frequency * low_pass_width(corner)) ** 2))
    shaped = []
    for power, share, rows in ((pink, 1.0, white[0]), (muscle, carried, white[1])):
        spectrum = fft.rfft(rows[:, :n], n=length, axis=-1)
        gain = np.sqrt(power * blur * share / max(power.mean(), 1e-12))
        shaped.append(fft.irfft(spectrum * gain, n=length, axis=-1)[:, :n])
    return np.concatenate(shaped).astype(np.float32)


__all__ = ["NoiseDraws", "NoiseName", "draw_noise", "fast_noise", "slow_noise"]
