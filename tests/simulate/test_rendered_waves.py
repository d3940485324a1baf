"""Waves: what is rendered against a plain sum of Gaussians."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.simulate.waves import BatchWaves, Waves, add_waves


def plain_sum(waves: Waves, fs: float, n: int, low_pass: float = 0.0) -> np.ndarray:
    """Return (channel, time): every Gaussian over the whole recording, in double precision."""
    times = np.arange(n) / fs
    blur = low_pass**2 + (0.3 / fs) ** 2
    total = np.zeros((waves.vector.shape[2], n))
    for beat, onset in enumerate(waves.onset):
        for wave in range(waves.centre.shape[1]):
            rise, fall = waves.rise[beat, wave], waves.fall[beat, wave]
            rise_to, fall_to = np.hypot(rise, np.sqrt(blur)), np.hypot(fall, np.sqrt(blur))
            distance = times - onset - waves.centre[beat, wave]
            side = np.where(distance < 0, rise_to, fall_to)
            height = waves.vector[beat, wave] * (rise + fall) / (rise_to + fall_to)
            total += height[:, None] * np.exp(-0.5 * (distance / side) ** 2)
    return total


def random_waves(seed: int, n_beats: int = 5, n_waves: int = 3, n_channels: int = 3) -> Waves:
    rng = np.random.default_rng(seed)
    shape = (n_beats, n_waves)
    return Waves(
        onset=np.sort(rng.uniform(-0.6, 4.4, n_beats)),
        centre=rng.uniform(-0.1, 0.4, shape),
        rise=rng.uniform(0.006, 0.12, shape),
        fall=rng.uniform(0.006, 0.12, shape),
        vector=rng.normal(0.0, 1.0, (*shape, n_channels)),
    )


def rendered(waves: Waves, fs: float, n: int, low_pass: float = 0.0) -> np.ndarray:
    signal = np.zeros((waves.vector.shape[2], n), dtype=np.float32)
    add_waves(signal, waves, fs, low_pass)
    return signal


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    fs=st.sampled_from([200.0, 257.0, 360.0, 500.0, 1000.0]),
    low_pass=st.sampled_from([0.0, 0.0009, 0.0033]),
)
def test_rendered_waves_are_the_sum_of_gaussians_to_a_ten_thousandth_of_their_height(
    seed: int, fs: float, low_pass: float
) -> None:
    waves, n = random_waves(seed), int(4 * fs)
    height = np.abs(waves.vector).sum(axis=1).max()
    found, expected = rendered(waves, fs, n, low_pass), plain_sum(waves, fs, n, low_pass)
    # a wave is cut off at 4.2 widths, where it has 1.5e-4 of its height
    np.testing.assert_allclose(found, expected, atol=1.6e-4 * height)
    assert np.sqrt(np.mean((found - expected) ** 2)) < 1e-4 * height


def test_near_its_centre_a_wave_is_exact_to_float32() -> None:
    waves = Waves(np.array([1.0]), np.full((1, 1), 0.1), np.full((1, 1), 0.02),
                  np.full((1, 1), 0.05), np.full((1, 1, 2), 1.5))  # fmt: skip
    for fs in (250.0, 500.0):
        middle = slice(int(1.03 * fs), int(1.28 * fs))
        found, expected = rendered(waves, fs, int(2 * fs)), plain_sum(waves, fs, int(2 * fs))
        np.testing.assert_allclose(found[:, middle], expected[:, middle], atol=3e-6)


@settings(max_examples=40, deadline=None)
@given(
    rise=st.floats(0.01, 0.08),
    fall=st.floats(0.01, 0.08),
    fs=st.sampled_from([200.0, 257.0, 500.0]),
    low_pass=st.floats(0.0, 0.01),
)
def test_a_low_pass_keeps_the_area_and_lowers_the_peak(
    rise: float, fall: float, fs: float, low_pass: float
) -> None:
    one = np.ones((1, 1))
    waves = Waves(np.array([1.0]), 0.5 * one, rise * one, fall * one, np.array([[[1.0, -2.0]]]))
    sharp, smooth = rendered(waves, fs, int(3 * fs)), rendered(waves, fs, int(3 * fs), low_pass)
    area = np.sqrt(np.pi / 2) * (rise + fall) * np.array([1.0, -2.0])
    np.testing.assert_allclose(sharp.sum(axis=1) / fs, area, rtol=3e-3)
    np.testing.assert_allclose(smooth.sum(axis=1) / fs, area, rtol=3e-3)
    assert np.abs(smooth).max() <= np.abs(sharp).max() + 1e-3


def test_waves_add_to_what_is_there_and_those_outside_leave_no_trace() -> None:
    inside = random_waves(3)
    begun = np.random.default_rng(0).normal(size=(3, 2000)).astype(np.float32)
    signal = begun.copy()
    add_waves(signal, inside, 500.0, 0.0)
    np.testing.assert_allclose(signal - begun, rendered(inside, 500.0, 2000), atol=2e-6)
    for onset in (-30.0, 30.0):
        outside = Waves(np.full(5, onset), inside.centre, inside.rise, inside.fall, inside.vector)
        assert not rendered(outside, 500.0, 2000).any()
    nothing = Waves(*(a[:0] for a in (inside.onset, inside.centre, inside.rise, inside.fall,
                                      inside.vector)))  # fmt: skip
    assert not rendered(nothing, 500.0, 2000).any()


@pytest.mark.parametrize("cut", [0.02, 0.31, 1.999])
def test_a_wave_across_an_end_is_cut_and_not_moved(cut: float) -> None:
    waves = random_waves(5, n_beats=9)
    moved = Waves(waves.onset - cut, waves.centre, waves.rise, waves.fall, waves.vector)
    whole, part = rendered(waves, 1000.0, 4000), rendered(moved, 1000.0, 900)
    np.testing.assert_allclose(part, whole[:, round(cut * 1000) :][:, :900], atol=2e-3)


def test_a_recording_gets_its_own_beats_of_a_batch_and_only_waves_that_have_a_height() -> None:
    waves = random_waves(3, n_beats=5)
    waves.vector[2:, 1] = 0.0  # the second wave, in all beats of the last recording
    batch = BatchWaves(waves, np.array([0, 0, 2, 2, 2]), 3)
    first, none, last = batch.of(0), batch.of(1), batch.of(2)
    assert np.array_equal(first.onset, waves.onset[:2])
    assert np.array_equal(first.vector, waves.vector[:2])
    assert len(none.onset) == 0
    assert np.array_equal(last.onset, waves.onset[2:])
    for name in ("centre", "rise", "fall", "vector"):
        assert np.array_equal(getattr(last, name), getattr(waves, name)[2:, [0, 2]])
