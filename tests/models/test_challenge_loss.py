"""The Challenge score as a loss, against the score of decisions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.ecg.diagnoses import scored_codes
from leadlens.errors import ConfigError
from leadlens.evaluation.challenge import challenge_score
from leadlens.models.challenge_loss import ChallengeLoss

NSR, AF, RBBB, CRBBB = "426783006", "164889003", "59118001", "713427006"


@given(
    st.integers(0, 10_000),
    st.integers(2, 60),
    st.sampled_from([0.5, 0.9, 1.0]),
    st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=60, deadline=None)
def test_sure_answers_cost_1_minus_the_challenge_score(
    seed: int, n: int, share_known: float, dtype: torch.dtype
) -> None:
    rng = np.random.default_rng(seed)
    others = [code for code in scored_codes() if code != NSR]
    classes = (*rng.permutation(others)[: rng.integers(0, 30)].tolist(), NSR)
    shape = (n, len(classes))
    labels, decisions = (rng.random(shape) < share for share in rng.uniform(0.02, 0.4, 2))
    known = rng.random(shape) < share_known
    expected = challenge_score(labels, known, decisions, classes)
    logits, y, mask = (
        torch.from_numpy(part).to(dtype) for part in (100.0 * decisions - 50, labels, known)
    )
    cost = float(ChallengeLoss(classes).to(dtype)(logits, y, mask))
    if np.isnan(expected):
        # Sinus rhythm is known in no recording: not defined as a score, but it must train.
        assert np.isfinite(cost)
    else:
        assert cost == pytest.approx(1 - expected, rel=1e-5, abs=1e-6)


def test_equivalent_diagnoses_count_as_one_that_is_given_by_either() -> None:
    p = np.array([0.2, 0.3, 0.4])
    logits = np.log(p / (1 - p))
    joined = 1 - 0.7 * 0.6
    for labels in ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0]):
        two = cost((NSR, RBBB), np.log([[0.25, joined / (1 - joined)]]), [[0.0, 1.0]])
        assert cost((NSR, RBBB, CRBBB), logits[None], [labels]) == pytest.approx(two, rel=1e-9)


def cost(classes: tuple[str, ...], logits: object, labels: object) -> float:
    values = torch.tensor(np.array(logits)), torch.tensor(np.array(labels))
    return float(ChallengeLoss(classes).double()(*values, torch.ones_like(values[0])))


def test_a_batch_of_sinus_rhythm_alone_costs_1_and_teaches_nothing() -> None:
    logits = torch.zeros(4, 2, requires_grad=True)
    labels = torch.tensor([[1.0, 0.0]] * 4)
    found = ChallengeLoss((NSR, AF))(logits, labels, torch.ones(4, 2))
    found.backward()
    assert logits.grad is not None
    assert (float(found.detach()), float(logits.grad.abs().sum())) == (1.0, 0.0)


def test_classes_without_sinus_rhythm_are_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"NSR, 426783006.*lower min_positives"):
        ChallengeLoss((AF, RBBB))


def test_descending_it_raises_the_challenge_score() -> None:
    rng = np.random.default_rng(3)
    classes = scored_codes()
    truth = rng.random((80, 30)) < 0.08
    truth[:40] = False
    truth[:40, classes.index(NSR)] = True
    seen = torch.from_numpy(np.hstack([truth + rng.normal(0, 0.3, truth.shape)])).float()
    weights = torch.zeros(30, 30, requires_grad=True)
    bias = torch.full((30,), -1.0, requires_grad=True)
    optimizer = torch.optim.Adam([weights, bias], lr=0.1)
    loss, known = ChallengeLoss(classes), np.ones_like(truth)
    labels = torch.from_numpy(truth).float()
    costs, scores = [], []
    for _ in range(40):
        optimizer.zero_grad()
        logits = seen @ weights + bias
        value = loss(logits, labels, torch.ones_like(labels))
        value.backward()
        optimizer.step()
        costs.append(float(value.detach()))
        scores.append(challenge_score(truth, known, logits.detach().numpy() > 0, classes))
    assert (np.diff(costs[:10]) < 0).all()
    assert costs[-1] < 0.5 * costs[0]
    assert scores[-1] > 0.5 > 0.1 > scores[0]


def test_a_checkpoint_need_not_hold_what_follows_from_the_classes() -> None:
    assert ChallengeLoss((NSR, AF)).state_dict() == {}
