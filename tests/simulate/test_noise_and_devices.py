"""Noise and devices: levels, spectra and what leads share; filters, faults and lost leads."""

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np
import pytest
from programmes import batch_of, has

from leadlens.ecg.leads import STANDARD_LEADS, limb_lead_residual
from leadlens.simulate import Batch, render_all
from leadlens.simulate.cohort import clean_leads
from leadlens.simulate.devices import (
    DEVICE_NAMES,
    DEVICES,
    FAULTS,
    DeviceName,
    draw_devices,
    low_pass_width,
)
from leadlens.simulate.noise import NoiseDraws, draw_noise
from leadlens.simulate.streams import Streams
from leadlens.simulate.torso import twelve_leads

FS, N, ROWS = 500.0, 5000, 40
FREQUENCY = np.fft.rfftfreq(N, 1 / FS)
BANDS = ((0.7, 5), (5, 15), (15, 40), (40, 100), (100, 150))


@cache
def signals(**settings: object) -> np.ndarray:
    return render_all(batch_of(ROWS, **settings))


def noise_of(**settings: object) -> np.ndarray:
    """Return (recording, 12, time): recording less clean recording, mV."""
    clean = signals(**{**settings, "noise": "none"})
    return signals(**settings).astype(float) - clean


def level(noise: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return (recording, lead): root mean square between two frequencies, mains left out."""
    spectrum = np.fft.rfft(noise, axis=2)
    inside = (low <= FREQUENCY) & (high > FREQUENCY) & (FREQUENCY > 0)
    for mains in (50, 60):
        inside &= np.abs(FREQUENCY - mains) > 1.5
    return np.sqrt(2 * (np.abs(spectrum[:, :, inside]) ** 2).sum(axis=2)) / N


@pytest.mark.parametrize("device", DEVICE_NAMES)
def test_noise_has_the_levels_of_its_device_within_a_factor(device: str) -> None:
    noise, given = noise_of(device=device), DEVICES[device]
    wander = np.median(level(noise, 0, 0.7))
    # a high-pass of 0.5 Hz, which most devices have, takes most of it away
    assert (0.5 if device == "ptb-xl" else 0.1) * given.wander < wander < 1.5 * given.wander
    muscle = np.median(level(noise, 100, 200))
    assert 0.25 * given.muscle < muscle < 1.5 * given.muscle
    mains = np.abs(np.fft.rfft(noise, axis=2))[:, :, round(given.mains_hz * N / FS)]
    assert 0.5 * given.mains < np.median(mains) * np.sqrt(8) / N < 2 * given.mains
    assert 0.004 < np.median(level(noise, 1, 40)) < 0.04


def test_noisier_devices_are_noisier() -> None:
    muscle = {name: np.median(level(noise_of(device=name), 70, 150)) for name in DEVICE_NAMES}
    order = sorted(DEVICE_NAMES, key=lambda name: DEVICES[name].muscle)
    assert muscle[order[-1]] > 1.5 * muscle[order[0]]
    assert sorted(muscle.values())[-1] == muscle[order[-1]]


@pytest.mark.parametrize("device", ["ptb-xl", "ningbo"])
def test_noise_made_afresh_has_the_spectrum_of_the_bank(device: str) -> None:
    bank, fresh = (noise_of(device=device, noise=noise) for noise in ("bank", "fresh"))
    assert not np.isclose(bank, fresh, atol=1e-4).mean() > 0.2
    for low, high in BANDS:
        one, other = ((level(noise, low, high) ** 2).mean() for noise in (bank, fresh))
        assert abs(10 * np.log10(one / other)) < 2.0, (low, high)


def test_noise_differs_between_recordings_and_between_electrodes() -> None:
    noise = noise_of(device="chapman_shaoxing")
    among = np.corrcoef(noise[:, 6])[np.triu_indices(ROWS, 1)]
    assert np.abs(among).mean() < 0.2
    leads = np.array([np.corrcoef(one) for one in noise])
    # I and II share the right arm: half of the noise; chest leads share Wilson's terminal
    assert 0.3 < np.median(leads[:, 0, 1]) < 0.75
    assert 0.1 < np.median(leads[:, 6, 11]) < 0.65
    assert np.abs(np.median(leads[:, 0, 6:])) < 0.4


@pytest.mark.parametrize("noise", ["bank", "fresh"])
def test_noise_of_the_limb_leads_obeys_their_equations(noise: str) -> None:
    found = noise_of(device="ptb-xl", noise=noise)
    step = DEVICES["ptb-xl"].step
    assert np.abs(found).max() > 20 * step
    assert limb_lead_residual(found).max() <= step * 1.01


def test_without_noise_a_recording_is_the_clean_heart_behind_the_device() -> None:
    batch = batch_of(ROWS, noise="none")
    for row in range(12):
        clean = twelve_leads(clean_leads(batch, batch.programme, row))
        assert clean.tobytes() == signals(noise="none")[row].tobytes()


def with_corners(batch: Batch, **corners: float) -> Batch:
    """Return the batch as if recorded with another high-pass or low-pass."""
    full = {name: np.full(len(batch), value) for name, value in corners.items()}
    return replace(batch, devices=replace(batch.devices, **full))


def test_a_high_pass_takes_away_what_is_slower_and_nothing_above_two_hertz() -> None:
    batch = batch_of(ROWS, device="ptb-xl")
    open_, closed = (
        np.fft.rfft(render_all(with_corners(batch, high_pass=f)) * np.hanning(N), axis=2)
        for f in (0.05, 0.5)
    )
    slow = (FREQUENCY > 0) & (FREQUENCY < 0.25)
    near = (FREQUENCY > 0.44) & (FREQUENCY < 0.56)
    fast = (FREQUENCY > 2.0) & (FREQUENCY < 60.0)

    def kept(band: np.ndarray) -> float:
        power = [np.median((np.abs(s[:, :, band]) ** 2).sum(axis=2)) for s in (open_, closed)]
        return float(np.sqrt(power[1] / power[0]))

    assert kept(slow) < 0.3
    assert 0.3 < kept(near) < 0.8
    difference = np.abs(closed - open_)[:, :, fast].sum(axis=2)
    assert (difference < 0.03 * np.abs(open_)[:, :, fast].sum(axis=2)).all()
    below = with_corners(batch, high_pass=0.05), with_corners(batch, high_pass=0.01)
    assert render_all(below[0]).tobytes() == render_all(below[1]).tobytes()


def test_a_low_pass_takes_half_of_the_power_at_its_corner() -> None:
    for corner in (40.0, 100.0, 150.0):
        width = low_pass_width(corner)
        times = np.arange(-2000, 2001) / 20_000
        response = np.exp(-0.5 * (times / width) ** 2)
        gain = np.abs(np.sum(response * np.exp(-2j * np.pi * corner * times))) / response.sum()
        np.testing.assert_allclose(gain, np.sqrt(0.5), atol=1e-3)


def kept_by_40_hz(*, is_paced: bool) -> dict[tuple[int, int], float]:
    """Return how much of what 150 Hz lets pass 40 Hz also does, by frequency band."""
    batch = batch_of(ROWS, noise="none", device="ptb-xl")
    rows = has(batch, "PR") == is_paced
    sharp, smooth = (
        np.abs(np.fft.rfft(signal[rows] * np.hanning(N), axis=2))
        for signal in (render_all(with_corners(batch, low_pass=f)) for f in (150.0, 40.0))
    )
    kept = {}
    for low, high in ((1, 8), (38, 42), (70, 90)):
        band = (low < FREQUENCY) & (high > FREQUENCY)
        kept[low, high] = float(smooth[:, :, band].sum() / sharp[:, :, band].sum())
    return kept


@pytest.mark.parametrize(
    "is_paced",
    [False, True],
)  # fmt: skip
def test_a_low_pass_smooths_the_whole_signal(is_paced: bool) -> None:
    kept = kept_by_40_hz(is_paced=is_paced)
    assert 0.98 < kept[1, 8] < 1.001
    assert 0.65 < kept[38, 42] < 0.82
    assert 0.1 < kept[70, 90] < 0.4


def test_faults_are_as_often_as_asked_for_and_of_every_kind() -> None:
    streams = Streams(3, np.arange(4000))
    devices = draw_devices("mixed", 0.3, streams)
    kinds = Counter(devices.fault_name(row) for row in range(4000))
    assert set(kinds) == set(FAULTS)
    assert abs(kinds["none"] / 4000 - 0.7) < 0.03
    assert min(kinds[name] for name in FAULTS[1:]) > 0.7 * 1200 / 5
    is_off = devices.fault == FAULTS.index("lead off")
    assert (devices.lead_off[~is_off] == -1).all()
    assert (np.bincount(devices.lead_off[is_off], minlength=6) > 15).all()
    assert (draw_devices("mixed", 0.0, streams).fault == 0).all()


def test_a_fault_does_to_the_leads_what_its_electrodes_say() -> None:
    faulty = batch_of(80, noise="none", device="ptb-xl", faults=1.0)
    wrong, right = (render_all(batch_of(80, noise="none", device="ptb-xl", faults=f))
                    for f in (1.0, 0.0))  # fmt: skip
    place = STANDARD_LEADS.index
    seen: Counter[str] = Counter()
    for row in range(80):
        name = faulty.devices.fault_name(row)
        seen[name] += 1
        # I = LA - RA, II = LL - RA, III = LL - LA; Wilson's terminal is the mean of all three
        i, ii, iii, avr, avl, avf = right[row, :6]
        expected = right[row].copy()
        if name == "RA-LA swap":
            expected[:6] = [-i, iii, ii, avl, avr, avf]
        elif name == "LA-LL swap":
            expected[:6] = [ii, i, -iii, avr, avf, avl]
        elif name == "lead off":
            expected[6 + faulty.devices.lead_off[row]] = 0.0
        else:
            one, other = name.removesuffix(" swap").split("-")
            expected[[place(one), place(other)]] = expected[[place(other), place(one)]]
        np.testing.assert_allclose(wrong[row], expected, atol=3e-6, err_msg=name)
    assert set(seen) == set(FAULTS[1:])


def test_a_lead_that_is_off_records_nothing_not_even_noise() -> None:
    batch = batch_of(60, faults=1.0, device="ningbo")
    found = render_all(batch)
    for row in range(60):
        flat = np.flatnonzero(~found[row].any(axis=1)).tolist()
        off = int(batch.devices.lead_off[row])
        assert flat == ([] if off < 0 else [6 + off])
    assert (batch.devices.lead_off >= 0).any()


def test_mixed_devices_come_as_often_as_their_recordings_in_the_challenge() -> None:
    devices = draw_devices("mixed", 0.0, Streams(1, np.arange(20_000)))
    weight = np.array([DEVICES[name].weight for name in DEVICE_NAMES], dtype=float)
    found = np.bincount(devices.device, minlength=len(weight)) / 20_000
    np.testing.assert_allclose(found, weight / weight.sum(), atol=0.02)
    assert set(get_args(DeviceName)) == {"mixed", *DEVICE_NAMES}
    for number, name in enumerate(DEVICE_NAMES):
        rows = devices.device == number
        assert (devices.step[rows] == DEVICES[name].step).all()
        for corners, drawn in (
            (DEVICES[name].high_pass, devices.high_pass),
            (DEVICES[name].low_pass, devices.low_pass),
        ):
            for corner, share in corners:
                assert abs(np.mean(drawn[rows] == corner) - share) < 0.06


def test_wander_and_motion_are_drawn_at_electrodes_with_the_levels_of_the_device() -> None:
    streams = Streams(5, np.arange(3000))
    draws: NoiseDraws = draw_noise(draw_devices("ptb-xl", 0.0, streams), 10.0, streams)
    # waves of random phase: half of the squares of their amplitudes
    at_electrode = np.sqrt((draws.wander_mix**2).sum(axis=2) / 2)
    assert 0.6 < np.median(at_electrode) * np.sqrt(2) / DEVICES["ptb-xl"].wander < 1.5
    frequency = draws.wander_wave[:, 0]
    assert 0.04 < frequency.min() < frequency.max() < 0.7
    moved = draws.motion[:, 2] != 0
    assert 0.01 < moved.mean() < 0.06
    assert set(np.unique(draws.motion[moved, 3])) <= set(range(9))
