"""Resampling: lines stay lines, the band is kept, gaps stay gaps."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import make_recording

from leadlens.ecg.recording import Recording
from leadlens.ecg.resample import resample, resample_array
from leadlens.errors import ConfigError, SignalError

RATES = [
    (500.0, 100.0),
    (500.0, 400.0),
    (1000.0, 500.0),
    (100.0, 500.0),
    (400.0, 500.0),
    (257.0, 500.0),
]


def recording_of(signal: np.ndarray, fs: float) -> Recording:
    return Recording(signal.astype(np.float32)[None], fs, ("I",), "R1")


def sine(frequency: float, fs: float, duration: float = 10.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(fs * duration)) / fs)


@settings(deadline=None, max_examples=40)
@given(
    rates=st.sampled_from([(500.0, 100.0), (1000.0, 500.0), (500.0, 250.0), (500.0, 50.0)]),
    offset=st.floats(-5, 5),
    slope=st.floats(-1, 1),
)
def test_a_line_stays_a_line_to_its_very_ends_when_the_rate_falls(
    rates: tuple[float, float], offset: float, slope: float
) -> None:
    old, new = rates
    line = recording_of(offset + slope * np.arange(5 * old) / old, old)
    resampled = resample(line, new)
    expected = offset + slope * np.arange(resampled.n_samples) / new
    np.testing.assert_allclose(resampled.signal[0], expected, atol=1e-4)


@pytest.mark.parametrize(("old", "new"), RATES)
def test_a_constant_offset_is_kept_at_the_ends(old: float, new: float) -> None:
    resampled = resample(recording_of(np.full(round(4 * old), 2.0), old), new)
    # 0.07 %: the filter's phases differ by as much; zeros beyond the ends would cost 40 %.
    np.testing.assert_allclose(resampled.signal, 2.0, rtol=1e-3)


@pytest.mark.parametrize(("old", "new"), RATES)
@pytest.mark.parametrize("frequency", [1.0, 7.0, 17.0])
def test_a_sine_in_the_band_is_the_analytic_sine_at_the_new_rate(
    old: float, new: float, frequency: float
) -> None:
    resampled = resample(recording_of(sine(frequency, old), old), new)
    assert resampled.fs == new
    expected = np.sin(2 * np.pi * frequency * np.arange(resampled.n_samples) / new)
    inner = slice(round(new / 2), -round(new / 2))
    np.testing.assert_allclose(resampled.signal[0, inner], expected[inner], atol=0.01)


@pytest.mark.parametrize(("old", "new"), [(500.0, 100.0), (1000.0, 500.0), (500.0, 50.0)])
def test_a_sine_above_the_new_nyquist_frequency_is_removed(old: float, new: float) -> None:
    resampled = resample(recording_of(sine(0.7 * new, old), old), new)
    inner = resampled.signal[0, round(new) : -round(new)]
    assert np.abs(inner).max() < 0.02


@pytest.mark.parametrize(("old", "new"), RATES)
def test_the_length_is_that_of_the_duration(old: float, new: float) -> None:
    resampled = resample(make_recording(old, 10.0), new)
    assert resampled.n_samples == pytest.approx(10 * new, abs=1)


@pytest.mark.parametrize(("old", "new"), RATES[:4])
def test_the_fft_method_is_scipys(old: float, new: float) -> None:
    recording = make_recording(old, 4.0)
    expected = scipy.signal.resample(recording.signal, round(4 * new), axis=-1)
    assert np.array_equal(resample(recording, new, "fft").signal, expected.astype(np.float32))


@pytest.mark.parametrize("method", ["polyphase", "fft"])
def test_a_gap_stays_a_gap_and_spoils_nothing_around_it(method: str) -> None:
    signal = np.array(make_recording(500, 4.0).signal)
    signal[2, 800:1000] = np.nan
    whole = recording_with(np.nan_to_num(signal, nan=0.0))
    resampled = resample(recording_with(signal), 100, method)  # type: ignore[arg-type]
    missing = np.isnan(resampled.signal)
    assert np.array_equal(np.flatnonzero(missing[2]), np.arange(160, 200))
    others = np.arange(12) != 2
    assert np.array_equal(
        resampled.signal[others], resample(whole, 100, method).signal[others]  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_gap_in_a_constant_leaves_the_rest_constant() -> None:
    signal = np.full((1, 2000), 3.0)
    signal[0, 700:900] = np.nan
    resampled = resample(recording_of(signal[0], 500), 125)
    recorded = resampled.signal[~np.isnan(resampled.signal)]
    np.testing.assert_allclose(recorded, 3.0, atol=1e-3)


@pytest.mark.parametrize("method", ["polyphase", "fft"])
def test_a_lead_without_any_sample_stays_missing(method: str) -> None:
    signal = np.array(make_recording(500, 1.0).signal)
    signal[4] = np.nan
    resampled = resample(recording_with(signal), 100, method)  # type: ignore[arg-type]
    assert resampled.lead_mask.tolist() == [i != 4 for i in range(12)]


def recording_with(signal: np.ndarray) -> Recording:
    return replace(make_recording(500, signal.shape[1] / 500), signal=signal)


def test_the_same_rate_gives_the_recording_itself() -> None:
    recording = make_recording()
    assert resample(recording, 500) is recording


def test_a_batch_is_resampled_as_its_recordings_are() -> None:
    signals = np.stack([make_recording(500, 1.0, seed).signal for seed in range(3)])
    batch = resample_array(signals, Fraction(1, 5))
    for signal, row in zip(signals, batch, strict=True):
        np.testing.assert_allclose(row, resample_array(signal, Fraction(1, 5)), atol=1e-6)


@pytest.mark.parametrize("fs", [0.0, -100.0, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_is_refused_with_its_value(fs: float) -> None:
    with pytest.raises(SignalError, match=f"cannot resample to {fs} Hz"):
        resample(make_recording(), fs)


def test_a_recording_that_would_have_no_sample_left_is_refused() -> None:
    with pytest.raises(SignalError, match="R00000: its 500 samples at 1e"):
        resample(replace(make_recording(500, 1.0), fs=1e30), 500)


def test_an_unknown_method_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(
        ConfigError, match="resampling method 'cubic': allowed values are polyphase"
    ):
        resample_array.__wrapped__(np.zeros((1, 10)), Fraction(1, 2), "cubic")  # type: ignore[attr-defined]
