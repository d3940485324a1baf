"""Heart: from a programme to the eight independent leads, and to the times of every wave."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int

from leadlens.simulate.atria import atrial_sources, p_waves
from leadlens.simulate.programme import Programme, ventricular_kinds
from leadlens.simulate.rhythm import BeatKind
from leadlens.simulate.waves import Waves, add_waves

Array = np.ndarray

_SHOULDER: Final = np.array([0.01, 0.0, -0.03])


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
    for waves in _ventricles(programme, row):
        add_waves(sources[: waves.vector.shape[2]], waves, fs, low_pass)
    if np.isfinite(programme.rhythm.pr[row]).any():
        add_waves(sources[4:7], p_waves(atria, programme.rhythm, row), fs, low_pass)
    mix = [beats.lead_field[row], programme.residual[0][row][:, None], atria.lead_field[row]]
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
    rhythm, beats = programme.rhythm, programme.beats
    onset, kind, pr = rhythm.onset[row], rhythm.kind[row], rhythm.pr[row]
    inside = np.nan_to_num(onset, nan=-9.0)
    chosen = np.flatnonzero((inside >= 0) & (inside < programme.duration) & (kind >= 0))
    kind, onset, pr = kind[chosen], onset[chosen], pr[chosen]
    is_premature = kind == BeatKind.VENTRICULAR_PREMATURE
    wide = programme.premature.duration[row, _forms(programme, row)[chosen]]
    qrs_duration = np.where(is_premature, wide, beats.qrs_duration[row])
    usual_qt = beats.after_qrs.qtc[row] * np.cbrt(rhythm.qt_rr[row, chosen])
    qt = np.where(is_premature, _premature_qt(programme, row)[chosen], usual_qt)
    missing = np.where(kind == BeatKind.DROPPED, np.nan, 0.0)
    fall = np.where(is_premature, 1.0, beats.after_qrs.breadth[row, 1]) * _t_fall(qt)
    return Fiducials(
        kind=kind,
        p_onset=onset - pr,
        p_offset=onset - pr + programme.atria.p_duration[row],
        qrs_onset=onset + missing,
        qrs_offset=onset + qrs_duration + missing,
        t_peak=onset + qt - 2.1 * fall + missing,
        t_offset=onset + qt + missing,
    )


def _ventricles(programme: Programme, row: int) -> list[Waves]:
    """Return QRS, T and what is near it of all beats of one recording."""
    dominant, premature = ventricular_kinds(programme, row)
    beats, rhythm = programme.beats, programme.rhythm
    onset, gain = rhythm.onset[row, dominant], programme.gain[row, dominant]
    vector = np.concatenate([beats.qrs_vector[row], programme.residual[1][row][:, None]], axis=1)
    used = np.flatnonzero(vector.any(axis=1))
    shape = (len(dominant), len(used))
    width = np.broadcast_to(beats.qrs_width[row, used], shape)
    centre = np.broadcast_to(beats.qrs_centre[row, used], shape)
    parts = [Waves(onset, centre, width, width, gain[:, None, None] * vector[used])]
    after = beats.after_qrs
    qt = after.qtc[row] * np.cbrt(rhythm.qt_rr[row, dominant])
    broad = (float(after.breadth[row, 0]), float(after.breadth[row, 1]))
    parts.append(
        repolarisation_waves(
            onset, qt, beats.qrs_duration[row], gain, after.t_vector[row], after.st_vector[row],
            broad,
        )
    )  # fmt: skip
    parts += _late_waves(programme, row, onset, qt, gain)
    if len(premature):
        parts += _premature_waves(programme, row, premature)
    return parts


def _late_waves(
    programme: Programme,
    row: int,
    onset: Float[Array, " beat"],
    qt: Float[Array, " beat"],
    gain: Float[Array, " beat"],
) -> list[Waves]:
    """Return J and U waves where the recording has them."""
    after, parts = programme.beats.after_qrs, []
    duration = programme.beats.qrs_duration[row]
    for vector, centre, width in (
        (after.j_vector[row], np.full(len(onset), duration + 0.008), 0.014),
        (after.u_vector[row], qt + 0.075, 0.028),
    ):
        if vector.any():
            side = np.full((len(onset), 1), width)
            height = gain[:, None, None] * vector
            parts.append(Waves(onset, centre[:, None], side, side, height))
    return parts


def repolarisation_waves(
    onset: Float[Array, " beat"],
    qt: Float[Array, " beat"],
    qrs_duration: Float[Array, "#beat"] | float,
    gain: Float[Array, " beat"],
    t_vector: Float[Array, "*beat 3"],
    st_vector: Float[Array, "*beat 3"],
    breadth: tuple[float, float] = (1.0, 1.0),
) -> Waves:
    """Return T (one asymmetric Gaussian), its early shoulder, and the ST shift of each beat.

    T ends at QT: the peak lies 2.1 widths of its falling side before.
    """
    fall = breadth[1] * _t_fall(qt)
    peak = qt - 2.1 * fall
    after = peak - qrs_duration
    rise = np.clip(breadth[0] * 0.058 * after / 0.215, 0.025, 0.120)
    shoulder = np.maximum(peak - 0.075, qrs_duration + 0.03)
    side = np.full_like(peak, 0.045)
    st_width = 0.28 * after
    shape = (len(onset), 3)
    t, st = np.broadcast_to(t_vector, shape), np.broadcast_to(st_vector, shape)
    vector = np.stack([t, 0.08 * t + _SHOULDER, st], axis=1)
    return Waves(
        onset,
        np.stack([peak, shoulder, qrs_duration + 0.35 * after], axis=1),
        np.stack([rise, side * 0.8, st_width], axis=1),
        np.stack([fall, side, st_width], axis=1),
        gain[:, None, None] * vector,
    )


def _premature_waves(programme: Programme, row: int, chosen: Int[Array, " m"]) -> list[Waves]:
    """Return the wide QRS and the discordant T of ventricular premature beats."""
    given, onset = programme.premature, programme.rhythm.onset[row, chosen]
    form = _forms(programme, row)[chosen]
    width, centre = given.qrs_width[row, form], given.qrs_centre[row, form]
    t_vector = given.t_vector[row, form]
    qrs = Waves(onset, centre, width, width, given.qrs_vector[row, form])
    qt, one = _premature_qt(programme, row)[chosen], np.ones(len(chosen))
    after = repolarisation_waves(
        onset, qt, given.duration[row, form], one, t_vector, 0.15 * t_vector
    )
    return [qrs, after]


def _forms(programme: Programme, row: int) -> Int[Array, " beat"]:
    """Return the form that each beat has if it is premature: in turn where there are several."""
    is_premature = programme.rhythm.kind[row] == BeatKind.VENTRICULAR_PREMATURE
    is_multiform = int(programme.premature.is_multiform[row])
    return (np.cumsum(is_premature) + 1) % 2 * is_multiform


def _premature_qt(programme: Programme, row: int) -> Float[Array, " beat"]:
    """Return the QT in s that each beat has if it is premature."""
    rr = np.clip(programme.rhythm.qt_rr[row], 0.5, 1.2)
    duration = programme.premature.duration[row, _forms(programme, row)]
    return (0.40 + 0.6 * (duration - 0.09)) * np.cbrt(rr)


def _t_fall(qt: Float[Array, "*beat"]) -> Float[Array, "*beat"]:
    """Return the falling width of T in s."""
    return np.clip(0.038 * np.sqrt(qt / 0.40), 0.022, 0.055)
