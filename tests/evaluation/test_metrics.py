"""Scores: scikit-learn's, on known labels alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from leadlens.errors import ConfigError
from leadlens.evaluation.metrics import PER_CLASS, floors, score


def case(
    seed: int, n: int = 60, n_classes: int = 6, known: float = 1.0, ties: bool = False
) -> tuple:
    """Return labels, mask, probabilities and decisions drawn at random."""
    rng = np.random.default_rng(seed)
    labels = rng.random((n, n_classes)) < rng.uniform(0.0, 0.6, n_classes)
    mask = rng.random(labels.shape) < known
    probabilities = np.clip(0.3 * labels + rng.random(labels.shape) * 0.7, 0, 1)
    if ties:
        probabilities = np.round(probabilities, 1)
    return labels, mask, probabilities, probabilities > 0.5


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6), n=st.integers(2, 60), known=st.floats(0.2, 1), ties=st.booleans()
)
def test_scores_of_each_class_are_scikit_learns_on_the_known_labels(
    seed: int, n: int, known: float, ties: bool
) -> None:
    labels, mask, probabilities, decisions = case(seed, n, 4, known, ties)
    scores = score(labels, mask, probabilities, decisions)
    for column in range(4):
        rows = mask[:, column]
        truth, values = labels[rows, column], probabilities[rows, column]
        found = {name: scores.per_class[name][column] for name in PER_CLASS}
        if truth.any() and not truth.all():
            assert found["auroc"] == pytest.approx(roc_auc_score(truth, values))
            assert found["auprc"] == pytest.approx(average_precision_score(truth, values))
        else:
            assert np.isnan([found["auroc"], found["auprc"]]).all()
        if truth.any():
            assert found["f1"] == pytest.approx(f1_score(truth, decisions[rows, column]))
        else:
            assert np.isnan(found["f1"])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), known=st.floats(0.2, 1))
def test_values_and_labels_that_are_unknown_change_nothing(seed: int, known: float) -> None:
    labels, mask, probabilities, decisions = case(seed, known=known)
    one = score(labels, mask, probabilities, decisions)
    other = score(labels ^ ~mask, mask, np.where(mask, probabilities, 0.123), decisions ^ ~mask)
    for name in PER_CLASS:
        assert np.array_equal(one.per_class[name], other.per_class[name], equal_nan=True)
    assert one.macro == pytest.approx(other.macro, nan_ok=True)
    assert np.array_equal(one.n_positive, other.n_positive)


def test_a_class_that_never_occurs_has_no_score_and_does_not_pull_the_mean() -> None:
    labels, mask, probabilities, decisions = case(0)
    labels[:, 2] = False
    whole = score(labels, mask, probabilities, decisions)
    for name in ("auroc", "auprc", "f1"):
        assert np.isnan(whole.per_class[name][2])
        assert whole.macro[name] == pytest.approx(np.nanmean(whole.per_class[name]))
        others = score(
            *(part[:, [0, 1, 3, 4, 5]] for part in (labels, mask, probabilities, decisions))
        )
        assert whole.macro[name] == pytest.approx(others.macro[name])


def test_a_class_without_one_negative_has_no_ranking_score() -> None:
    labels, mask, probabilities, decisions = case(0)
    labels[:, 1] = True
    scores = score(labels, mask, probabilities, decisions)
    assert np.isnan([scores.per_class[name][1] for name in ("auroc", "auprc")]).all()


def test_a_class_that_nobody_looked_for_has_no_score_at_all() -> None:
    labels, mask, probabilities, decisions = case(0)
    mask[:, 3] = False
    scores = score(labels, mask, probabilities, decisions)
    assert np.isnan([scores.per_class[name][3] for name in PER_CLASS]).all()
    assert (scores.n_known[3], scores.n_positive[3]) == (0, 0)


def test_accuracy_is_the_mean_of_the_classes_accuracies() -> None:
    labels, mask, probabilities, decisions = case(3, known=0.7)
    scores = score(labels, mask, probabilities, decisions)
    per_class = [
        (labels[mask[:, c], c] == decisions[mask[:, c], c]).mean() for c in range(labels.shape[1])
    ]
    np.testing.assert_allclose(scores.per_class["accuracy"], per_class)
    assert scores.macro["accuracy"] == pytest.approx(np.mean(per_class))


def test_subset_accuracy_counts_recordings_without_one_known_mistake() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], bool)
    mask = np.array([[1, 1], [1, 0], [1, 1], [0, 0]], bool)
    # Right; wrong only where nobody looked; wrong; not annotated, so not counted.
    decisions = np.array([[1, 0], [1, 1], [1, 1], [1, 1]], bool)
    scores = score(labels, mask, np.zeros((4, 2)), decisions)
    assert scores.macro["subset_accuracy"] == pytest.approx(2 / 3)


def test_positives_and_known_labels_are_counted() -> None:
    labels, mask, probabilities, decisions = case(5, known=0.5)
    scores = score(labels, mask, probabilities, decisions)
    assert scores.n_known.tolist() == mask.sum(axis=0).tolist()
    assert scores.n_positive.tolist() == (labels & mask).sum(axis=0).tolist()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_saying_nothing_is_as_accurate_as_diagnoses_are_rare(seed: int) -> None:
    labels, mask, _, _ = case(seed)
    prevalence = labels.mean(axis=0)
    found = floors(labels, mask, prevalence)["all-zeros"]
    assert found.macro["accuracy"] == pytest.approx(1 - prevalence.mean())
    present = labels.any(axis=0)
    assert np.array_equal(found.per_class["f1"][present], np.zeros(present.sum()))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_saying_everything_has_the_f1_that_the_prevalence_gives(seed: int) -> None:
    labels, mask, _, _ = case(seed)
    p = labels.mean(axis=0)
    found = floors(labels, mask, p)["all-positive"]
    present = p > 0
    np.testing.assert_allclose(found.per_class["f1"][present], (2 * p / (1 + p))[present])
    assert found.macro["accuracy"] == pytest.approx(p.mean())


def test_guessing_by_prevalence_ranks_nothing_and_decides_by_half() -> None:
    labels, mask, _, _ = case(1)
    prevalence = np.array([0.5, 0.49, 0.9, 0.1, np.nan, 0.0])
    found = floors(labels, mask, prevalence)["prevalence"]
    ranked = found.per_class["auroc"][~np.isnan(found.per_class["auroc"])]
    np.testing.assert_allclose(ranked, 0.5)
    always = labels.mean(axis=0)
    expected = [always[0], 1 - always[1], always[2], 1 - always[3], 1 - always[4], 1 - always[5]]
    np.testing.assert_allclose(found.per_class["accuracy"], expected)


def test_probabilities_that_are_not_numbers_are_refused() -> None:
    labels, mask, probabilities, decisions = case(0)
    probabilities[3, 2] = np.nan
    with pytest.raises(ConfigError, match="probabilities are not numbers"):
        score(labels, mask, probabilities, decisions)


def test_parts_of_different_shapes_are_refused_with_their_shapes() -> None:
    labels, mask, probabilities, decisions = case(0)
    unchecked = score.__wrapped__  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"labels \(60, 6\).*decisions \(59, 6\)"):
        unchecked(labels, mask, probabilities, decisions[1:])
