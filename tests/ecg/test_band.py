"""Bands of frequencies."""

import numpy as np
import pytest
from pydantic import ValidationError

from leadlens.ecg.band import Band, limit_band
from leadlens.errors import ConfigError

FS = 500.0
TIMES = np.arange(5000) / FS


def wave(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * TIMES + 0.3)


def kept(hertz: float, band: Band) -> float:
    """Return the share of a sine's amplitude that is left."""
    middle = slice(1000, -1000)
    limited = limit_band(wave(hertz)[None], FS, band)[0]
    return float(np.sqrt(2 * np.mean(limited[middle] ** 2)))


@pytest.mark.parametrize(
    ("band", "inside", "outside", "limit"),
    [
        (Band(lowpass=37.5), (1.0, 15.0, 25.0), (60.0, 100.0), 37.5),
        (Band(highpass=0.5), (1.0, 10.0, 100.0), (0.1, 0.2), 0.5),
    ],
)
def test_what_is_inside_a_band_stays_and_what_is_outside_goes(
    band: Band, inside: tuple[float, ...], outside: tuple[float, ...], limit: float
) -> None:
    assert all(kept(hertz, band) == pytest.approx(1, abs=0.05) for hertz in inside)
    assert all(kept(hertz, band) < 0.05 for hertz in outside)
    assert kept(limit, band) == pytest.approx(0.5, abs=0.03)


def test_both_limits_hold_together() -> None:
    band = Band(highpass=1.0, lowpass=40.0)
    assert kept(10.0, band) == pytest.approx(1, abs=0.02)
    assert max(kept(0.2, band), kept(80.0, band)) < 0.02


def test_a_wave_stays_where_it_is() -> None:
    limited = limit_band(wave(5.0)[None], FS, Band(highpass=0.5, lowpass=40.0))[0]
    np.testing.assert_allclose(limited[1000:-1000], wave(5.0)[1000:-1000], atol=0.02)


def test_missing_samples_stay_missing_and_harm_no_others() -> None:
    signal = np.tile(wave(5.0), (2, 1)).astype(np.float32)
    signal[0, 2000:2500] = np.nan
    signal[1] = np.nan
    limited = limit_band(signal, FS, Band(lowpass=40.0))
    assert (np.isnan(limited) == np.isnan(signal)).all()
    np.testing.assert_allclose(limited[0, 500:1500], signal[0, 500:1500], atol=0.02)
    assert limited.dtype == np.float32


def test_a_band_without_limits_changes_nothing_and_a_short_signal_can_be_limited() -> None:
    signal = wave(5.0)[None]
    assert limit_band(signal, FS, Band()) is signal
    assert limit_band(signal[:, :20], FS, Band(highpass=0.5)).shape == (1, 20)


def test_a_band_that_holds_nothing_or_that_a_rate_has_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="holds nothing"):
        Band(highpass=40.0, lowpass=1.0)
    with pytest.raises(ConfigError, match=r"lowpass 37\.5 Hz: at 75 Hz .* below 37\.5 Hz"):
        limit_band(wave(5.0)[None], 75.0, Band(lowpass=37.5))
