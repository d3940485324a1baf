"""Lead names, and the algebra of the six limb leads."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from leadlens.ecg.leads import (
    CHEST_LEADS,
    LIMB_LEADS,
    STANDARD_FROM_INDEPENDENT,
    STANDARD_LEADS,
    complete_limb_leads,
    lead_name,
    lead_set,
    limb_lead_residual,
)
from leadlens.errors import ConfigError, SignalError

_MILLIVOLTS = st.floats(-30, 30, width=32)
_ELECTRODES = hnp.arrays(
    np.float64, st.tuples(st.just(3), st.integers(1, 20)), elements=_MILLIVOLTS
)


def limb_leads(electrodes: np.ndarray) -> np.ndarray:
    """Return the six limb leads from the potentials of right arm, left arm and foot.

    Einthoven's and Goldberger's definitions, written out: independent of the matrix in the source.
    """
    right, left, foot = electrodes
    return np.stack([left - right, foot - right, foot - left, right - (left + foot) / 2,
                     left - (right + foot) / 2, foot - (right + left) / 2])  # fmt: skip


@pytest.mark.parametrize("pair", list(combinations(LIMB_LEADS, 2)), ids="-".join)
@given(electrodes=_ELECTRODES)
def test_any_two_limb_leads_give_the_other_four(
    pair: tuple[str, str], electrodes: np.ndarray
) -> None:
    true = limb_leads(electrodes)
    chosen = [LIMB_LEADS.index(name) for name in pair]
    np.testing.assert_allclose(complete_limb_leads(true[chosen], pair), true, atol=1e-9)


@given(electrodes=_ELECTRODES)
def test_true_limb_leads_leave_no_residual(electrodes: np.ndarray) -> None:
    signal = np.concatenate([limb_leads(electrodes), np.ones((6, electrodes.shape[1]))])
    assert limb_lead_residual(signal) == pytest.approx(0, abs=1e-9)


def test_the_residual_is_the_largest_deviation_and_skips_missing_samples() -> None:
    signal = np.zeros((2, 12, 5))
    signal[0, 3, 1] = 0.25
    signal[1, 4, 2] = np.nan
    assert limb_lead_residual(signal).tolist() == [0.25, 0.0]


def test_a_lead_that_is_given_is_kept_even_where_it_breaks_the_equations() -> None:
    signal = np.array([[1.0, 2.0], [3.0, 4.0], [50.0, 60.0]])
    completed = complete_limb_leads(signal, ("I", "II", "III"))
    assert completed[2].tolist() == [50.0, 60.0]


def test_a_lead_of_only_nan_counts_as_missing_and_is_computed() -> None:
    signal = np.array([[np.nan, np.nan], [1.0, 2.0], [4.0, 6.0]])
    assert complete_limb_leads(signal, ("I", "II", "III"))[0].tolist() == [-3.0, -4.0]


@pytest.mark.parametrize(("leads", "said"), [(("aVF", "V1"), "aVF given"), (("V1",), "none given")])
def test_fewer_than_two_limb_leads_are_refused_by_name(leads: tuple[str, ...], said: str) -> None:
    with pytest.raises(SignalError, match=said):
        complete_limb_leads(np.ones((len(leads), 3)), leads)


def test_the_standard_leads_follow_from_the_independent_ones() -> None:
    independent = np.random.default_rng(0).normal(size=(8, 10))
    standard = STANDARD_FROM_INDEPENDENT @ independent
    assert limb_lead_residual(standard) == pytest.approx(0, abs=1e-12)
    assert np.array_equal(standard[6:], independent[2:])


@pytest.mark.parametrize("name", STANDARD_LEADS)
@pytest.mark.parametrize(
    "spelling", ["{}", " {} ", "Lead {}", "lead_{}", "LEAD-{}", "lead{}"], ids=str
)
def test_a_lead_is_known_in_every_spelling(name: str, spelling: str) -> None:
    for text in (name, name.lower(), name.upper()):
        assert lead_name(spelling.format(text)) == name


@pytest.mark.parametrize("name", ["MLII", "V7", "-aVR", "lead -aVR", "", "lead", "aV", "I-II"])
def test_an_unknown_lead_keeps_its_name(name: str) -> None:
    assert lead_name(name) == name


def test_each_lead_set_holds_as_many_leads_as_its_name_says() -> None:
    for name in ("12", "6", "4", "3", "2"):
        assert len(lead_set(name)) == int(name)
        assert set(lead_set(name)) <= set(STANDARD_LEADS)
    assert lead_set("12") == LIMB_LEADS + CHEST_LEADS


def test_an_unknown_lead_set_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ConfigError, match=r"lead set '8': allowed values are 12, 6, 4, 3, 2"):
        lead_set("8")
