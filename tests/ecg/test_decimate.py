"""Decimation: what SciPy's polyphase filter gives, for every length and factor."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from leadlens.ecg.decimate import decimate
from leadlens.ecg.resample import resample_array


def wandering(n_samples: int, seed: int, dtype: type = np.float64) -> np.ndarray:
    """Return three leads that drift far from 0."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((3, n_samples)).cumsum(axis=1) + 5.0).astype(dtype)


@settings(max_examples=150, deadline=None)
@given(
    n_samples=st.integers(2, 3000),
    factor=st.integers(2, 40),
    seed=st.integers(0, 99),
)
def test_it_is_what_scipy_gives_for_every_length_and_factor(
    n_samples: int, factor: int, seed: int
) -> None:
    signal = wandering(n_samples, seed)
    expected = resample_poly(signal, 1, factor, axis=-1, padtype="line")
    np.testing.assert_allclose(decimate(signal, factor), expected, rtol=1e-9, atol=1e-9)


def test_float32_is_nearer_to_the_exact_result_than_scipys_own() -> None:
    signal = wandering(5000, 1, np.float32)
    exact = resample_poly(signal.astype(np.float64), 1, 5, axis=-1, padtype="line")
    ours = decimate(signal, 5)
    scipys = resample_poly(signal, 1, 5, axis=-1, padtype="line")
    assert ours.dtype == np.float32
    assert np.abs(ours - exact).max() <= np.abs(scipys - exact).max()


@pytest.mark.parametrize("shape", [(5000,), (12, 5000), (4, 12, 5000)])
def test_only_the_last_axis_is_decimated(shape: tuple[int, ...]) -> None:
    signal = np.random.default_rng(0).standard_normal(shape)
    expected = resample_poly(signal, 1, 5, axis=-1, padtype="line")
    np.testing.assert_allclose(decimate(signal, 5), expected, rtol=1e-9, atol=1e-9)


def test_a_lead_comes_out_the_same_alone_and_among_others() -> None:
    signal = wandering(5000, 2, np.float32)
    together = resample_array(signal, Fraction(1, 5))
    for lead, row in zip(together, signal, strict=True):
        assert np.array_equal(lead, resample_array(row, Fraction(1, 5)))


def test_a_straight_line_stays_one_to_its_ends() -> None:
    line = np.linspace(-3.0, 7.0, 1001)
    np.testing.assert_allclose(decimate(line, 5), line[::5], atol=1e-9)


def test_what_the_new_rate_cannot_carry_is_gone() -> None:
    times = np.arange(5000) / 500.0
    slow, fast = np.sin(2 * np.pi * 5 * times), np.sin(2 * np.pi * 80 * times)
    middle = slice(50, -50)
    np.testing.assert_allclose(decimate(slow, 5)[middle], slow[::5][middle], atol=2e-3)
    assert np.abs(decimate(fast, 5)[middle]).max() < 2e-3
