"""Ventricles: the QRS and the repolarisation of every beat of a batch, as waves."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.simulate.beat import Beats
from leadlens.simulate.onsets import reaches_into
from leadlens.simulate.premature import Premature
from leadlens.simulate.rhythm import BeatKind, Rhythm
from leadlens.simulate.waves import BatchWaves, Waves

Array = np.ndarray

_SHOULDER: Final = np.array([0.01, 0.0, -0.03])
_WIDTH_OF_J: Final = 0.014
_WIDTH_OF_U: Final = 0.028


@dataclass(frozen=True, eq=False)
class BeatTimes:
    """Durations of every beat of a batch, s.

    Attributes:
        is_premature: which beats are ventricular premature ones.
        form: the form that each beat has if it is: in turn where there are several.
        qrs_duration, qt: from QRS onset.
        t_fall: the width of the falling side of T, which ends 2.1 of them after its peak.
    """

    is_premature: Bool[Array, "n beat"]
    form: Int[Array, "n beat"]
    qrs_duration: Float[Array, "n beat"]
    qt: Float[Array, "n beat"]
    t_fall: Float[Array, "n beat"]


def beat_times(rhythm: Rhythm, beats: Beats, premature: Premature) -> BeatTimes:
    """Return the durations of every beat: QT follows the RR interval that the rhythm names."""
    is_premature = rhythm.kind == BeatKind.VENTRICULAR_PREMATURE
    turn = (np.cumsum(is_premature, axis=1) + 1) % 2
    form = turn * premature.is_multiform.astype(int)[:, None]
    wide = np.take_along_axis(premature.duration, form, axis=1)
    usual_qt = beats.after_qrs.qtc[:, None] * np.cbrt(rhythm.qt_rr)
    wide_qt = (0.40 + 0.6 * (wide - 0.09)) * np.cbrt(np.clip(rhythm.qt_rr, 0.5, 1.2))
    qt = np.where(is_premature, wide_qt, usual_qt)
    breadth = np.where(is_premature, 1.0, beats.after_qrs.breadth[:, 1:])
    return BeatTimes(
        is_premature=is_premature,
        form=form,
        qrs_duration=np.where(is_premature, wide, beats.qrs_duration[:, None]),
        qt=qt,
        t_fall=breadth * np.clip(0.038 * np.sqrt(qt / 0.40), 0.022, 0.055),
    )


@dataclass(frozen=True, eq=False)
class Ventricles:
    """What the ventricles of a batch give, as waves of their beats.

    Attributes:
        qrs: of dominant and paced beats: three dipole components and the rest.
        wide_qrs: of ventricular premature beats.
        repolarisation: T, its shoulder, ST, J and U of all of them.
    """

    qrs: BatchWaves
    wide_qrs: BatchWaves
    repolarisation: BatchWaves


def draw_ventricles(
    rhythm: Rhythm,
    beats: Beats,
    premature: Premature,
    gain: Float[Array, "n beat"],
    residual: Float[Array, "n wave"],
    duration: float,
) -> Ventricles:
    """Return the waves of all beats that reach into recordings of `duration` s.

    `gain` is the height of each beat, `residual` what the dipole does not explain, in mV at each
    wave of the QRS.
    """
    times, n = beat_times(rhythm, beats, premature), len(rhythm.onset)
    is_real = (rhythm.kind != BeatKind.NONE) & (rhythm.kind != BeatKind.DROPPED)
    is_real &= reaches_into(rhythm.onset, duration)
    row, beat = np.nonzero(is_real & ~times.is_premature)
    width = beats.qrs_width[row]
    vector = np.concatenate([beats.qrs_vector, residual[:, :, None]], axis=2)
    height = gain[row, beat][:, None, None]
    qrs = Waves(rhythm.onset[row, beat], beats.qrs_centre[row], width, width, height * vector[row])
    wide_row, beat = np.nonzero(is_real & times.is_premature)
    form = times.form[wide_row, beat]
    width = premature.qrs_width[wide_row, form]
    wide = Waves(
        rhythm.onset[wide_row, beat], premature.qrs_centre[wide_row, form], width, width,
        premature.qrs_vector[wide_row, form],
    )  # fmt: skip
    all_row, beat = np.nonzero(is_real)
    after = _repolarisation(rhythm, beats, premature, gain, times, all_row, beat)
    return Ventricles(
        BatchWaves(qrs, row, n), BatchWaves(wide, wide_row, n), BatchWaves(after, all_row, n)
    )


def _repolarisation(
    rhythm: Rhythm,
    beats: Beats,
    premature: Premature,
    gain: Float[Array, "n beat"],
    times: BeatTimes,
    row: Int[Array, " m"],
    beat: Int[Array, " m"],
) -> Waves:
    """Return T (one asymmetric Gaussian), its early shoulder, ST, J and U of these beats.

    T ends at QT: the peak lies 2.1 widths of its falling side before. That of a premature beat is
    discordant, and ST goes with it.
    """
    usual, is_wide = beats.after_qrs, times.is_premature[row, beat][:, None]
    discordant = premature.t_vector[row, times.form[row, beat]]
    t = np.where(is_wide, discordant, usual.t_vector[row])
    st = np.where(is_wide, 0.15 * discordant, usual.st_vector[row])
    j, u = np.where(is_wide, 0.0, usual.j_vector[row]), np.where(is_wide, 0.0, usual.u_vector[row])
    duration, qt, fall = (
        values[row, beat] for values in (times.qrs_duration, times.qt, times.t_fall)
    )
    peak = qt - 2.1 * fall
    after = peak - duration
    breadth = np.where(is_wide[:, 0], 1.0, usual.breadth[row, 0])
    rise = np.clip(breadth * 0.058 * after / 0.215, 0.025, 0.120)
    shoulder = np.maximum(peak - 0.075, duration + 0.03)
    st_width, one = 0.28 * after, np.ones_like(peak)
    height = np.where(is_wide[:, 0], 1.0, gain[row, beat])[:, None, None]
    late = [_WIDTH_OF_J * one, _WIDTH_OF_U * one]
    return Waves(
        rhythm.onset[row, beat],
        np.stack([peak, shoulder, duration + 0.35 * after, duration + 0.008, qt + 0.075], axis=1),
        np.stack([rise, 0.036 * one, st_width, *late], axis=1),
        np.stack([fall, 0.045 * one, st_width, *late], axis=1),
        height * np.stack([t, 0.08 * t + _SHOULDER, st, j, u], axis=1),
    )
