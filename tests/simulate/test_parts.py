"""Waves, torso and artefacts on their own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.ecg.leads import STANDARD_LEADS, limb_lead_residual
from leadlens.simulate.artefacts import draw_noise, leads_from_electrodes
from leadlens.simulate.conditions import EXCLUDES, RHYTHMS, are_exclusive, draw_plan
from leadlens.simulate.measure import Measures, axis_of, criteria
from leadlens.simulate.torso import calibration, draw_lead_fields, twelve_leads
from leadlens.simulate.waves import Components, flutter_waves, render

ONE = np.ones(1)


def one_wave(centre: float, rise: float, fall: float) -> Components:
    return Components(centre * ONE, rise * ONE, fall * ONE, np.array([[1.0, -2.0, 0.5]]))


@given(
    centre=st.floats(1.0, 2.0),
    rise=st.floats(0.01, 0.08),
    fall=st.floats(0.01, 0.08),
    fs=st.sampled_from([200.0, 257.0, 500.0, 1000.0]),
)
@settings(max_examples=40, deadline=None)
def test_a_wave_keeps_its_area_at_every_rate(
    centre: float, rise: float, fall: float, fs: float
) -> None:
    signal = render(one_wave(centre, rise, fall), fs, int(3 * fs))
    area = np.sqrt(np.pi / 2) * (rise + fall)
    np.testing.assert_allclose(signal.sum(axis=1) / fs, area * np.array([1, -2, 0.5]), rtol=0.02)


def test_waves_add_up_and_those_outside_the_recording_leave_no_trace() -> None:
    inside, outside = one_wave(1.0, 0.02, 0.04), one_wave(-0.9, 0.02, 0.04)
    both = Components(
        *(np.concatenate([getattr(w, f) for w in (inside, inside, outside)]) for f in
          ("centre", "rise", "fall", "vector"))
    )  # fmt: skip
    np.testing.assert_allclose(
        render(both, 500.0, 1000), 2 * render(inside, 500.0, 1000), atol=1e-12
    )


@given(offset=st.floats(-5.0, 5.0), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_potential_common_to_all_electrodes_is_in_no_lead(offset: float, seed: int) -> None:
    potentials = np.random.default_rng(seed).standard_normal((9, 20))
    np.testing.assert_allclose(
        leads_from_electrodes(potentials + offset), leads_from_electrodes(potentials), atol=1e-12
    )


def test_noise_at_the_left_arm_is_in_lead_one_and_a_third_of_it_in_the_chest_leads() -> None:
    potentials = np.zeros((9, 1))
    potentials[1] = 0.3
    np.testing.assert_allclose(leads_from_electrodes(potentials)[:, 0], [0.3, 0] + [-0.1] * 6)


def test_noise_has_the_measured_level_whatever_the_rate() -> None:
    for fs in (200.0, 500.0):
        spreads = [
            np.std(draw_noise(np.random.default_rng(seed), fs, int(10 * fs)), axis=1)
            for seed in range(40)
        ]
        assert 0.02 < np.median(spreads) < 0.09


def test_noise_between_the_beats_has_the_measured_level() -> None:
    spreads = []
    for seed in range(40):
        noise = draw_noise(np.random.default_rng(seed), 500.0, 5000)
        spectrum = np.fft.rfft(noise, axis=1)
        spectrum[:, np.fft.rfftfreq(5000, 1 / 500) < 1.0] = 0.0
        spreads.append(np.std(np.fft.irfft(spectrum, axis=1), axis=1))
    assert 0.007 < np.median(spreads) < 0.025


def test_broadband_noise_differs_between_recordings_and_keeps_the_limb_equations() -> None:
    noise = [draw_noise(np.random.default_rng(seed), 250.0, 2500) for seed in (0, 1)]
    assert not np.allclose(noise[0], noise[1])
    assert limb_lead_residual(twelve_leads(noise[0])) < 1e-6


def test_lead_fields_scatter_around_the_calibration() -> None:
    fields = draw_lead_fields(np.random.default_rng(0), 4000)
    np.testing.assert_allclose(fields.mean(axis=0), calibration().lead_field_mean, atol=0.05)
    assert fields.std(axis=0).min() > 0.03


def test_the_axis_of_a_dipole_is_its_direction_in_an_ideal_torso() -> None:
    field = np.zeros((1, 8, 3))
    field[0, 0, 0] = 1.0  # I sees x; II sees the projection on 60 degrees
    field[0, 1, :2] = [0.5, np.sqrt(3) / 2]
    for degrees in (-75.0, -30.0, 0.0, 60.0, 120.0):
        angle = np.radians(degrees)
        vector = np.array([[[np.cos(angle), np.sin(angle), 0.7]]])
        np.testing.assert_allclose(axis_of(field, vector, 0.02 * ONE), degrees, atol=1e-9)


def test_flutter_waves_repeat_with_their_cycle_and_never_rest() -> None:
    times = np.arange(2000) / 500.0
    waves = flutter_waves(np.random.default_rng(0), times, 0.2)
    np.testing.assert_allclose(waves[:, :-100], waves[:, 100:], atol=1e-9)
    slope = np.abs(np.diff(waves[1]))
    assert (slope < 0.02 * slope.max()).mean() < 0.15


def test_plans_respect_every_exclusion() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3000):
        plan = draw_plan(rng, "balanced")
        names = [plan.rhythm, *plan.findings]
        assert not any(are_exclusive(one, other) for one in names for other in names)


def test_exclusion_has_no_direction() -> None:
    for one, others in EXCLUDES.items():
        for other in others:
            assert are_exclusive(one, other)
            assert are_exclusive(other, one)
            assert other in EXCLUDES or other in RHYTHMS


def measures_with(changed: str, value: float, leads: tuple[str, ...] = ()) -> Measures:
    """Return the measures of one normal beat with one of them changed, in `leads` if it has any."""
    table = {
        "axis": np.array([40.0]),
        "limb_voltage": np.array([1.2]),
        "chest_voltage": np.array([2.0]),
        "r_wave": np.full((1, 12), 0.9),
        "s_wave": np.full((1, 12), -0.3),
        "q_duration": np.zeros((1, 12)),
        "q_depth": np.full((1, 12), 0.15),
        "late_v1": np.zeros(1),
        "t_wave": np.full((1, 12), 0.3),
    }
    rows = [STANDARD_LEADS.index(lead) for lead in leads]
    table[changed][..., rows if leads else 0] = value
    return Measures(**table, is_qs=np.zeros((1, 12), dtype=bool))


@pytest.mark.parametrize(
    ("name", "measure", "leads", "met", "not_met"),
    [
        ("LAD", "axis", (), -30.5, -29.5),
        ("RAD", "axis", (), 90.5, 89.5),
        ("LQRSV", "limb_voltage", (), 0.49, 0.51),
        ("LQRSV", "chest_voltage", (), 0.99, 1.01),
        ("PRWP", "r_wave", ("V3",), 0.29, 0.31),
        ("QAb", "q_duration", ("II", "aVF"), 0.030, 0.028),
        ("QAb", "q_duration", ("V2", "V3"), 0.020, 0.018),
        ("TInv", "t_wave", ("V4", "V5"), -0.11, -0.09),
        ("TAb", "t_wave", ("V5", "V6"), 0.08, 0.10),
    ],
)
def test_a_criterion_is_met_beyond_its_threshold_only(
    name: str, measure: str, leads: tuple[str, ...], met: float, not_met: float
) -> None:
    assert criteria(measures_with(measure, met, leads))[name].all()
    assert not criteria(measures_with(measure, not_met, leads))[name].any()
    assert criteria(measures_with(measure, not_met, leads), 0.8)[name].all()
