"""The metric card: means over windows, as plain values."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from judged_models import DURATION, FS, SETTINGS, bundle_of, linear, resnet

from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution
from leadlens.explain.explainers import EXPLAINERS
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.judge import MetricCard, judge
from leadlens.explain.perturbation import perturb
from leadlens.explain.settings import ExplainSettings
from leadlens.models.resnet import ResNet


@pytest.fixture(scope="module")
def ecg(make_ecg: Callable[..., Recording]) -> Recording:
    return make_ecg(fs=FS, duration=DURATION, seed=9)


@pytest.fixture(scope="module")
def card(ecg: Recording, make_ecg: Callable[..., Recording]) -> MetricCard:
    other = make_ecg(fs=FS, duration=DURATION, seed=3)
    windows = np.stack([ecg.signal, other.signal])
    return judge(bundle_of(linear()), windows, [0, 1], "mV", SETTINGS)


def test_a_card_of_a_linear_model_is_good_in_all_points(card: MetricCard) -> None:
    assert card.n_windows == 2
    assert card.r2 > 0.99
    assert card.sensitivity_n > 0.99
    assert card.seed_to_seed > 0.99
    assert card.own.gap > max(card.amplitude.gap, card.random.gap + 0.1)
    assert card.dummy_share < 1e-3
    assert card.null_space_shift is not None
    assert card.null_space_shift < 1e-3
    assert card.zeroing_shift is not None
    assert card.zeroing_shift > 0.3


def test_a_card_is_the_mean_over_windows_and_can_be_written_as_json(
    card: MetricCard, ecg: Recording, make_ecg: Callable[..., Recording]
) -> None:
    signals = [ecg.signal, make_ecg(fs=FS, duration=DURATION, seed=3).signal]
    alone = [
        judge(bundle_of(linear()), signal[None], [column], "mV", SETTINGS).as_dict()
        for column, signal in enumerate(signals)
    ]
    written = json.loads(json.dumps(card.as_dict()))
    assert written["own"]["insertion"] == pytest.approx(
        np.mean([one["own"]["insertion"] for one in alone])
    )
    for name in ("sensitivity_n", "seed_to_seed", "zeroing_shift"):
        assert written[name] == pytest.approx(np.mean([one[name] for one in alone]))


def test_a_card_of_a_model_of_another_scale_has_no_null_space(ecg: Recording) -> None:
    bundle = bundle_of(linear(), "lead_zscore")
    card = judge(bundle, ecg.signal[None], [0], "mV", SETTINGS)
    assert card.null_space_shift is None
    assert card.zeroing_shift is None


def test_the_same_seed_gives_the_same_card(ecg: Recording) -> None:
    bundle = bundle_of(resnet())
    one, two = (judge(bundle, ecg.signal[None], [0], "mV", SETTINGS, seed=5) for _ in range(2))
    assert one == two


def test_windows_without_a_class_each_are_refused(ecg: Recording) -> None:
    with pytest.raises(ConfigError, match="1 windows and 2 classes"):
        judge(bundle_of(linear()), ecg.signal[None], [0, 1], "mV", SETTINGS)


def only_resnets(
    model: FrozenModel, game: Game, settings: ExplainSettings, number: int
) -> Attribution:
    """Explain a ResNet, and refuse any other network."""
    if not isinstance(model.network, ResNet):
        raise ConfigError("not a ResNet")
    return perturb(model, game, settings.model_copy(update={"method": "lime"}), number)


def test_a_method_that_does_not_tell_leads_apart_is_not_judged_by_leads(ecg: Recording) -> None:
    settings = SETTINGS.model_copy(update={"method": "grad_cam"})
    card = judge(bundle_of(resnet()), ecg.signal[None], [0], "mV", settings)
    assert card.dummy_share is None
    assert card.null_space_shift is None
    assert np.isfinite(card.sensitivity_n)


def test_why_an_explainer_fails_on_a_changed_network_is_told(
    ecg: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXPLAINERS, "resnets", only_resnets)
    settings = SETTINGS.model_copy(update={"method": "resnets"})
    with pytest.raises(ConfigError, match="not a ResNet"):
        judge(bundle_of(resnet()), ecg.signal[None], [0], "mV", settings)
