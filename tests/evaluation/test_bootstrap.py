"""Recordings drawn again, whole patients at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from leadlens.evaluation.bootstrap import (
    auroc_of_draws,
    has_enough,
    interval,
    redraw,
    symmetric_interval,
    times_drawn,
)
from leadlens.evaluation.challenge import challenge_score

CODES = ("426783006", "164889003", "59118001")  # NSR, AF, RBBB


def cohort(n: int = 120, n_classes: int = 3, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return labels, mask, probabilities with ties, decisions and groups."""
    rng = np.random.default_rng(seed)
    labels = rng.random((n, n_classes)) < 0.3
    mask = rng.random((n, n_classes)) < 0.9
    said = np.round(0.5 + 0.2 * labels + 0.15 * rng.standard_normal(labels.shape), 1)
    return labels, mask, said, said > 0.6, rng.integers(n // 2, size=n)


@given(st.integers(2, 60), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_the_auroc_of_a_draw_is_that_of_recordings_weighed_by_how_often_they_are_drawn(
    n: int, n_values: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    truth, said = rng.random(n) < 0.4, rng.integers(n_values, size=n).astype(float)
    times = rng.integers(3, size=(n, 7)).astype(np.float32)
    found = auroc_of_draws(truth, said, times)
    for draw in range(7):
        weight = times[:, draw]
        drawn = truth[weight > 0]
        if len(drawn) and drawn.any() and not drawn.all():
            expected = roc_auc_score(truth, said, sample_weight=weight)
            assert found[draw] == pytest.approx(expected, abs=1e-6)
        else:
            assert np.isnan(found[draw])


def test_f1_and_accuracy_of_a_draw_are_those_of_weighed_recordings_whose_labels_are_known() -> None:
    labels, mask, said, decisions, groups = cohort()
    drawn = redraw(labels, mask, said, decisions, CODES, groups, seed=4, n_draws=20)
    times = times_drawn(groups, 20, seed=4)
    for draw in range(20):
        for column in range(3):
            known = mask[:, column]
            one = labels[known, column], decisions[known, column]
            weight = times[known, draw]
            f1 = f1_score(*one, sample_weight=weight)
            accuracy = accuracy_score(*one, sample_weight=weight)
            assert drawn.per_class["f1"][draw, column] == pytest.approx(f1)
            assert drawn.per_class["accuracy"][draw, column] == pytest.approx(accuracy)
        mean = np.nanmean(drawn.per_class["f1"][draw])
        assert drawn.macro["f1"][draw] == pytest.approx(mean)


def test_the_challenge_score_of_a_draw_is_that_of_recordings_repeated() -> None:
    labels, mask, said, decisions, groups = cohort()
    drawn = redraw(labels, mask, said, decisions, CODES, groups, seed=4, n_draws=5)
    times = times_drawn(groups, 5, seed=4)
    for draw in range(5):
        rows = np.repeat(np.arange(len(labels)), times[:, draw].astype(int))
        expected = challenge_score(labels[rows], mask[rows], decisions[rows], CODES)
        assert drawn.macro["challenge"][draw] == pytest.approx(expected)


def test_recordings_of_a_group_are_drawn_together_and_groups_as_often_as_there_are() -> None:
    groups = np.array([7, 7, 3, 3, 3, 9])
    times = times_drawn(groups, 400, seed=1)
    assert (times[groups == 7] == times[0]).all()
    assert (times[groups == 3] == times[2]).all()
    assert (times[0] + times[2] + times[5] == 3).all()
    assert times.mean(axis=1) == pytest.approx(1, abs=0.15)


def test_the_same_seed_draws_the_same() -> None:
    groups = np.arange(50)
    assert (times_drawn(groups, 5, seed=1) == times_drawn(groups, 5, seed=1)).all()
    assert (times_drawn(groups, 5, seed=1) != times_drawn(groups, 5, seed=2)).any()


def test_a_class_that_a_draw_lacks_is_left_out_of_its_mean() -> None:
    labels = np.zeros((30, 2), bool)
    labels[:10, 0], labels[0, 1] = True, True
    said = np.linspace(1, 0, 30)[:, None].repeat(2, axis=1)
    everything = np.ones_like(labels)
    drawn = redraw(
        labels, everything, said, said > 0.5, CODES[:2], np.arange(30), seed=0, n_draws=100
    )
    is_absent = np.isnan(drawn.per_class["auroc"][:, 1])
    assert 0.2 < is_absent.mean() < 0.6
    alone = drawn.per_class["auroc"][is_absent, 0]
    assert drawn.macro["auroc"][is_absent] == pytest.approx(alone)


def test_an_interval_is_symmetric_on_the_logit_and_inside_zero_and_one() -> None:
    draws = np.random.default_rng(0).normal(0.97, 0.02, 500)
    low, high = interval(0.97, draws)
    assert 0 < low < 0.97 < high < 1
    logit = [np.log(p / (1 - p)) for p in (low, 0.97, high)]
    assert logit[2] - logit[1] == pytest.approx(logit[1] - logit[0])
    assert interval(0.97, draws, n=20)[0] < low
    narrow = interval(0.5, np.random.default_rng(0).normal(0.5, 0.01, 500))
    assert narrow == pytest.approx((0.5 - 1.96 * 0.01, 0.5 + 1.96 * 0.01), abs=2e-3)


def test_a_score_beyond_zero_has_a_symmetric_interval() -> None:
    draws = np.random.default_rng(0).normal(-0.3, 0.1, 500)
    low, high = symmetric_interval(-0.3, draws)
    assert (low + high) / 2 == pytest.approx(-0.3)
    assert high - low == pytest.approx(2 * 1.96 * 0.1, rel=0.1)


@pytest.mark.parametrize(
    ("n_positive", "is_enough"),
    [([50], True), ([49], False), ([4, 46], True), ([30, 30, 0], True), ([8] * 10, False)],
)
def test_a_macro_score_of_too_few_positives_has_no_interval(
    n_positive: list[int], is_enough: bool
) -> None:
    assert has_enough(np.array(n_positive)) == is_enough


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan")])
def test_a_score_at_its_end_has_no_interval(value: float) -> None:
    assert np.isnan(interval(value, np.full(100, value))).all()


def test_draws_at_the_end_do_not_make_an_interval_endless() -> None:
    draws = np.where(np.arange(100) < 40, 1.0, 0.99)
    low, high = interval(0.99, draws)
    assert 0.95 < low < 0.99 < high < 1


@pytest.mark.parametrize(("n_positive", "auroc"), [(50, 0.97), (100, 0.8)])
def test_an_interval_holds_the_truth_nineteen_times_in_twenty(
    n_positive: int, auroc: float
) -> None:
    rng = np.random.default_rng(0)
    shift = np.sqrt(2) * stats.norm.ppf(auroc)
    truth = np.arange(9 * n_positive) < n_positive
    patients = np.arange(len(truth)) // 2
    n_held, n_times = 0, 300
    for number in range(n_times):
        own, shared = rng.standard_normal(len(truth)), rng.standard_normal(len(truth))[patients]
        said = (own + shared) / np.sqrt(2) + shift * truth
        draws = auroc_of_draws(truth, said, times_drawn(patients, 200, seed=number))
        low, high = interval(roc_auc_score(truth, said), draws, n=n_positive // 2)
        n_held += low <= auroc <= high
    # Three standard errors of the share to either side of 93 to 97 %.
    assert 0.93 - 0.038 < n_held / n_times < 0.97 + 0.03


def test_a_score_that_most_draws_lack_has_no_interval() -> None:
    draws = np.where(np.arange(100) < 80, 0.7, np.nan)
    assert np.isnan(interval(0.7, draws)).all()
