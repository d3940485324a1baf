"""Faithfulness and stability of explanations that are right, wrong or of nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from judged_models import DURATION, FS, OCCLUSION, SETTINGS, asked, linear, resnet
from plain_settings import plain_settings
from torch import Tensor, nn

from leadlens.ecg.recording import Recording
from leadlens.explain.explainers import explainer
from leadlens.explain.faithfulness import Faithfulness, amplitudes, faithfulness
from leadlens.explain.stability import seed_to_seed, spearman


@pytest.fixture(scope="module")
def ecg(make_ecg: Callable[..., Recording]) -> Recording:
    return make_ecg(fs=FS, duration=DURATION, seed=9)


def judged(ecg: Recording, turn: Callable[[np.ndarray], np.ndarray]) -> Faithfulness:
    """Return the faithfulness of a linear model's exact values, turned into others."""
    model, game = asked(ecg, linear())
    said = explainer("occlusion")(model, game, OCCLUSION, 0)
    return faithfulness(model, game, replace(said, values=turn(said.values)), 0)


def test_the_exact_values_of_a_linear_model_are_wholly_faithful(ecg: Recording) -> None:
    found = judged(ecg, lambda values: values)
    assert found.sensitivity_n == pytest.approx(1.0, abs=1e-4)
    assert found.r2 > 0.999
    assert found.own.insertion > found.random.insertion + 0.1
    assert found.own.deletion < found.random.deletion - 0.1
    assert found.own.gap > found.amplitude.gap


def test_the_curves_of_a_linear_model_are_its_values_summed_in_order(ecg: Recording) -> None:
    model, game = asked(ecg, linear())
    said = explainer("occlusion")(model, game, OCCLUSION, 0)
    values = np.sort(said.values[0])[::-1]
    n = len(values)
    off = model.logits(game.windows(np.zeros((1, n), bool)))[0, 0]
    steps = np.unique(np.linspace(0, n, 21).round().astype(int))
    gained = np.concatenate([[0.0], np.cumsum(values)])[steps]
    found = faithfulness(model, game, said, 0).own
    assert found.insertion == pytest.approx(off + np.trapezoid(gained, steps / n), abs=1e-3)
    assert found.deletion == pytest.approx(
        off + np.trapezoid(values.sum() - gained, steps / n), abs=1e-3
    )


def test_the_opposite_of_the_truth_is_worse_than_chance(ecg: Recording) -> None:
    right, wrong = judged(ecg, lambda values: values), judged(ecg, lambda values: -values)
    assert wrong.sensitivity_n == pytest.approx(-1.0, abs=1e-4)
    assert wrong.own.gap == pytest.approx(-right.own.gap, rel=1e-3)


def test_a_flat_map_is_as_faithful_as_chance(ecg: Recording) -> None:
    assert judged(ecg, np.zeros_like).sensitivity_n == 0.0


def test_amplitude_is_what_a_player_takes_from_the_signal(ecg: Recording) -> None:
    _, game = asked(ecg, linear())
    change = (game.signal - game.without).abs().numpy()
    expected = [change[game.players.owner == k].sum() for k in range(game.players.n_players)]
    np.testing.assert_allclose(amplitudes(game), expected, rtol=1e-4)


def test_maps_in_the_same_order_agree_and_a_flat_one_with_none() -> None:
    one = np.array([1.0, 2.0, 3.0, 10.0])
    assert spearman(one, one**3) == pytest.approx(1.0)
    assert spearman(one, -one) == pytest.approx(-1.0)
    assert spearman(one, np.ones(4)) == 0.0
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == pytest.approx(0.5)


def test_two_designs_agree_on_a_linear_model_and_not_on_noise(ecg: Recording) -> None:
    model, game = asked(ecg, linear())
    assert seed_to_seed(model, game, SETTINGS, 0) > 0.99

    class Noise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.zeros(1))
            self.generator = torch.Generator().manual_seed(0)

        def forward(self, signal: Tensor) -> Tensor:
            return torch.randn(len(signal), 2, generator=self.generator)

    assert abs(seed_to_seed(*asked(ecg, Noise()), SETTINGS, 0)) < 0.6


def test_exact_values_are_the_same_for_every_seed(ecg: Recording) -> None:
    exact = plain_settings(method="exact_shapley", pieces="whole")
    assert seed_to_seed(*asked(ecg, resnet(), exact), exact, 0) == pytest.approx(1.0)
