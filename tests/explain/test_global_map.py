"""The global map against NumPy and SciPy."""

import numpy as np
import pytest
from plain_settings import plain_settings
from scipy import stats

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.explain.attribution import Attribution, Summed
from leadlens.explain.global_map import Cells, GlobalMap, MapBuilder
from leadlens.explain.players import make_players
from leadlens.explain.sampling import choose

CODES = ("164889003", "426783006", "59118001")
N_GROUPS = 7
PLAYERS = make_players(STANDARD_LEADS, 60, "mV", plain_settings(pieces="whole"))
GROUPS = tuple(PLAYERS.groups)


def attributions(values: np.ndarray, r2: np.ndarray, error: float = 0.0) -> list[Attribution]:
    """Return attributions with (recording, class, group) values and (recording, class) R2."""
    errors = np.full((len(CODES), N_GROUPS), error)
    return [
        Attribution(
            CODES, PLAYERS, each, errors, {"lead": Summed(GROUPS, each, errors)}, fits,
            np.zeros(3), 16,
        )
        for each, fits in zip(values, r2, strict=True)
    ]  # fmt: skip


def map_of(
    items: list[Attribution], labels: np.ndarray, folds: list[str] | None = None
) -> GlobalMap:
    builder = MapBuilder(CODES, "lead", GROUPS)
    for number, item in enumerate(items):
        fold = folds[number] if folds else ""
        builder.add(item, {"with it": labels[number]}, fold)
    return builder.finish()


def cells_of(items: list[Attribution], labels: np.ndarray) -> Cells:
    return map_of(items, labels).all_with


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.random((25, 3)) < 0.4
    return rng.normal(0.3, 1.0, (25, 3, N_GROUPS)), rng.random((25, 3)), labels


def test_a_cell_is_the_signed_mean_over_recordings_with_the_diagnosis(
    case: tuple[np.ndarray, ...],
) -> None:
    values, r2, labels = case
    said = map_of(attributions(values, r2), labels)
    for column in range(3):
        chosen = labels[:, column]
        expected = values[chosen, column].mean(axis=0)
        np.testing.assert_allclose(said.all_with.values[column], expected)
        assert said.all_with.r2[column] == pytest.approx(r2[chosen, column].mean())
    assert said.all_with.n_recordings.tolist() == labels.sum(axis=0).tolist()
    assert (said.classes, said.names) == (CODES, GROUPS)


def test_half_widths_are_those_of_the_t_interval(case: tuple[np.ndarray, ...]) -> None:
    values, r2, labels = case
    said = cells_of(attributions(values, r2), labels)
    for column in range(3):
        test = stats.ttest_1samp(values[labels[:, column], column], 0.0)
        interval = test.confidence_interval(0.95)
        np.testing.assert_allclose(said.half_width[column], (interval.high - interval.low) / 2)


def test_half_widths_over_folds_are_those_of_the_folds_means(case: tuple[np.ndarray, ...]) -> None:
    values, r2, labels = case
    folds = [str(number % 4) for number in range(25)]
    said = map_of(attributions(values, r2), labels, folds).all_with
    alone = cells_of(attributions(values, r2), labels)
    np.testing.assert_allclose(said.values, alone.values)
    np.testing.assert_allclose(said.half_width, alone.half_width)
    means = [
        values[[labels[i, 1] and folds[i] == fold for i in range(25)], 1].mean(axis=0)
        for fold in "0123"
    ]
    interval = stats.ttest_1samp(np.array(means), 0.0).confidence_interval(0.95)
    np.testing.assert_allclose(said.fold_half_width[1], (interval.high - interval.low) / 2)
    assert np.isnan(alone.fold_half_width).all()


def test_a_diagnosis_that_no_recording_has_is_absent_not_zero(
    case: tuple[np.ndarray, ...],
) -> None:
    values, r2, labels = case
    fewer = labels.copy()
    fewer[:, 1] = False
    said = cells_of(attributions(values, r2), fewer)
    for cells in (said.values, said.half_width, said.strength, said.absolute, said.r2):
        assert np.isnan(cells[1]).all()
        assert not np.isnan(cells[[0, 2]]).any()
    assert said.n_recordings[1] == 0


def test_a_single_recording_has_a_value_but_no_interval(case: tuple[np.ndarray, ...]) -> None:
    values, r2, _ = case
    one = np.zeros((25, 3), bool)
    one[4] = True
    said = cells_of(attributions(values, r2), one)
    np.testing.assert_allclose(said.values, values[4])
    assert np.isnan(said.half_width).all()


def test_noise_alone_has_no_strength_but_four_fifths_of_its_size_as_mean_magnitude() -> None:
    noise = np.random.default_rng(1).normal(size=(4000, 3, N_GROUPS))
    everyone = np.ones((4000, 3), bool)
    said = cells_of(attributions(noise, np.ones((4000, 3)), error=1.0), everyone)
    np.testing.assert_allclose(said.absolute, np.sqrt(2 / np.pi), atol=0.05)
    np.testing.assert_allclose(said.values, 0.0, atol=0.08)
    assert said.strength.max() < 0.25


def test_the_strength_is_the_size_of_effects_of_either_sign_without_the_noise() -> None:
    rng = np.random.default_rng(2)
    effects = 2.0 * rng.choice([-1, 1], (4000, 3, N_GROUPS))
    values = effects + rng.normal(size=effects.shape)
    everyone = np.ones((4000, 3), bool)
    said = cells_of(attributions(values, np.ones((4000, 3)), error=1.0), everyone)
    np.testing.assert_allclose(said.strength, 2.0, atol=0.08)


def test_each_verdict_has_its_own_recordings() -> None:
    values = np.arange(4.0)[:, None, None] * np.ones((4, 3, N_GROUPS))
    builder = MapBuilder(CODES, "lead", GROUPS)
    found, missed = np.array([True, False, False]), np.array([False, True, False])
    for item in attributions(values, np.ones((4, 3))):
        builder.add(item, {"true positives": found, "misses": missed})
    said = builder.finish().by_verdict
    assert said["true positives"].n_recordings.tolist() == [4, 0, 0]
    assert said["misses"].n_recordings.tolist() == [0, 4, 0]
    np.testing.assert_allclose(said["misses"].values[1], 1.5)


def test_samples_hold_what_their_verdict_says_and_no_more_than_asked() -> None:
    rng = np.random.default_rng(3)
    labels, known, given = (rng.random((400, 5)) < p for p in (0.3, 0.8, 0.4))
    said = choose(labels, known, given, 20, seed=1)
    assert not (said["with it"] & ~(labels & known)).any()
    assert not (said["false positives"] & ~(~labels & known & given)).any()
    assert (said["with it"].sum(axis=0) == 20).all()
    assert (said["false positives"].sum(axis=0) == 20).all()
    np.testing.assert_array_equal(said["true positives"] | said["misses"], said["with it"])
    assert not (said["true positives"] & said["misses"]).any()
    again, other = (choose(labels, known, given, 20, seed)["with it"] for seed in (1, 2))
    np.testing.assert_array_equal(said["with it"], again)
    assert not np.array_equal(said["with it"], other)
