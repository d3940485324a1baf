"""The lead x diagnosis map against NumPy and SciPy."""

import numpy as np
import pytest
from scipy import stats

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.explain.global_map import lead_map
from leadlens.explain.lime import Attribution
from leadlens.explain.players import make_players
from leadlens.explain.settings import ExplainSettings

CODES = ("164889003", "426783006", "59118001")
N_GROUPS = 7
PLAYERS = make_players(STANDARD_LEADS, 60, "mV", ExplainSettings(n_segments=1))


def attributions(importance: np.ndarray, r2: np.ndarray) -> list[Attribution]:
    """Return attributions with (recording, class, group) importance and (recording, class) R2."""
    nothing = np.zeros((len(CODES), N_GROUPS))
    return [
        Attribution(CODES, PLAYERS, nothing, nothing, values, nothing, fits, np.zeros(3), 16)
        for values, fits in zip(importance, r2, strict=True)
    ]


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.random((25, 3)) < 0.4
    return rng.normal(0.3, 1.0, (25, 3, N_GROUPS)), rng.random((25, 3)), labels


def test_a_cell_is_the_signed_mean_over_recordings_with_the_diagnosis(
    case: tuple[np.ndarray, ...],
) -> None:
    importance, r2, labels = case
    said = lead_map(attributions(importance, r2), labels)
    for column in range(3):
        chosen = labels[:, column]
        np.testing.assert_allclose(said.values[column], importance[chosen, column].mean(axis=0))
        assert said.r2[column] == pytest.approx(r2[chosen, column].mean())
    assert said.n_recordings == tuple(labels.sum(axis=0))
    assert (said.classes, said.groups) == (CODES, tuple(PLAYERS.groups))


def test_half_widths_are_those_of_the_t_interval(case: tuple[np.ndarray, ...]) -> None:
    importance, r2, labels = case
    said = lead_map(attributions(importance, r2), labels)
    for column in range(3):
        test = stats.ttest_1samp(importance[labels[:, column], column], 0.0)
        interval = test.confidence_interval(0.95)
        np.testing.assert_allclose(said.half_width[column], (interval.high - interval.low) / 2)


def test_a_diagnosis_that_no_recording_has_is_absent_not_zero(
    case: tuple[np.ndarray, ...],
) -> None:
    importance, r2, labels = case
    fewer = labels.copy()
    fewer[:, 1] = False
    said = lead_map(attributions(importance, r2), fewer)
    assert np.isnan(said.values[1]).all()
    assert np.isnan(said.half_width[1]).all()
    assert np.isnan(said.r2[1])
    assert said.n_recordings[1] == 0
    assert not np.isnan(said.values[[0, 2]]).any()


def test_a_single_recording_has_a_value_but_no_interval(case: tuple[np.ndarray, ...]) -> None:
    importance, r2, _ = case
    one = np.zeros((25, 3), bool)
    one[4] = True
    said = lead_map(attributions(importance, r2), one)
    np.testing.assert_array_equal(said.values, importance[4])
    assert np.isnan(said.half_width).all()


def test_the_absolute_map_is_the_mean_size_and_is_never_below_the_signed_one(
    case: tuple[np.ndarray, ...],
) -> None:
    importance, r2, labels = case
    items = attributions(importance, r2)
    absolute, signed = (lead_map(items, labels, kind).values for kind in ("absolute", "signed"))
    for column in range(3):
        sizes = np.abs(importance[labels[:, column], column])
        np.testing.assert_allclose(absolute[column], sizes.mean(axis=0))
    assert (absolute >= np.abs(signed) - 1e-12).all()


def test_noise_alone_gives_an_absolute_map_of_four_fifths_of_its_size() -> None:
    noise = np.random.default_rng(1).normal(size=(4000, 3, N_GROUPS))
    items = attributions(noise, np.ones((4000, 3)))
    everyone = np.ones((4000, 3), bool)
    np.testing.assert_allclose(
        lead_map(items, everyone, "absolute").values, np.sqrt(2 / np.pi), atol=0.05
    )
    np.testing.assert_allclose(lead_map(items, everyone).values, 0.0, atol=0.08)
