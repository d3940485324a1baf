"""The normal beat that takes the place of masked samples."""

from functools import cache

import numpy as np
import pytest
from plain_settings import plain_settings

from leadlens.ecg.criteria import meets
from leadlens.ecg.decimate import decimate
from leadlens.ecg.delineate import Delineation
from leadlens.ecg.leads import (
    INDEPENDENT_LEADS,
    STANDARD_FROM_INDEPENDENT,
    STANDARD_LEADS,
    limb_lead_residual,
)
from leadlens.ecg.measurements import measure
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.explain.neutral import median_beat, normal_beat, normal_beats
from leadlens.explain.replacement import isoelectric
from leadlens.explain.waves import WAVES, beats_of
from leadlens.explain.window import make_game
from leadlens.simulate import CohortSettings, programme_batch, recording_of

SHAPES = {
    "LBBB", "RBBB", "IRBBB", "BBB", "LAnFB", "NSIVCB", "LAD", "RAD", "LQRSV", "QAb", "PRWP",
    "TAb", "TInv",
}  # fmt: skip


@cache
def ecg(name: str, fs: float = 500.0) -> Recording:
    chosen = CohortSettings(cohort="balanced", n_recordings=120, seed=5, noise="none", fs=fs)
    batch = programme_batch(chosen, np.arange(120))
    names = [each & {name, "AF", "AFL", "PR", "PVC", "PAC"} for each in batch.truth.names]
    return recording_of(batch, names.index(frozenset({name})))


@cache
def beats_in(name: str, fs: float = 500.0) -> Delineation:
    recording = ecg(name, fs)
    return beats_of(recording.signal, recording.leads, fs, "mV")


def neutral(name: str, fs: float = 500.0) -> np.ndarray:
    return median_beat(ecg(name, fs).signal, STANDARD_LEADS, "mV", beats_in(name, fs), fs)


@pytest.mark.parametrize("name", ["LBBB", "RBBB", "LAnFB", "QAb", "TInv", "LQRSV"])
def test_no_finding_of_shape_is_left_while_rate_pr_and_qt_are(name: str) -> None:
    old = measure(ecg(name))
    new = measure(Recording(neutral(name), 500.0, STANDARD_LEADS, name))
    assert meets(old)[name]
    assert not {each for each, is_met in meets(new).items() if is_met} & SHAPES
    assert new.heart_rate == pytest.approx(old.heart_rate, rel=0.01)
    assert new.pr == pytest.approx(old.pr, abs=0.010)
    assert new.qt == pytest.approx(old.qt, abs=0.012)
    assert new.qrs_duration == pytest.approx(0.088, abs=0.006)


@pytest.mark.parametrize("name", ["NSR", "AF", "LBBB"])
def test_the_limb_lead_equations_hold(name: str) -> None:
    assert limb_lead_residual(neutral(name)) < 1e-6


def test_beats_lie_on_the_isoelectric_line() -> None:
    level = STANDARD_FROM_INDEPENDENT @ np.linspace(-0.5, 0.5, 8)
    signal = ecg("SB").signal + level[:, None].astype(np.float32)
    line = isoelectric(signal, STANDARD_LEADS, "mV")
    found = median_beat(signal, STANDARD_LEADS, "mV", beats_in("SB"), 500.0)
    off = np.abs(found - line).max(axis=0)
    times = np.arange(signal.shape[1]) / 500
    marks = beats_in("SB")
    for t_end, p_onset in zip(marks.t_offset, marks.p_onset[1:], strict=False):
        assert off[(times > t_end) & (times < p_onset)].max() == 0
    for onset in marks.qrs_onset:
        assert off[(times > onset) & (times < onset + 0.088)].max() > 0.5


def test_fibrillation_gets_a_p_where_t_has_ended_in_time() -> None:
    marks = beats_in("AF")
    assert np.isnan(marks.p_onset).all()
    beats = normal_beats(marks, 500.0, 5000)
    lead_ii = beats[INDEPENDENT_LEADS.index("II")]
    onset = normal_beat().knots[2]
    peaks = [
        lead_ii[round((qrs - onset) * 500) : round((qrs - 0.03) * 500)].max()
        for before, qrs in zip(marks.t_offset, marks.qrs_onset[1:], strict=False)
        if qrs - onset > before
    ]
    assert len(peaks) > 3
    np.testing.assert_allclose(peaks, normal_beat().signal[1, :40].max(), rtol=0.05)


def test_where_t_has_not_ended_in_time_there_is_no_p() -> None:
    r = 0.5 + 0.45 * np.arange(20)
    none = np.full(20, np.nan)
    marks = Delineation(none, none, r - 0.04, r, r + 0.05, r + 0.23, r + 0.33)
    beats = normal_beats(marks, 500.0, 5000)
    times = np.arange(5000) / 500
    for t_end, onset in zip(marks.t_offset, marks.qrs_onset[1:], strict=False):
        assert np.abs(beats[:, (times > t_end) & (times < onset)]).max() == 0
        assert beats[1, (times > t_end - 0.15) & (times < t_end)].max() > 0.2


def test_rows_of_the_independent_basis_are_the_same_beats() -> None:
    rows = [STANDARD_LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    found = median_beat(ecg("NSR").signal[rows], INDEPENDENT_LEADS, "mV", beats_in("NSR"), 500.0)
    np.testing.assert_allclose(found, neutral("NSR")[rows], atol=1e-6)


def test_a_missing_lead_stays_missing() -> None:
    signal = ecg("NSR").signal.copy()
    signal[7] = np.nan
    for units in ("mV", "relative"):
        found = median_beat(signal, STANDARD_LEADS, units, beats_in("NSR"), 500.0)
        assert np.isnan(found[7]).all()
        assert not np.isnan(np.delete(found, 7, axis=0)).any()


def test_in_relative_units_the_beats_have_the_scale_of_each_row() -> None:
    signal, marks = ecg("NSR").signal, beats_in("NSR")
    scale = np.random.default_rng(0).uniform(0.1, 50.0, (12, 1)).astype(np.float32)
    plain = median_beat(signal, STANDARD_LEADS, "relative", marks, 500.0)
    scaled = median_beat(signal * scale, STANDARD_LEADS, "relative", marks, 500.0)
    np.testing.assert_allclose(scaled / scale, plain, atol=1e-4)
    first, last = (np.array([marks.qrs_onset[3], marks.qrs_offset[3]]) * 500).astype(int)
    own, new = (np.ptp(each[:, first:last], axis=1) for each in (signal, plain))
    np.testing.assert_allclose(new, own, rtol=0.25)


@pytest.mark.parametrize("fs", [50.0, 100.0, 250.0])
def test_at_a_lower_rate_the_beats_are_the_same_but_for_what_it_cannot_hold(fs: float) -> None:
    high = normal_beats(beats_in("NSR"), 500.0, 5000)
    low = normal_beats(beats_in("NSR"), fs, round(10 * fs))
    np.testing.assert_allclose(low, decimate(high, round(500 / fs)), atol=0.04)
    assert np.abs(low).max() > 0.5


def test_a_lead_without_a_normal_beat_is_refused() -> None:
    with pytest.raises(ConfigError, match="not for Vx: use replacement 'isoelectric'"):
        median_beat(ecg("NSR").signal[:2], ("I", "Vx"), "mV", beats_in("NSR"), 500.0)


def test_a_window_with_this_replacement_has_normal_waves_where_players_are_off() -> None:
    chosen = plain_settings(replacement="median_beat", pieces="waves")
    recording = ecg("LBBB")
    game = make_game(recording.signal, STANDARD_LEADS, 500.0, "mV", chosen)
    masks = np.ones((1, game.players.n_players), bool)
    masks[0, game.players.names.index("V6 QRS")] = False
    shown = game.windows(masks)[0].numpy()
    is_qrs = game.players.piece_of == WAVES.index("QRS")
    np.testing.assert_array_equal(shown[11, is_qrs], neutral("LBBB")[11, is_qrs])
    np.testing.assert_array_equal(shown[11, ~is_qrs], recording.signal[11, ~is_qrs])
    np.testing.assert_array_equal(shown[:11], recording.signal[:11])


def test_whole_leads_and_segments_find_their_beats_themselves() -> None:
    for pieces in ("whole", "segments"):
        chosen = plain_settings(replacement="median_beat", pieces=pieces)
        game = make_game(ecg("NSR").signal, STANDARD_LEADS, 500.0, "mV", chosen)
        np.testing.assert_allclose(game.without.numpy(), neutral("NSR"), atol=1e-6)


def test_the_normal_beat_begins_and_ends_on_the_line_with_its_r_highest() -> None:
    normal = normal_beat()
    np.testing.assert_array_equal(normal.signal[:, [0, -1]], 0)
    assert (np.diff(normal.knots) > 0).all()
    assert normal.knots[-1] == pytest.approx((normal.signal.shape[1] - 1) / normal.fs)
    highest = np.linalg.norm(normal.signal, axis=0).argmax() / normal.fs
    assert highest == pytest.approx(normal.knots[3], abs=0.009)
