"""Conditioning of the lead groups, against NumPy's condition number."""

import numpy as np
import pytest
from plain_settings import plain_settings

from leadlens.ecg.leads import LIMB_FROM_I_II, STANDARD_LEADS
from leadlens.explain.conditioning import conditioning
from leadlens.explain.players import Players, make_players


def players(groups: str, n_samples: int = 4000) -> Players:
    settings = plain_settings(**{"lead_groups": groups, "pieces": "whole"})
    return make_players(STANDARD_LEADS, n_samples, "mV", settings)


def ecg(seed: int = 0, shared: float = 0.0, n_samples: int = 4000) -> np.ndarray:
    """Return twelve leads whose eight independent ones share a part of their signal."""
    rng = np.random.default_rng(seed)
    eight = rng.normal(size=(8, n_samples)) + shared * rng.normal(size=n_samples)
    return np.concatenate([LIMB_FROM_I_II @ eight[:2], eight[2:]])


def rows_of(signal: np.ndarray, of: Players) -> np.ndarray:
    return signal[[STANDARD_LEADS.index(row) for row in of.rows]]


@pytest.mark.parametrize("shared", [0.0, 1.0, 10.0])
def test_single_leads_have_the_condition_number_of_their_correlation_matrix(shared: float) -> None:
    of = players("independent")
    rows = rows_of(ecg(shared=shared), of)
    assert conditioning(rows, of) == pytest.approx(np.linalg.cond(np.corrcoef(rows)), rel=1e-6)


def test_leads_that_have_nothing_in_common_are_near_one() -> None:
    for groups in ("frontal_and_chest", "frontal_or_chest", "independent"):
        of = players(groups)
        assert 1.0 <= conditioning(rows_of(ecg(), of), of) < 1.3


def test_the_six_limb_leads_are_no_redundancy_within_one_group() -> None:
    signal = ecg(shared=1.0)
    frontal, independent = players("frontal_or_chest"), players("independent")
    value = conditioning(rows_of(signal, frontal), frontal)
    assert value < conditioning(rows_of(signal, independent), independent)
    assert np.isfinite(value)


def test_the_rounding_of_a_recorder_makes_no_new_directions() -> None:
    of = players("frontal_or_chest")
    signal = ecg(shared=1.0)
    exact = conditioning(rows_of(signal, of), of)
    rounded = conditioning(rows_of(np.round(signal, 3), of), of)
    assert rounded == pytest.approx(exact, rel=0.01)


def test_flat_leads_say_nothing_of_each_other() -> None:
    of = players("frontal_and_chest")
    signal = ecg(shared=1.0)
    without = signal.copy()
    without[6], without[7] = np.nan, np.nan
    signal[6], signal[7] = 0.3, -0.7
    expected = conditioning(rows_of(without, of), of)
    assert conditioning(rows_of(signal, of), of) == pytest.approx(expected, rel=1e-6)


def test_displayed_limb_leads_are_sums_of_each_other() -> None:
    of = players("displayed")
    assert conditioning(rows_of(ecg(), of), of) == float("inf")


def test_units_and_offsets_do_not_matter() -> None:
    of = players("frontal_and_chest")
    signal = ecg(shared=2.0)
    moved = signal.copy()
    moved[6:] = 1000 * signal[6:] + 5.0
    assert conditioning(rows_of(moved, of), of) == pytest.approx(
        conditioning(rows_of(signal, of), of), rel=1e-6
    )


def test_missing_leads_and_samples_do_not_count() -> None:
    of = players("frontal_and_chest")
    signal = ecg(shared=2.0)
    signal[8] = np.nan
    signal[:, :100] = np.nan
    value = conditioning(rows_of(signal, of), of)
    assert 1.0 < value < 100.0
    assert conditioning(np.full((12, 4000), np.nan), of) == 1.0
