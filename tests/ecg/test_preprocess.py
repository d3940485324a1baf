"""Scales: statistics without missing samples, flat leads, and units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.ecg.preprocess import NORMALISATIONS, apply_scale, check_units, scale_of
from leadlens.errors import ConfigError


def signals(seed: int = 0, n_samples: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (3, 4, n_samples)
    return (rng.normal(size=shape) * rng.uniform(0.1, 5, (3, 4, 1)) + 2).astype(np.float32)


@given(seed=st.integers(0, 1000), part=st.floats(0, 0.9))
def test_lead_zscore_takes_mean_and_spread_of_the_recorded_samples_alone(
    seed: int, part: float
) -> None:
    signal = signals(seed)
    missing = np.random.default_rng(seed).random(signal.shape) < part
    signal[missing] = np.nan
    scale = scale_of(signal, "lead_zscore")
    expected = np.nanmean(signal.astype(float), axis=2)
    np.testing.assert_allclose(scale.offset[..., 0], expected, rtol=1e-4, atol=1e-5)
    spread = np.nanstd(signal.astype(float), axis=2)
    np.testing.assert_allclose(1 / scale.gain[..., 0], spread, rtol=1e-4)


def test_lead_zscore_gives_each_lead_mean_0_and_spread_1() -> None:
    scaled = apply_scale(signals(), scale_of(signals(), "lead_zscore"))
    np.testing.assert_allclose(scaled.mean(axis=2), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=2), 1, rtol=1e-4)


@pytest.mark.parametrize("level", [0.0, 2.5, 0.001])
def test_a_flat_lead_becomes_zeros_not_noise(level: float) -> None:
    signal = signals()
    noise = np.random.default_rng(1).normal(0, 1e-5, signal.shape[-1])
    signal[0, 1] = level + noise
    assert not apply_scale(signal, scale_of(signal, "lead_zscore"))[0, 1].any()


@pytest.mark.parametrize("method", NORMALISATIONS)
def test_missing_samples_become_zeros(method: str) -> None:
    signal = signals()
    signal[1, 2, 50:80] = np.nan
    signal[2] = np.nan
    scaled = apply_scale(signal, scale_of(signal, method))  # type: ignore[arg-type]
    assert not scaled[1, 2, 50:80].any()
    assert not scaled[2].any()
    assert np.isfinite(scaled).all()


@pytest.mark.parametrize(("method", "factor"), [("microvolt", 1000.0), ("millivolt", 1.0)])
def test_voltage_scales_keep_offset_and_amplitude(method: str, factor: float) -> None:
    scaled = apply_scale(signals(), scale_of(signals(), method))  # type: ignore[arg-type]
    np.testing.assert_allclose(scaled, signals() * factor, rtol=1e-6)


def test_a_frozen_scale_maps_a_masked_signal_as_it_mapped_the_whole() -> None:
    signal = signals()
    scale = scale_of(signal, "lead_zscore")
    masked = signal.copy()
    masked[:, :, :100] = np.nan
    whole, part = apply_scale(signal, scale), apply_scale(masked, scale)
    assert np.array_equal(whole[:, :, 100:], part[:, :, 100:])


def test_an_unknown_normalisation_is_refused_with_the_allowed_ones() -> None:
    unchecked = scale_of.__wrapped__  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"normalisation 'minmax': allowed values are microvolt"):
        unchecked(signals(), "minmax")


@pytest.mark.parametrize("method", ["microvolt", "millivolt"])
def test_a_voltage_scale_refuses_relative_units(method: str) -> None:
    with pytest.raises(ConfigError, match=f"'{method}' needs millivolts"):
        check_units(method, {"mV", "relative"})  # type: ignore[arg-type]


def test_lead_zscore_takes_any_units_and_millivolts_take_any_scale() -> None:
    check_units("lead_zscore", {"mV", "relative"})
    check_units("microvolt", {"mV"})
