"""The Challenge score: by hand, by its properties, and by the official scorer's figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.ecg.diagnoses import diagnosis, reward_weights, scored_codes
from leadlens.evaluation.challenge import challenge_score, f_measure, score_merged
from leadlens.evaluation.metrics import score

CODES = scored_codes()
NAMES = reward_weights()[0]


def labels_of(*recordings: str) -> np.ndarray:
    """Return one row a recording, from abbreviations separated by spaces."""
    rows = [[diagnosis(code).abbreviation in text.split() for code in CODES] for text in recordings]
    return np.array(rows, bool)


def scored(truth: np.ndarray, given: np.ndarray, mask: np.ndarray | None = None) -> float:
    return challenge_score(truth, np.ones_like(truth) if mask is None else mask, given, CODES)


def test_three_recordings_worked_by_hand() -> None:
    # Rewards: w(AF, AF) = 1, w(AFL, AF) = 0.5, w(NSR, AF) = 0.25, w(NSR, NSR) = 1,
    # w(SB, NSR) and w(AF, SB), w(AFL, NSR) are read from the matrix below.
    #   1  true AF       given AF            1 diagnosis involved:  w(AF, AF) = 1
    #   2  true AF       given AFL           2 involved:            w(AFL, AF) / 2 = 0.25
    #   3  true NSR, SB  given SB            2 involved:            (w(SB, NSR) + w(SB, SB)) / 2
    weights = reward_weights()[1]

    def w(given: str, true: str) -> float:
        return float(weights[NAMES.index(given), NAMES.index(true)])

    assert (w("AF", "AF"), w("AFL", "AF"), w("NSR", "AF")) == (1.0, 0.5, 0.25)
    observed = 1 + 0.25 + (w("SB", "NSR") + 1) / 2
    # All right: 1, 1, and for the third (2 x 1 + 2 x w(SB, NSR)) / 2.
    correct = 1 + 1 + (2 + 2 * w("SB", "NSR")) / 2
    # Always sinus rhythm: w(NSR, AF) over 2 involved, twice; the third is (1 + w(NSR, SB)) / 2.
    inactive = 0.25 / 2 + 0.25 / 2 + (1 + w("NSR", "SB")) / 2
    found = scored(labels_of("AF", "AF", "NSR SB"), labels_of("AF", "AFL", "SB"))
    assert found == pytest.approx((observed - inactive) / (correct - inactive))


def test_two_recordings_worked_to_a_number() -> None:
    # true AF given AF: 1; true AFL given AF: 0.5 / 2 = 0.25; observed 1.25, correct 2,
    # always NSR: w(NSR, AF) / 2 + w(NSR, AFL) / 2 = 0.125 + 0.125.
    # (1.25 - 0.25) / (2 - 0.25) = 4 / 7.
    assert scored(labels_of("AF", "AFL"), labels_of("AF", "AF")) == pytest.approx(4 / 7)


def _random(seed: int, n: int = 30) -> np.ndarray:
    labels = np.random.default_rng(seed).random((n, len(CODES))) < 0.15
    labels[0, 0] = True
    return labels


@given(seed=st.integers(0, 10**6))
def test_being_right_scores_1(seed: int) -> None:
    assert scored(_random(seed), _random(seed)) == pytest.approx(1)


@given(seed=st.integers(0, 10**6))
def test_always_answering_sinus_rhythm_scores_0(seed: int) -> None:
    truth = _random(seed)
    assert scored(truth, labels_of(*["NSR"] * len(truth))) == pytest.approx(0)


@given(seed=st.integers(0, 10**6), other=st.integers(0, 10**6))
def test_nothing_scores_more_than_being_right(seed: int, other: int) -> None:
    assert scored(_random(seed), _random(other)) <= 1 + 1e-9


@given(seed=st.integers(0, 10**6))
def test_the_order_of_recordings_and_of_columns_does_not_matter(seed: int) -> None:
    truth, given_ = _random(seed), _random(seed + 1)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(truth)), rng.permutation(len(CODES))
    shuffled = tuple(CODES[i] for i in columns)
    found = challenge_score(truth[rows][:, columns], np.ones_like(truth),
                            given_[rows][:, columns], shuffled)  # fmt: skip
    assert found == pytest.approx(scored(truth, given_))


def test_equivalent_diagnoses_are_the_same_answer() -> None:
    truth, given_ = labels_of("RBBB", "PAC", "AF"), labels_of("CRBBB", "SVPB", "AF")
    assert scored(truth, given_) == pytest.approx(1)


def test_unknown_labels_count_neither_as_true_nor_as_given() -> None:
    truth, given_ = labels_of("AF", "SB"), labels_of("AF LAD", "SB")
    mask = np.ones_like(truth)
    mask[0, CODES.index(diagnosis("LAD").code)] = False
    assert scored(truth, given_) < 1
    assert scored(truth, given_, mask) == pytest.approx(1)


def test_the_score_is_not_defined_where_nobody_looked_for_sinus_rhythm() -> None:
    truth = labels_of("AF", "SB")
    mask = np.ones_like(truth)
    mask[:, CODES.index(diagnosis("NSR").code)] = False
    assert np.isnan(scored(truth, truth, mask))


@given(seed=st.integers(0, 10**6))
def test_answering_sinus_rhythm_where_it_is_known_scores_0(seed: int) -> None:
    truth = _random(seed)
    mask = np.random.default_rng(seed).random(truth.shape) < 0.8
    mask[0] = True
    assert scored(truth, labels_of(*["NSR"] * len(truth)), mask) == pytest.approx(0)


def test_a_label_that_is_unknown_is_not_true() -> None:
    truth, given_ = labels_of("AF LAD", "SB"), labels_of("AF", "SB")
    mask = np.ones_like(truth)
    mask[0, CODES.index(diagnosis("LAD").code)] = False
    assert scored(truth, given_) < 1
    assert scored(truth, given_, mask) == pytest.approx(1)


def test_the_rows_of_the_reward_matrix_are_what_was_given() -> None:
    # AF given where NSR is true earns 0.5 / 2, NSR given where AF is true nothing:
    # observed 0.25, correct 2, always NSR 1 + 0: (0.25 - 1) / (2 - 1).
    weights = np.array([[1.0, 0.5], [0.0, 1.0]])
    truth = np.array([[False, True], [True, False]])
    assert score_merged(truth, ~truth, weights, ("AF", "NSR")) == pytest.approx(-0.75)


def test_a_recording_of_sinus_rhythm_alone_leaves_nothing_to_gain() -> None:
    assert scored(labels_of("NSR"), labels_of("NSR")) == 0.0


def test_without_the_class_sinus_rhythm_the_score_is_not_defined() -> None:
    codes = tuple(diagnosis(name).code for name in ("AF", "SB"))
    truth = np.array([[True, False]])
    assert np.isnan(challenge_score(truth, truth | True, truth, codes))


def test_the_f_measure_leaves_out_classes_neither_true_nor_given() -> None:
    truth = np.array([[1, 0, 0], [1, 1, 0]], bool)
    given_ = np.array([[1, 0, 0], [0, 0, 0]], bool)
    # tp 1, fn 1: 2/3; tp 0, fn 1: 0; the third is absent.
    assert f_measure(truth, given_) == pytest.approx((2 / 3 + 0) / 2)
    assert np.isnan(f_measure(truth & False, truth & False))


CASES = (
    "random0",
    "random1",
    "random2",
    "absent_classes",
    "ties",
    "all_zero_outputs",
    "only_sinus",
)


@pytest.mark.real_data
@pytest.mark.parametrize("name", CASES)
def test_scores_are_those_of_the_official_scorer(real_data: Path, name: str) -> None:
    content = json.loads((real_data / "challenge" / "scorer_expected.json").read_text())
    assert {case["case"] for case in content["cases"]} == set(CASES)
    expected = next(case for case in content["cases"] if case["case"] == name)
    arrays = np.load(real_data / "challenge" / "scorer_cases.npz")
    by_codes = {frozenset(diagnosis(p).code for p in joined.split("|")): joined for joined in NAMES}
    names = tuple(by_codes[frozenset(column.split("|"))] for column in content["classes"])
    labels, values = arrays[f"{name}_labels"], arrays[f"{name}_scores"]
    decisions = values > expected["threshold"]
    order = [NAMES.index(joined) for joined in names]
    weights = reward_weights()[1][np.ix_(order, order)]
    found = score(labels, np.ones_like(labels), values, decisions)
    ours = {
        "challenge_metric": score_merged(labels, decisions, weights, names),
        "f_measure": f_measure(labels, decisions),
        "auroc": found.macro["auroc"],
        "auprc": found.macro["auprc"],
        "subset_accuracy": found.macro["subset_accuracy"],
    }
    if name == "only_sinus":
        # Every recording has the one diagnosis: the official scorer gives it an AUPRC of 1, to us
        # a class without a negative is absent.
        assert np.isnan(ours.pop("auprc"))
    for figure, value in ours.items():
        wanted = expected[figure]
        wanted = float("nan") if wanted is None else wanted
        assert value == pytest.approx(wanted, abs=1e-9, nan_ok=True), figure
