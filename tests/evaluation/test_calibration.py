"""Calibration: it finds what was distorted, keeps ranks, and is scikit-learn's without penalty."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.special import expit, logit
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from leadlens.errors import ConfigError
from leadlens.evaluation.calibration import Calibration, fit_calibration, logits_of


def distorted(
    seed: int, n: int, slopes: np.ndarray, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, a full mask, and probabilities that `slopes` and `offsets` make right."""
    rng = np.random.default_rng(seed)
    right = rng.normal(-1, 2, (n, len(slopes)))
    labels = rng.random(right.shape) < expit(right)
    return labels, np.ones_like(labels), expit((right - offsets) / slopes)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), slope=st.floats(0.2, 4), offset=st.floats(-2, 2))
def test_a_distortion_of_many_recordings_is_recovered(
    seed: int, slope: float, offset: float
) -> None:
    slopes, offsets = np.array([slope, 1.0]), np.array([offset, 0.0])
    found = fit_calibration(*distorted(seed, 20_000, slopes, offsets))
    # Standard errors are about 0.02 of the slope and 0.02.
    np.testing.assert_allclose(found.slopes, slopes, rtol=0.12)
    np.testing.assert_allclose(found.offsets, offsets, atol=0.12)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_without_a_penalty_it_is_scikit_learns_logistic_regression(seed: int) -> None:
    labels, mask, said = distorted(seed, 400, np.array([0.5, 1.5]), np.array([1.0, -1.0]))
    mask = np.random.default_rng(seed).random(mask.shape) < 0.7
    found = fit_calibration(labels, mask, said, strength=1e-9)
    for column in range(2):
        known = mask[:, column]
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        model.fit(logit(said[known, column])[:, None], labels[known, column])
        assert found.slopes[column] == pytest.approx(model.coef_[0, 0], rel=1e-3)
        assert found.offsets[column] == pytest.approx(model.intercept_[0], abs=1e-3)


@settings(deadline=None)
@given(
    said=st.lists(st.floats(1e-9, 1 - 1e-9) | st.sampled_from([0.0, 1.0]), min_size=2, max_size=30),
    slope=st.floats(0.2, 1.5),
    offset=st.floats(-5, 5),
)
def test_ranks_are_never_changed(said: list[float], slope: float, offset: float) -> None:
    # Ten digits: what lies closer can fall onto one number.
    column = np.round(np.array(said), 10)[:, None]
    found = Calibration(slopes=(slope,), offsets=(offset,)).apply(column)
    assert ((found >= 0) & (found <= 1)).all()
    order = np.argsort(column[:, 0])
    assert (np.diff(found[order, 0]) >= 0).all()
    inside = np.abs(logits_of(column)[:, 0]) < 15
    np.testing.assert_array_equal(rankdata(found[inside]), rankdata(column[inside]))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_slopes_are_positive_even_where_the_labels_are_upside_down(seed: int) -> None:
    labels, mask, said = distorted(seed, 200, np.ones(2), np.zeros(2))
    found = fit_calibration(labels, mask, 1 - said)
    assert min(found.slopes) > 0


def test_a_thin_class_is_drawn_towards_all_and_a_thick_one_keeps_its_own() -> None:
    slopes, offsets = np.array([1.0, 1.0, 1.0, 2.5]), np.array([1.0, 1.0, 1.0, -1.0])
    labels, mask, said = distorted(0, 4000, slopes, offsets)
    thick = fit_calibration(labels, mask, said)
    mask[30:, 3] = False
    thin = fit_calibration(labels, mask, said)
    alone = fit_calibration(labels, mask, said, strength=1e-9)
    together = np.array([thin.slopes[:3], thin.offsets[:3]]).mean(axis=1)

    def distance(calibration: Calibration) -> float:
        return float(np.hypot(*(calibration.slopes[3], calibration.offsets[3]) - together))

    assert distance(thin) < 0.8 * distance(alone)
    assert thick.slopes[3] == pytest.approx(2.5, rel=0.12)
    assert thick.offsets[3] == pytest.approx(-1, abs=0.15)


def test_a_class_with_ten_recordings_is_calibrated_as_the_others_are() -> None:
    labels, mask, said = distorted(0, 4000, np.full(4, 0.3), np.full(4, 3.0))
    mask[10:, 3] = False
    found = fit_calibration(labels, mask, said)
    assert found.slopes[3] == pytest.approx(0.3, abs=0.15)
    assert found.offsets[3] == pytest.approx(3.0, abs=0.7)


def test_classes_without_positives_or_without_negatives_stay_as_they_are() -> None:
    labels, mask, said = distorted(1, 500, np.full(4, 0.5), np.full(4, 1.0))
    labels[:, 0], labels[:, 1], mask[:, 2] = False, True, False
    found = fit_calibration(labels, mask, said)
    np.testing.assert_allclose(found.apply(said)[:, :3], said[:, :3])
    assert abs(found.slopes[3] - 0.5) < 0.2


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_unknown_labels_change_nothing(seed: int) -> None:
    labels, mask, said = distorted(seed, 100, np.ones(3), np.zeros(3))
    mask = np.random.default_rng(seed).random(mask.shape) < 0.6
    assert fit_calibration(labels, mask, said) == fit_calibration(
        labels ^ ~mask, mask, np.where(mask, said, 0.3)
    )


def test_one_output_of_exactly_0_does_not_rule_a_class() -> None:
    labels, mask, said = distorted(2, 5000, np.ones(1), np.zeros(1))
    said[np.flatnonzero(labels[:, 0])[0]] = 0.0
    # Its logit would be -708: the slope, of 1, would fall below 0.4.
    assert fit_calibration(labels, mask, said).slopes[0] > 0.8


def test_it_is_the_same_after_json() -> None:
    found = fit_calibration(*distorted(3, 100, np.ones(2), np.zeros(2)))
    assert Calibration.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("slope", [0.0, -1.0, float("inf"), float("nan")])
def test_slopes_that_would_lose_the_order_are_refused(slope: float) -> None:
    with pytest.raises(ValidationError):
        Calibration(slopes=(slope,), offsets=(0.0,))


def test_slopes_and_offsets_go_in_pairs() -> None:
    with pytest.raises(ValidationError, match="1 slopes but 2 offsets"):
        Calibration(slopes=(1.0,), offsets=(0.0, 1.0))


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="are they logits"):
        logits_of(np.array([[0.5, value]]))
