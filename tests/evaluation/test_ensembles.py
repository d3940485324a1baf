"""Ensembles: never worse than their members on average."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.errors import ConfigError
from leadlens.evaluation.ensembles import average
from leadlens.evaluation.reliability import brier_score, log_loss


@given(seed=st.integers(0, 10**6), n_models=st.integers(1, 5))
def test_an_ensemble_loses_no_more_than_its_members_on_average(seed: int, n_models: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random((20, 2)) < 0.5
    labels[0], mask = True, np.ones_like(labels)
    members = [rng.uniform(0.001, 0.999, labels.shape) for _ in range(n_models)]
    for loss in (brier_score, log_loss):
        alone = np.mean([loss(labels, mask, said) for said in members], axis=0)
        assert (loss(labels, mask, average(members)) <= alone + 1e-12).all()


def test_one_model_that_is_sure_does_not_overrule_the_others() -> None:
    members = [np.array([[value]], np.float32) for value in (0.0, 0.9, 0.9)]
    found = average(members)
    assert found.dtype == np.float64
    assert found == pytest.approx(0.6)


def test_an_ensemble_of_nobody_or_of_different_shapes_is_refused() -> None:
    with pytest.raises(ConfigError, match="none given"):
        average([])
    with pytest.raises(ConfigError, match=r"\(2, 3\), \(4, 3\) given"):
        average.__wrapped__([np.zeros((4, 3)), np.zeros((2, 3))])  # type: ignore[attr-defined]
