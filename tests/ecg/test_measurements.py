"""Measurements: intervals, axis and waves of known ECGs, beat classes, atrial activity."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import PVC_LOBES, Beat, regular, render

from leadlens.ecg.delineate import delineate
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.measurements import BeatClass, Measurements, measure

NORMAL = measure(render(regular(), noise=0.005))


def irregular(seed: int = 1, spread: float = 0.2, **beat: object) -> list[Beat]:
    """Return beats whose intervals are independent, as in fibrillation."""
    rr = 0.75 * (1.0 + spread * np.random.default_rng(seed).standard_normal(40))
    onsets = 0.4 + np.cumsum(np.maximum(rr, 0.4))
    return [Beat(float(t), **beat) for t in onsets if t < 9.4]  # type: ignore[arg-type]


def f_waves(rate: float, amplitude: float, wander: float, seed: int = 2) -> np.ndarray:
    """Return (8, time) sawtooth-like waves; `wander` is the spread of their instantaneous rate."""
    rng = np.random.default_rng(seed)
    drift = np.repeat(rng.standard_normal(50), 100) * wander
    phase = 2 * np.pi * np.cumsum(rate / 60.0 * (1.0 + drift)) / 500.0
    wave = np.sin(phase) + 0.35 * np.sin(2 * phase + 0.5)
    gains = np.array([0.2, -1.0, 0.8, 0.5, 0.2, 0.1, 0.1, 0.1])
    return amplitude * np.outer(gains, wave)


def test_intervals_of_a_known_ecg_are_measured() -> None:
    assert NORMAL.heart_rate == pytest.approx(75.0, abs=0.3)
    assert NORMAL.pr == pytest.approx(0.160, abs=0.012)
    assert NORMAL.qrs_duration == pytest.approx(0.090, abs=0.010)
    assert NORMAL.qt == pytest.approx(0.380, abs=0.025)
    assert NORMAL.qtc == pytest.approx(NORMAL.qt / 0.8 ** (1 / 3))
    np.testing.assert_allclose(NORMAL.rr, 0.8, atol=0.004)


@pytest.mark.parametrize("angle", [-60, -30, 0, 45, 90, 120])
def test_the_axis_follows_the_direction_of_the_qrs(angle: float) -> None:
    # I = x and aVF = y scaled by sqrt(3) / 2, so that the angle in the plane is the axis.
    x, y = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    recording = render(regular(lobes=()))
    leads = np.array(recording.signal, dtype=np.float64)
    for beat in regular():
        times = np.arange(leads.shape[1]) / 500.0 - beat.onset
        wave = np.sin(np.pi * np.clip(times / 0.09, 0, 1)) ** 2
        lead_i, avf = x * wave, y * np.sqrt(3) / 2 * wave
        ii = avf + lead_i / 2
        leads[:6] += [lead_i, ii, ii - lead_i, -(lead_i + ii) / 2, lead_i - ii / 2, avf]
        leads[6:] += 0.5 * wave
    found = measure(replace(recording, signal=leads.astype(np.float32))).qrs_axis
    assert found == pytest.approx(angle, abs=2.0)


def test_waves_have_the_amplitudes_they_were_given() -> None:
    recording = render(regular())
    first = round(0.42 * 500)
    for lead, name in enumerate(STANDARD_LEADS):
        qrs = recording.signal[lead, first : first + 46]
        t_part = recording.signal[lead, first + 90 : first + 190]
        assert NORMAL.of("peak_to_peak", name) == pytest.approx(np.ptp(qrs), abs=0.06)
        assert NORMAL.of("r_wave", name) == pytest.approx(max(qrs.max(), 0), abs=0.06)
        assert NORMAL.of("t_wave", name) == pytest.approx(t_part[np.abs(t_part).argmax()], abs=0.05)


def test_a_q_wave_has_its_duration_and_depth() -> None:
    lobes = ((0.0, 0.4, (0.0, -0.5, 0.0)), (0.4, 1.0, (0.9, 1.2, 0.3)))
    found = measure(render(regular(width=0.1, lobes=lobes)))
    assert found.of("q_depth", "aVF") == pytest.approx(0.5 * (1.07 + 0.24 / 2), abs=0.06)
    assert found.of("q_duration", "aVF") == pytest.approx(0.040, abs=0.010)
    assert NORMAL.of("q_duration", "aVF") < 0.02


def test_scaling_all_leads_scales_waves_and_leaves_intervals() -> None:
    recording = render(regular(), noise=0.005)
    double = measure(replace(recording, signal=2 * recording.signal))
    np.testing.assert_allclose(double.waves.r_wave, 2 * NORMAL.waves.r_wave, rtol=0.02, atol=0.01)
    assert (double.pr, double.qrs_duration) == (NORMAL.pr, NORMAL.qrs_duration)
    assert double.qrs_axis == pytest.approx(NORMAL.qrs_axis, abs=0.5)


def test_missing_leads_have_no_waves_and_leave_the_others() -> None:
    recording = render(regular(), noise=0.005)
    signal = np.array(recording.signal)
    signal[9] = np.nan
    found = measure(replace(recording, signal=signal))
    assert np.isnan(found.waves.r_wave[9])
    others = np.arange(12) != 9
    np.testing.assert_allclose(
        found.waves.r_wave[others], NORMAL.waves.r_wave[others], rtol=0.03, atol=0.01
    )


def test_given_marks_are_used() -> None:
    recording = render(regular())
    marks = delineate(recording)
    late = replace(marks, qrs_offset=marks.qrs_offset + 0.02)
    longer = measure(recording, late).qrs_duration - measure(recording, marks).qrs_duration
    assert longer == pytest.approx(0.02)


def kinds_of(found: Measurements, onset: float) -> BeatClass:
    """Return the class of the beat that begins at `onset`."""
    return BeatClass(int(found.beat_class[np.abs(found.marks.qrs_onset - onset).argmin()]))


def test_ectopic_beats_are_told_by_time_shape_and_width() -> None:
    beats = [b for b in regular() if not 3.9 < b.onset < 4.6]
    late = [replace(b, onset=b.onset) for b in beats]
    ectopic = Beat(3.95, pr=None, width=0.15, qt=0.42, lobes=PVC_LOBES)
    found = measure(render([*late, ectopic], noise=0.005))
    assert kinds_of(found, 3.95) == BeatClass.PREMATURE_WIDE
    assert (found.beat_class != BeatClass.DOMINANT).sum() == 1
    atrial = measure(render([*late, Beat(3.95, pr=0.13)], noise=0.005))
    assert kinds_of(atrial, 3.95) == BeatClass.PREMATURE_NARROW
    assert (atrial.beat_class != BeatClass.DOMINANT).sum() == 1


def test_intervals_around_premature_beats_are_not_of_the_usual_rhythm() -> None:
    beats = [b for b in regular() if not 3.9 < b.onset < 4.6]
    found = measure(render([*beats, Beat(3.95, width=0.15, lobes=PVC_LOBES, pr=None)]))
    np.testing.assert_allclose(found.usual_rr, 0.8, atol=0.01)
    assert found.rr.min() < 0.6


def test_in_bigeminy_the_basic_beat_is_the_one_after_the_pause() -> None:
    onsets = np.arange(0.5, 9.0, 1.7)
    sinus = [Beat(float(t)) for t in onsets]
    early = [Beat(float(t) + 0.55, pr=None, width=0.15, lobes=PVC_LOBES) for t in onsets]
    found = measure(render([*sinus, *early], noise=0.005))
    assert found.qrs_duration == pytest.approx(0.09, abs=0.012)
    assert (found.beat_class == BeatClass.PREMATURE_WIDE).sum() == len(onsets)


def test_paced_beats_are_those_behind_a_spike() -> None:
    beats = regular(width=0.15, qt=0.44, lobes=PVC_LOBES, pr=None)
    spikes = np.zeros((8, 5000))
    spikes[:, [round((beat.onset - 0.01) * 500) for beat in beats]] = 1.0
    found = measure(render(beats, extra=spikes, noise=0.005))
    assert found.spike_share == 1.0
    assert (found.beat_class == BeatClass.PACED).all()
    assert measure(render(beats, noise=0.005)).spike_share == 0.0


def test_below_400_hz_nothing_is_said_about_spikes() -> None:
    assert np.isnan(measure(render(regular(), fs=250.0)).spike_share)


def test_p_waves_recur_in_sinus_rhythm_and_not_in_fibrillation() -> None:
    found = [
        measure(
            render(irregular(pr=None), noise=0.01, extra=f_waves(390.0, 0.08, 0.25, seed))
        ).atrial
        for seed in range(2, 6)
    ]
    assert NORMAL.atrial.p_share == 1.0
    assert np.mean([atrial.p_share for atrial in found]) < 0.7
    assert min(atrial.f_wave for atrial in found) > 2.5 * NORMAL.atrial.f_wave


def test_flutter_waves_repeat_at_their_rate() -> None:
    flutter = f_waves(300.0, 0.12, 0.0)
    for rr, block in ((0.8, 4), (0.4, 2)):
        beats = regular(rr=rr, qt=0.29, pr=None, t_vector=(0.15, 0.1, -0.1))
        found = measure(render(beats, noise=0.005, extra=flutter)).atrial.flutter
        assert found.is_found
        assert found.rate == pytest.approx(300.0, abs=3.0)
        assert found.block == block
    assert not NORMAL.atrial.flutter.is_found
    assert not NORMAL.atrial.flutter.waves.any()


def test_flutter_repeats_where_conduction_varies_and_fibrillation_does_not() -> None:
    onsets = 0.5 + np.cumsum(np.random.default_rng(3).choice([2, 3, 4], 14) * 0.2)
    beats = [Beat(float(t), pr=None) for t in onsets if t < 9.4]
    found = measure(render(beats, noise=0.005, extra=f_waves(300.0, 0.12, 0.0))).atrial.flutter
    assert found.is_found
    assert found.block == 0
    assert found.rate == pytest.approx(300.0, abs=5.0)
    for seed in range(2, 5):
        waves = f_waves(390.0, 0.08, 0.25, seed)
        assert not measure(render(irregular(pr=None), extra=waves)).atrial.flutter.is_found


def test_what_flutter_hides_is_measured_without_it() -> None:
    beats = regular(rr=0.8, pr=None)
    plain, flutter = measure(render(beats)), f_waves(300.0, 0.12, 0.0)
    found = measure(render(beats, extra=flutter))
    assert found.atrial.flutter.is_found
    np.testing.assert_allclose(found.waves.t_wave, plain.waves.t_wave, atol=0.05)
    np.testing.assert_allclose(found.waves.peak_to_peak, plain.waves.peak_to_peak, atol=0.05)
    assert found.qrs_duration == pytest.approx(plain.qrs_duration, abs=0.008)
    assert found.qrs_axis == pytest.approx(plain.qrs_axis, abs=3.0)


def test_wide_beats_are_found_where_every_other_one_is_wide_and_low() -> None:
    onsets = np.arange(0.5, 9.0, 1.5)
    low = tuple((a, b, tuple(0.7 * x for x in vector)) for a, b, vector in PVC_LOBES)
    sinus = [Beat(float(t)) for t in onsets]
    early = [
        Beat(float(t) + 0.5, pr=None, width=0.16, lobes=low, t_vector=(0.1, -0.1, 0.0))
        for t in onsets
    ]
    found = measure(render([*sinus, *early], noise=0.005))
    assert (found.beat_class == BeatClass.PREMATURE_WIDE).sum() == len(onsets)


def test_a_beat_behind_an_interpolated_one_is_not_early() -> None:
    beats = regular()
    between = Beat(beats[4].onset + 0.38, pr=None, width=0.15, qt=0.36, lobes=PVC_LOBES)
    found = measure(render([*beats, between], noise=0.005))
    assert kinds_of(found, between.onset) == BeatClass.PREMATURE_WIDE
    assert (found.beat_class != BeatClass.DOMINANT).sum() == 1


def test_t_is_measured_from_the_line_before_p() -> None:
    # A slow dip under P and the PR interval, as the atria's own T makes: -60 uV at the QRS.
    times = np.arange(5000) / 500.0
    dip = sum(np.exp(-0.5 * ((times - beat.onset) / 0.035) ** 2) for beat in regular())
    found = measure(render(regular(), extra=-0.06 * np.outer(np.ones(8), dip)))
    np.testing.assert_allclose(found.waves.t_wave, NORMAL.waves.t_wave, atol=0.035)


def test_a_recording_without_qrs_has_nothing_to_measure() -> None:
    empty = replace(render(regular()), signal=np.zeros((12, 5000), dtype=np.float32))
    found = measure(empty)
    assert np.isnan([found.pr, found.qrs_duration, found.qtc, found.heart_rate]).all()
    assert len(found.beat_class) == 0
