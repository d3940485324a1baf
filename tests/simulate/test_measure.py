"""Measures and torso on their own: thresholds, the axis, QRS limits, lead fields, flutter."""

import numpy as np
import pytest

from leadlens.ecg.leads import STANDARD_LEADS, limb_lead_residual
from leadlens.simulate.measure import VELOCITY_SHARE, Measures, axis_of, criteria, qrs_limits
from leadlens.simulate.streams import Streams
from leadlens.simulate.torso import calibration, draw_lead_fields, standard, twelve_leads

IDEAL = np.zeros((1, 8, 3))
IDEAL[0, 0, 0] = 1.0  # I sees x; II sees the projection on 60 degrees
IDEAL[0, 1, :2] = [0.5, np.sqrt(3) / 2]


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
        "r_peak_time": np.full((1, 12), 0.04),
        "late_v1": np.zeros(1),
        "late_v2": np.zeros(1),
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
        ("RAD", "axis", (), -170.0, -99.0),
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


@pytest.mark.parametrize(
    ("name", "measure", "leads"),
    [("QAb", "q_duration", ("II",)), ("QAb", "q_duration", ("II", "V6")),
     ("TInv", "t_wave", ("V4",)), ("TAb", "t_wave", ("V5", "V1"))],
)  # fmt: skip
def test_one_lead_or_two_that_are_no_neighbours_are_not_enough(
    name: str, measure: str, leads: tuple[str, ...]
) -> None:
    value = 0.05 if measure == "q_duration" else -0.5
    assert not criteria(measures_with(measure, value, leads))[name].any()


def test_slack_admits_what_nearly_meets_a_criterion_and_refuses_what_barely_does() -> None:
    near, bare = measures_with("limb_voltage", 0.53), measures_with("limb_voltage", 0.47)
    assert [bool(criteria(near, slack)["LQRSV"][0]) for slack in (-0.1, 0.0, 0.1)] == [0, 0, 1]
    assert [bool(criteria(bare, slack)["LQRSV"][0]) for slack in (-0.1, 0.0, 0.1)] == [0, 1, 1]


def test_the_axis_of_a_dipole_is_its_direction_in_an_ideal_torso() -> None:
    for degrees in (-170.0, -75.0, -30.0, 0.0, 60.0, 120.0):
        angle = np.radians(degrees)
        vector = np.array([[[np.cos(angle), np.sin(angle), 0.7]]])
        np.testing.assert_allclose(axis_of(IDEAL, vector, np.full((1, 1), 0.02)), degrees, atol=0.2)


def test_qrs_limits_are_where_the_spatial_velocity_passes_its_share_of_the_peak() -> None:
    rng = np.random.default_rng(0)
    centre = 0.02 + 0.008 * np.arange(8)[None] + rng.uniform(0, 0.003, (20, 8))
    width, qrs = rng.uniform(0.006, 0.012, (20, 8)), rng.normal(size=(20, 8, 3))
    field = rng.normal(size=(20, 8, 3))
    begin, end = qrs_limits(field, centre, width, qrs)
    times = np.arange(-0.036, 0.2, 0.0002)
    waves = np.exp(-0.5 * ((times - centre[:, :, None]) / width[:, :, None]) ** 2)
    leads = field @ np.einsum("nwx,nwt->nxt", qrs, waves)
    speed = np.linalg.norm(np.gradient(leads, times, axis=2), axis=1)
    for row in range(20):
        above = times[speed[row] > VELOCITY_SHARE * speed[row].max()]
        np.testing.assert_allclose([begin[row], end[row]], above[[0, -1]], atol=0.0015)


def test_lead_fields_scatter_around_the_calibration() -> None:
    fields = draw_lead_fields(Streams(0, np.arange(4000)))
    np.testing.assert_allclose(fields.mean(axis=0), calibration().lead_field_mean, atol=0.05)
    assert fields.std(axis=0).min() > 0.03


def test_twelve_leads_obey_the_limb_lead_equations_bit_by_bit() -> None:
    eight = np.random.default_rng(1).normal(size=(8, 3000)).astype(np.float32)
    leads = twelve_leads(eight)
    one, two, three, avr, avl, avf = leads[:6]
    half = np.float32(0.5)
    assert np.array_equal(leads[[0, 1, *range(6, 12)]], eight)
    assert np.array_equal(three, two - one)
    assert np.array_equal(avr, -half * (one + two))
    assert np.array_equal(avl, one - half * two)
    assert np.array_equal(avf, two - half * one)
    assert limb_lead_residual(leads) < 1e-6
    np.testing.assert_allclose(standard(eight.T.astype(float)).T, leads, atol=1e-6)
