"""Skill: how well a diagnosis is told on unseen recordings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from leadlens.evaluation.skill import Skill, skills_of


@given(seed=st.integers(0, 2**32 - 1), n_known=st.integers(10, 60), levels=st.integers(2, 50))
def test_skill_is_what_scikit_learn_and_scipy_say_of_the_known_labels(
    seed: int, n_known: int, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random((60, 3)) < [0.1, 0.3, 0.8]
    known = np.argsort(rng.random((60, 3)), axis=0) < n_known
    said = rng.integers(0, levels, (60, 3)) / levels
    for column, skill in enumerate(skills_of(labels, known, said)):
        truth, value = labels[known[:, column], column], said[known[:, column], column]
        assert (skill.n_positive, skill.n_negative) == (truth.sum(), (~truth).sum())
        if truth.all() or not truth.any():
            assert (skill.auroc, skill.p) == (None, None)
            continue
        assert skill.auroc == pytest.approx(roc_auc_score(truth, value))
        expected = mannwhitneyu(value[truth], value[~truth], alternative="greater").pvalue
        assert skill.p == pytest.approx(expected)


def test_skill_is_said_in_words_with_its_counts() -> None:
    said = Skill(n_positive=1200, n_negative=3, auroc=0.9876, p=0.001)
    assert said.in_words == "AUROC 0.988 (1,200 with it, 3 without)"
    unknown = Skill(n_positive=0, n_negative=3)
    assert unknown.in_words == "AUROC not known (0 with it, 3 without)"
