"""Sanity: what every explanation must pass, and what fails it by construction."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from judged_models import DURATION, FS, SETTINGS, asked, bundle_of, linear, resnet
from plain_settings import plain_settings
from torch import Tensor, nn

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution
from leadlens.explain.explainers import EXPLAINERS, explainer
from leadlens.explain.faithfulness import amplitudes
from leadlens.explain.frozen import FrozenModel, freeze
from leadlens.explain.game import Game
from leadlens.explain.perturbation import perturb
from leadlens.explain.sanity import (
    Blind,
    NullSpace,
    cascade,
    dummy_share,
    hum,
    lead_shares,
    null_space_shift,
    randomised,
    zeroing_shift,
)
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import make_game


@pytest.fixture(scope="module")
def ecg(make_ecg: Callable[..., Recording]) -> Recording:
    return make_ecg(fs=FS, duration=DURATION, seed=9)


def test_randomising_goes_from_the_top_to_all_and_leaves_the_network_alone() -> None:
    network = resnet()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    n_same = []
    for copy in randomised(network, 3):
        same = [torch.equal(before[k], v) for k, v in copy.state_dict().items() if v.ndim > 1]
        n_same.append(sum(same))
        assert not torch.equal(before["head.weight"], copy.state_dict()["head.weight"])
    assert n_same == sorted(n_same, reverse=True)
    assert n_same[0] > 0
    assert n_same[-1] == 0
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    for name, value in copy.state_dict().items():
        torch.testing.assert_close(value.sort().values.sum(), before[name].sort().values.sum())


def test_a_map_changes_when_the_weights_are_shuffled(ecg: Recording) -> None:
    levels = cascade(*asked(ecg, linear()), SETTINGS, 0)
    assert len(levels) == 1
    assert levels[0] < 0.7


def by_amplitude(
    model: FrozenModel, game: Game, settings: ExplainSettings, number: int
) -> Attribution:
    """Explain any model by the signal alone."""
    said = perturb(model, game, settings.model_copy(update={"method": "lime"}), number)
    return replace(said, values=np.tile(amplitudes(game), (2, 1)))


def test_a_map_that_does_not_look_at_the_model_stays_when_the_weights_go(
    ecg: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXPLAINERS, "amplitude", by_amplitude)
    settings = SETTINGS.model_copy(update={"method": "amplitude"})
    assert cascade(*asked(ecg, resnet()), settings, 0) == pytest.approx((1.0,) * 4)


def test_a_lead_that_the_network_does_not_see_has_no_part(ecg: Recording) -> None:
    assert dummy_share(*asked(ecg, linear()), SETTINGS, 0) < 1e-3
    exact = plain_settings(method="exact_shapley", pieces="whole")
    assert dummy_share(*asked(ecg, resnet(), exact), exact, 0) < 1e-5


def test_a_blind_network_says_the_same_whatever_is_in_the_lead(ecg: Recording) -> None:
    signal = torch.from_numpy(ecg.signal.copy())[None]
    other = signal.clone()
    other[:, 7] += 1.0
    network = resnet()
    blind = Blind(network, [7], 12)
    assert torch.equal(blind(signal), blind(other))
    assert not torch.equal(network(signal), network(other))


def test_null_space_weights_change_no_logit_of_a_valid_ecg_and_all_of_an_impossible_one(
    ecg: Recording,
) -> None:
    signal = torch.from_numpy(ecg.signal.copy())[None]
    network = resnet()
    other = NullSpace(network)
    torch.testing.assert_close(other(signal), network(signal), atol=1e-4, rtol=0)
    signal[:, 2] = 0.0
    assert (other(signal) - network(signal)).abs().max() > 1e-2


def test_null_space_weights_are_weights_of_the_first_layer() -> None:
    network = linear()
    other = NullSpace(network)
    added = torch.zeros(12, 12, dtype=torch.float64)
    equations, mixture = other.get_buffer("equations"), other.get_buffer("mixture")
    added[:, 2:6], added[:, :2] = mixture, -mixture @ equations
    changed = network.weights.double() @ (torch.eye(12, dtype=torch.float64) + added)
    signal = torch.randn(3, 12, 5)
    torch.testing.assert_close(
        other(signal), (signal.double().mean(-1) @ changed.T).float(), rtol=1e-4, atol=1e-2
    )


def test_valid_masks_do_not_move_with_the_null_space_and_zeroed_leads_do(ecg: Recording) -> None:
    model, game = asked(ecg, resnet())
    assert null_space_shift(model, game, SETTINGS, 0) < 1e-3
    assert zeroing_shift(model, game, 0) > 0.3


def test_the_rounding_of_a_recorder_is_no_impossible_ecg(ecg: Recording) -> None:
    rounded = replace(ecg, signal=np.round(ecg.signal / 0.005).astype(np.float32) * 0.005)
    assert null_space_shift(*asked(rounded, resnet()), SETTINGS, 0) < 1e-3


def test_a_model_of_another_scale_has_no_null_space(ecg: Recording) -> None:
    model = freeze(bundle_of(resnet(), "lead_zscore"), ecg.signal)
    game = make_game(ecg.signal, STANDARD_LEADS, FS, "mV", SETTINGS, like=model.like)
    with pytest.raises(ConfigError, match="lead_zscore"):
        null_space_shift(model, game, SETTINGS, 0)


def test_hum_is_a_sine_in_one_lead_and_is_found_by_a_network_that_looks_for_it(
    ecg: Recording,
) -> None:
    planted = hum(ecg.signal, 11, FS, 20.0, 0.1)
    change = planted - ecg.signal
    assert np.abs(change[:11]).max() == 0.0
    spectrum = np.abs(np.fft.rfft(change[11]))
    assert np.fft.rfftfreq(200, 1 / FS)[spectrum.argmax()] == 20.0
    assert change[11].std() == pytest.approx(0.1 / np.sqrt(2), rel=0.02)

    class Alternation(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.ones(1))

        def forward(self, signal: Tensor) -> Tensor:
            rough = signal.diff(n=3, dim=-1).square().mean(-1)[:, 11]
            return torch.stack([rough, -rough], dim=1)

    model, game = asked(replace(ecg, signal=planted), Alternation())
    said = explainer("lime")(model, game, SETTINGS, 0)
    assert lead_shares(said, 0)[-1] > 0.95
    assert said.sums["lead"].values[0, -1] > 0


@pytest.mark.parametrize("frequency", [0.0, 25.0, 50.0])
def test_hum_that_the_rate_cannot_carry_is_refused(ecg: Recording, frequency: float) -> None:
    with pytest.raises(ConfigError, match=f"hum of {frequency:g} Hz at 50 Hz"):
        hum(ecg.signal, 11, FS, frequency, 0.1)
