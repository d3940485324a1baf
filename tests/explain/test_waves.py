"""Waves: every sample has one, where the delineation says."""

import numpy as np
import pytest
from plain_settings import plain_settings

from leadlens.data.sources import CohortSource
from leadlens.ecg.delineate import Delineation, delineate
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.resample import resample
from leadlens.errors import SignalError
from leadlens.explain.waves import WAVES, beats_of, wave_at
from leadlens.explain.window import make_game
from leadlens.simulate import CohortSettings

WAVE_PLAYERS = plain_settings(pieces="waves")


def beats(**changes: list[float]) -> Delineation:
    """Return two beats, a second apart."""
    usual = {
        "p_onset": [0.30, 1.30], "p_offset": [0.40, 1.40], "qrs_onset": [0.46, 1.46],
        "r_peak": [0.50, 1.50], "qrs_offset": [0.55, 1.55], "t_peak": [0.75, 1.75],
        "t_offset": [0.83, 1.83],
    }  # fmt: skip
    return Delineation(**{name: np.array(value) for name, value in (usual | changes).items()})


def at(found: np.ndarray, seconds: float) -> str:
    return WAVES[found[round(100 * seconds)]]


def test_each_sample_belongs_to_the_wave_that_stands_there() -> None:
    found = wave_at(beats(), 100, 200)
    said = [at(found, t) for t in (0.10, 0.35, 0.43, 0.50, 0.57, 0.75, 0.90, 1.35, 1.50)]
    assert said == ["TP", "P", "PR", "QRS", "ST", "T", "TP", "P", "QRS"]


def test_without_p_waves_the_line_reaches_from_t_to_the_qrs() -> None:
    missing = [np.nan, np.nan]
    found = wave_at(beats(p_onset=missing, p_offset=missing), 100, 200)
    assert set(found.tolist()) == {WAVES.index(name) for name in ("QRS", "ST", "T", "TP")}
    assert at(found, 1.40) == "TP"


def test_without_a_t_wave_a_tenth_of_a_second_after_the_qrs_is_st() -> None:
    missing = [np.nan, np.nan]
    found = wave_at(beats(t_peak=missing, t_offset=missing), 100, 200)
    assert (at(found, 0.60), at(found, 0.75)) == ("ST", "TP")
    assert WAVES.index("T") not in found


def test_a_qrs_that_falls_into_the_t_wave_before_it_stays_a_qrs() -> None:
    early = beats(qrs_onset=[0.46, 0.78], r_peak=[0.50, 0.82], qrs_offset=[0.55, 0.87])
    found = wave_at(early, 100, 200)
    assert [at(found, t) for t in (0.77, 0.79, 0.86)] == ["T", "QRS", "QRS"]


@pytest.mark.parametrize("fs", [75.0, 100.0, 500.0])
def test_the_waves_of_a_normal_ecg_last_as_long_as_they_do_in_people(fs: float) -> None:
    source = CohortSource(CohortSettings(n_recordings=60, cohort="balanced", seed=3, fs=500))
    recordings = (source.load(number) for number in range(len(source)))
    normal = [each for each in recordings if "426783006" in (each.codes or ())][:3]
    assert len(normal) == 3
    for recording in normal:
        window = resample(recording, fs)
        found_beats = beats_of(window.signal, STANDARD_LEADS, fs, "mV")
        assert len(found_beats.r_peak) == len(delineate(recording).r_peak)
        found = wave_at(found_beats, fs, window.n_samples)
        of_beat = np.bincount(found, minlength=6) / fs / len(found_beats.r_peak)
        seconds = dict(zip(WAVES, of_beat, strict=True))
        assert 0.06 < seconds["P"] < 0.14
        assert 0.06 < seconds["QRS"] < 0.14
        assert 0.08 < seconds["T"] < 0.30


def test_an_ecg_without_beats_is_told_of_segments() -> None:
    flat = np.zeros((12, 1000), np.float32)
    with pytest.raises(SignalError, match=r"no beat is found.*'pieces: segments'"):
        make_game(flat, STANDARD_LEADS, 100.0, "mV", WAVE_PLAYERS)


def test_all_beats_of_a_wave_are_masked_together_in_the_leads_of_their_group() -> None:
    signal = np.random.default_rng(0).normal(size=(12, 200)).astype(np.float32)
    game = make_game(signal, STANDARD_LEADS, 100.0, "mV", WAVE_PLAYERS, beats())
    assert game.players.n_players == 42
    masks = np.ones((1, 42), bool)
    masks[0, game.players.names.index("V3 QRS")] = False
    changed = game.windows(masks).numpy()[0] != signal
    expected = np.zeros((12, 200), bool)
    expected[8] = wave_at(beats(), 100, 200) == WAVES.index("QRS")
    np.testing.assert_array_equal(changed, expected)
