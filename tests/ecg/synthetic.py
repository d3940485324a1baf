"""ECGs of raised-cosine waves, whose limits are known exactly; independent of the simulator."""

from dataclasses import dataclass, field

import numpy as np

from leadlens.ecg.leads import STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.ecg.recording import Recording

DOWER = np.array([
    [0.63, -0.24, 0.06], [0.24, 1.07, -0.13], [-0.52, 0.16, -0.92], [0.04, 0.16, -1.39],
    [0.88, 0.10, -1.28], [1.21, 0.13, -0.60], [1.13, 0.13, -0.09], [0.83, 0.08, 0.23],
])  # fmt: skip
"""Rows I, II, V1 to V6; columns left, down, back (Dower 1980)."""


@dataclass
class Beat:
    """One beat: QRS onset and intervals in s; lobes of the QRS as parts of it, with vectors."""

    onset: float
    pr: float | None = 0.16
    width: float = 0.09
    qt: float = 0.38
    t_vector: tuple[float, float, float] = (0.31, 0.16, -0.22)
    p_vector: tuple[float, float, float] = (0.07, 0.11, 0.0)
    lobes: tuple[tuple[float, float, tuple[float, float, float]], ...] = field(
        default=(
            (0.0, 0.45, (-0.1, -0.05, -0.35)),
            (0.2, 0.85, (1.3, 0.7, 0.5)),
            (0.6, 1.0, (-0.15, 0.0, 0.5)),
        )
    )


PVC_LOBES = ((0.0, 0.7, (-1.0, 1.3, 0.9)), (0.4, 1.0, (-0.6, 0.8, 1.0)))


def render(
    beats: list[Beat],
    fs: float = 500.0,
    duration: float = 10.0,
    noise: float = 0.0,
    extra: np.ndarray | None = None,
    **known: object,
) -> Recording:
    """Return the recording of these beats; `noise` is the sd in mV; `extra` (8, time) is added."""
    times = np.arange(round(duration * fs)) / fs
    leads = np.zeros((8, len(times)))
    for beat in beats:
        if beat.pr is not None:
            first = beat.onset - beat.pr
            leads += _wave(times, first, first + 0.10, beat.p_vector)
        for start, end, vector in beat.lobes:
            limits = (beat.onset + start * beat.width, beat.onset + end * beat.width)
            leads += _wave(times, *limits, vector)
        peak, end = beat.onset + 0.72 * beat.qt, beat.onset + beat.qt
        leads += _wave(times, 2 * peak - end, end, beat.t_vector)
    if noise:
        leads += np.random.default_rng(0).normal(0.0, noise, leads.shape)
    if extra is not None:
        leads += extra
    signal = (STANDARD_FROM_INDEPENDENT @ leads).astype(np.float32)
    return Recording(
        signal=signal,
        fs=fs,
        leads=STANDARD_LEADS,
        record_id="synthetic",
        **known,  # type: ignore[arg-type]
    )


def regular(rr: float = 0.8, duration: float = 10.0, **beat: object) -> list[Beat]:
    """Return equal beats every `rr` s that lie wholly within the recording."""
    onsets = np.arange(0.42, duration - 0.55, rr)
    return [Beat(float(onset), **beat) for onset in onsets]  # type: ignore[arg-type]


def _wave(
    times: np.ndarray, start: float, end: float, vector: tuple[float, float, float]
) -> np.ndarray:
    """Return a raised-cosine wave from `start` to `end` in the eight independent leads, mV."""
    phase = np.clip((times - start) / (end - start), 0.0, 1.0)
    return np.outer(DOWER @ np.array(vector), 0.5 - 0.5 * np.cos(2 * np.pi * phase))
