"""Heart: from a programme to the eight independent leads, and to the times of every wave."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from leadlens.simulate.atria import atrial_sources
from leadlens.simulate.onsets import is_within
from leadlens.simulate.programme import Programme
from leadlens.simulate.rhythm import BeatKind
from leadlens.simulate.waves import Waves, add_waves

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Fiducials:
    """Where the waves of every beat of a recording are; s, NaN where a beat lacks the wave.

    Attributes:
        kind: a BeatKind a beat.
        p_onset, p_offset, qrs_onset, qrs_offset, t_peak, t_offset: times from the first sample.
    """

    kind: Int[Array, " beat"]
    p_onset: Float[Array, " beat"]
    p_offset: Float[Array, " beat"]
    qrs_onset: Float[Array, " beat"]
    qrs_offset: Float[Array, " beat"]
    t_peak: Float[Array, " beat"]
    t_offset: Float[Array, " beat"]


def add_heart(
    programme: Programme, row: int, fs: float, n: int, low_pass: float
) -> tuple[Float32[Array, "8 source"], Float32[Array, "source n"]]:
    """Return the heart of one recording as sources in mV, and how they add to the eight leads.

    Sources are the three components of the ventricles' dipole, the rest of the QRS, the three
    components of the atria, and f or F waves; `low_pass` is the width of the device's filter in s.
    """
    beats, atria = programme.beats, programme.atria
    others = atrial_sources(atria, row, fs, n)
    sources = np.zeros((7 if others is None else 9, n), dtype=np.float32)
    ventricles = programme.ventricles
    add_waves(sources[:4], ventricles.qrs.of(row), fs, low_pass)
    for waves in (ventricles.wide_qrs.of(row), ventricles.repolarisation.of(row)):
        add_waves(sources[:3], waves, fs, low_pass)
    add_waves(sources[4:7], programme.p_waves.of(row), fs, low_pass)
    mix = [beats.lead_field[row], beats.residual[0][row][:, None], atria.lead_field[row]]
    if others is not None:
        sources[7:] = others
        mix.append(atria.pattern[row])
    return np.concatenate(mix, axis=1).astype(np.float32), sources


def heart_leads(
    programme: Programme, row: int, fs: float, n: int, low_pass: float
) -> Float32[Array, "8 n"]:
    """Return the eight independent leads of one recording in mV, free of noise."""
    mix, sources = add_heart(programme, row, fs, n, low_pass)
    leads = mix @ sources
    add_spikes(programme, row, fs, low_pass, leads)
    return leads


def add_spikes(
    programme: Programme, row: int, fs: float, low_pass: float, leads: Float32[Array, "8 n"]
) -> None:
    """Add pacing spikes of 0.8 ms, straight on the leads, 6 ms before each paced QRS."""
    spike = programme.premature.spike[row]
    paced = np.flatnonzero(programme.rhythm.kind[row] == BeatKind.PACED)
    if not spike.any() or len(paced) == 0:
        return
    shape = (len(paced), 1)
    width = np.full(shape, 0.0008)
    vector = np.broadcast_to(spike, (len(paced), 1, 8))
    waves = Waves(programme.rhythm.onset[row, paced], np.full(shape, -0.006), width, width, vector)
    add_waves(leads, waves, fs, low_pass)


def fiducials(programme: Programme, row: int) -> Fiducials:
    """Return the programmed times of every beat that begins within the recording."""
    onset = np.nan_to_num(programme.rhythm.onset[row], nan=-9.0)
    return _times(programme, row, is_within(onset, programme.duration))


def reaching_fiducials(programme: Programme, row: int) -> Fiducials:
    """Return the programmed times of every beat of which any wave lies within the recording."""
    onset, pr = programme.rhythm.onset[row], programme.rhythm.pr[row]
    end = onset + np.nan_to_num(programme.times.qt[row]) + 0.05
    begin = onset - np.nan_to_num(pr)
    return _times(programme, row, (end > 0.0) & (begin < programme.duration))


def _times(programme: Programme, row: int, is_chosen: Bool[Array, " beat"]) -> Fiducials:
    """Return the programmed times of some beats."""
    rhythm, times = programme.rhythm, programme.times
    chosen = np.flatnonzero(is_chosen & (rhythm.kind[row] >= 0))
    kind, onset, pr = (part[row, chosen] for part in (rhythm.kind, rhythm.onset, rhythm.pr))
    qt = times.qt[row, chosen]
    missing = np.where(kind == BeatKind.DROPPED, np.nan, 0.0)
    return Fiducials(
        kind=kind,
        p_onset=onset - pr,
        p_offset=onset - pr + programme.atria.p_duration[row],
        qrs_onset=onset + missing,
        qrs_offset=onset + times.qrs_duration[row, chosen] + missing,
        t_peak=onset + qt - 2.1 * times.t_fall[row, chosen] + missing,
        t_offset=onset + qt + missing,
    )
