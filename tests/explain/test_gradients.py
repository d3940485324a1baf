"""Gradient explainers: closed forms, completeness, what they cannot see, what they refuse."""

import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from plain_settings import plain_settings
from sklearn.metrics import r2_score
from torch import Tensor, nn

from leadlens.ecg.leads import STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.errors import ConfigError, MissingExtraError
from leadlens.explain import gradients
from leadlens.explain.additivity import additivity
from leadlens.explain.attribution import Attribution
from leadlens.explain.designs import make_design
from leadlens.explain.explainers import EXPLAINERS, GRADIENT, LEAD_BLIND, explainer
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.players import make_players
from leadlens.explain.settings import ExplainSettings, LeadGroups
from leadlens.explain.window import make_game
from leadlens.models.convolution import pad_same
from leadlens.models.pooling import MaxOverTime, MaxPool
from leadlens.models.registry import build_model
from leadlens.models.settings import (
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    ResNetSettings,
    StateSpaceSettings,
    XResNetSettings,
)

FS, N_SAMPLES, N_CLASSES = 50.0, 120, 3
CODES = ("164889003", "426783006", "59118001")
GROUPS: tuple[LeadGroups, ...] = (
    "frontal_and_chest",
    "frontal_or_chest",
    "independent",
    "displayed",
)
INCEPTION_TIME = InceptionTimeSettings(depth=3, n_filters=4, kernels=(9, 5, 3))
UNEVEN_DEPTH = InceptionTimeSettings(depth=4, n_filters=3, kernels=(8, 4))
PAPER = PaperInceptionSettings(n_filters=6)
RESNET = ResNetSettings(n_filters=(6, 8), kernel=5)
IN_CHANNELS = PaperInceptionSettings(n_filters=6, join="channels")
XRESNET = XResNetSettings(depth=18, n_filters=(16, 16, 16, 16))
STATE_SPACE = StateSpaceSettings(depth=2, n_filters=6, n_states=3)
POOLED = [INCEPTION_TIME, UNEVEN_DEPTH, PAPER, IN_CHANNELS, STATE_SPACE]
every_network = pytest.mark.parametrize(
    "network", [*POOLED, RESNET, XRESNET], ids=lambda each: each.name
)
pooled_networks = pytest.mark.parametrize("network", POOLED, ids=lambda each: each.name)


class Linear(nn.Module):
    """Logits that are weighted sums of all samples, less the mean of each weight's."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        weights = np.random.default_rng(seed).normal(size=(N_CLASSES, 12, N_SAMPLES))
        self.weights = nn.Parameter(torch.from_numpy(weights))

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        return torch.einsum("clt,wlt->wc", self.weights, signal)


class Functional(nn.Module):
    """A network whose nonlinearity no layer shows."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.outside = nn.Linear(N_SAMPLES, 4), nn.Linear(48, N_CLASSES)

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        return self.outside(torch.relu(self.inside(signal)).flatten(1))


def ecg(seed: int = 0) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(0.0, 0.1, (8, N_SAMPLES))
    return STANDARD_FROM_INDEPENDENT @ np.cumsum(steps, axis=1)


def frozen(network: nn.Module) -> FrozenModel:
    """Return a model in float64 that scales each lead otherwise."""
    offset = torch.linspace(-0.2, 0.3, 12, dtype=torch.float64)[:, None]
    gain = torch.linspace(0.5, 2.0, 12, dtype=torch.float64)[:, None]
    return FrozenModel(network.double().eval(), CODES, offset, gain)


def trained_like(settings: ModelSettings, seed: int = 0) -> FrozenModel:
    """Return a network with random weights and batch statistics."""
    network = build_model(settings, 12, N_CLASSES, seed, FS)
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0, generator=generator)
        elif tensor.is_floating_point():
            fan_in = tensor[0].numel() if tensor.ndim > 1 else 4
            tensor.normal_(0.0, (1.5 / fan_in) ** 0.5, generator=generator)
    return frozen(network)


def game_of(signal: np.ndarray, settings: ExplainSettings) -> Game:
    like = torch.zeros(0, dtype=torch.float64)
    return make_game(signal, STANDARD_LEADS, FS, "mV", settings, like=like)


def explained(
    method: str,
    model: FrozenModel,
    signal: np.ndarray | None = None,
    **chosen: object,
) -> tuple[Attribution, Game]:
    settings = plain_settings(**{"method": method, "n_segments": 4, **chosen})
    game = game_of(ecg() if signal is None else signal, settings)
    return explainer(method)(model, game, settings, 0), game


def lost(model: FrozenModel, game: Game) -> np.ndarray:
    """Return what each logit loses when all players are off."""
    n_players = game.players.n_players
    on, off = model.logits(game.windows(np.array([[True] * n_players, [False] * n_players])))
    return on - off


def missing(said: Attribution, model: FrozenModel, game: Game) -> float:
    """Return the most that the values miss of that, as a share of the largest."""
    expected = lost(model, game)
    return float(np.abs(said.values.sum(axis=1) - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift"])
@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("pieces", ["whole", "segments"])
@pytest.mark.parametrize("replaced", ["isoelectric", "bridge"])
def test_a_linear_models_values_are_its_weights_times_what_is_replaced(
    method: str, groups: LeadGroups, pieces: str, replaced: str
) -> None:
    network = Linear()
    model = frozen(network)
    said, game = explained(method, model, lead_groups=groups, pieces=pieces, replacement=replaced)
    weights = network.weights.detach().numpy() * model.gain.numpy()
    of_rows = np.einsum("clt,lr->crt", weights, game.players.basis)
    cells = of_rows * (game.signal - game.without).numpy()
    owner = game.players.owner
    expected = [cells[:, owner == player].sum(axis=1) for player in range(said.values.shape[1])]
    np.testing.assert_allclose(said.values.T, expected, atol=1e-5)
    np.testing.assert_allclose(said.r2, 1.0, atol=1e-8)


@every_network
@pytest.mark.parametrize("groups", ["frontal_and_chest", "independent"])
def test_deeplifts_values_add_up_to_what_the_logit_loses(
    network: ModelSettings, groups: LeadGroups
) -> None:
    model = trained_like(network)
    said, game = explained("deeplift", model, lead_groups=groups)
    assert np.abs(said.values).max() > 1e-3
    np.testing.assert_allclose(said.values.sum(axis=1), lost(model, game), atol=1e-10)


@every_network
@pytest.mark.parametrize("groups", ["frontal_and_chest", "independent"])
def test_integrated_gradients_add_up_to_what_the_logit_loses_within_one_percent(
    network: ModelSettings, groups: LeadGroups
) -> None:
    model = trained_like(network)
    said, game = explained("integrated_gradients", model, lead_groups=groups)
    assert missing(said, model, game) < 0.01


def test_integrated_gradients_converge_with_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained_like(INCEPTION_TIME)
    errors = []
    for n_steps in (2, 16, 256):
        monkeypatch.setattr(gradients, "N_STEPS", n_steps)
        monkeypatch.setattr(gradients, "MOST_STEPS", n_steps)
        said, game = explained("integrated_gradients", model)
        errors.append(missing(said, model, game))
    assert all(after < before / 4 for before, after in pairwise(errors))


class Linearised:
    """DeepLIFT's Rescale rule by another way: each nonlinear layer replaced by its multiplier.

    The layers' inputs for the ECG and for what replaces it are kept; then a network that multiplies
    instead is differentiated as it is.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.seen: dict[nn.Module, Tensor] = {}

    def multipliers(self, signal: Tensor, without: Tensor) -> Tensor:
        """Return (class, lead, time)."""
        layers = [
            layer
            for layer in self.network.modules()
            if isinstance(layer, nn.ReLU | nn.GELU | MaxPool | MaxOverTime)
        ]
        hooks = [layer.register_forward_hook(self._keep) for layer in layers]
        with torch.no_grad():
            self.network(torch.stack([signal, without]))
        for hook in hooks:
            hook.remove()
        hooks = [layer.register_forward_hook(self._multiply) for layer in layers]
        at = signal[None].clone().requires_grad_()
        logits = self.network(at)[0]
        rows = [torch.autograd.grad(each, at, retain_graph=True)[0] for each in logits]
        for hook in hooks:
            hook.remove()
        return torch.cat(rows)

    def _keep(self, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG002
        self.seen[layer] = inputs[0]

    def _multiply(self, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        one, other = self.seen[layer]
        if isinstance(layer, nn.ReLU | nn.GELU):
            bent = {nn.ReLU: torch.relu, nn.GELU: nn.functional.gelu}[type(layer)]
            slope = (bent(one) - bent(other)) / (one - other)
            return inputs[0] * torch.where(one == other, (one > 0).double(), slope)
        kernel, stride = one.shape[-1], 1
        moves = inputs[0]
        if isinstance(layer, MaxPool):
            kernel, stride = layer.kernel, layer.stride
            if layer.is_same:
                both = torch.stack([one, other])
                one, other = pad_same(both, kernel, value=float("-inf"))
                moves = pad_same(moves, kernel)
        said = torch.zeros(*inputs[0].shape[:2], (one.shape[-1] - kernel) // stride + 1).double()
        for channel in range(one.shape[0]):
            for window in range(said.shape[-1]):
                x, y = (
                    each[channel, window * stride : window * stride + kernel]
                    for each in (one, other)
                )
                at = int(x.argmax() if x.max() >= y.max() else y.argmax())
                change = x[at] - y[at]
                slope = (x.max() - y.max()) / change if change != 0 else torch.tensor(1.0)
                moved = moves[:, channel, window * stride + at]
                said[:, channel, window] = moved * slope
        return said.reshape(output.shape)


@every_network
def test_deeplift_is_the_rescale_rule_of_every_rectifier_and_maximum(
    network: ModelSettings,
) -> None:
    model = trained_like(network, seed=2)
    said, game = explained("deeplift", model, lead_groups="displayed")
    shown, without = model.scaled(torch.stack([game.signal, game.without]))
    cells = Linearised(model.network).multipliers(shown, without) * (shown - without)
    owner = game.players.owner
    expected = [
        cells.numpy()[:, owner == player].sum(axis=1) for player in range(said.values.shape[1])
    ]
    np.testing.assert_allclose(said.values.T, expected, atol=1e-10)


def test_deeplift_refuses_a_network_whose_nonlinearity_it_cannot_see() -> None:
    torch.manual_seed(0)
    model = frozen(Functional())
    with pytest.raises(ConfigError, match=r"parts of Functional: its values miss.*use 'integrated"):
        explained("deeplift", model)
    said, game = explained("integrated_gradients", model)
    assert missing(said, model, game) < 0.01


def test_deeplift_refuses_a_network_that_uses_a_rectifier_twice() -> None:
    torch.manual_seed(0)
    rectifier = nn.ReLU()
    inside, again = nn.Linear(N_SAMPLES, 4), nn.Linear(4, 4)
    outside = nn.Linear(48, N_CLASSES)
    model = frozen(nn.Sequential(inside, rectifier, again, rectifier, nn.Flatten(), outside))
    with pytest.raises(ConfigError, match=r"nn.ReLU layer of Sequential to be used once"):
        explained("deeplift", model)


@every_network
def test_an_explanation_leaves_the_network_as_it_was(network: ModelSettings) -> None:
    model = trained_like(network)
    shown = torch.from_numpy(ecg(5))[None]
    before = model.logits(shown)
    attributes = [set(vars(layer)) for layer in model.network.modules()]
    for method in ("integrated_gradients", "deeplift", "grad_cam"):
        explained(method, model)
    for layer, names in zip(model.network.modules(), attributes, strict=True):
        assert not layer._forward_hooks
        assert not layer._forward_pre_hooks
        assert set(vars(layer)) == names
    assert all(parameter.grad is None for parameter in model.network.parameters())
    np.testing.assert_array_equal(model.logits(shown), before)


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift"])
@pytest.mark.parametrize("network", [PAPER, RESNET], ids=lambda each: each.name)
def test_a_lead_that_the_network_ignores_gets_nothing(method: str, network: ModelSettings) -> None:
    model = trained_like(network)
    stem: nn.Module = model.network.get_submodule("stem.0")
    with torch.no_grad():
        stem.get_parameter("weight")[:, STANDARD_LEADS.index("V4")] = 0.0
    said, _ = explained(method, model)
    lead = said.sums["lead"]
    column = lead.names.index("V4")
    assert np.abs(said.values[:, column * 4 : column * 4 + 4]).max() == 0
    assert np.delete(np.abs(lead.values), column, axis=1).min() > 0


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift"])
@pytest.mark.parametrize("groups", ["frontal_and_chest", "independent"])
def test_what_was_not_recorded_gets_nothing_and_the_rest_adds_up(
    method: str, groups: LeadGroups
) -> None:
    signal = ecg()
    signal[:, 60:] = np.nan
    model = trained_like(RESNET)
    said, game = explained(method, model, signal, lead_groups=groups)
    by_piece = said.sums["piece"].values
    assert (by_piece[:, 2:] == 0).all()
    assert np.abs(by_piece[:, :2]).min() > 0
    assert missing(said, model, game) < 0.01


def test_a_missing_lead_gets_nothing() -> None:
    signal = ecg()
    signal[STANDARD_LEADS.index("V2")] = np.nan
    said, _ = explained("deeplift", trained_like(RESNET), signal)
    lead = said.sums["lead"]
    assert (lead.values[:, lead.names.index("V2")] == 0).all()
    assert np.isfinite(said.values).all()


@pooled_networks
def test_a_class_activation_map_and_the_bias_make_the_logit(network: ModelSettings) -> None:
    model = trained_like(network)
    said, game = explained("cam", model)
    bias = model.network.get_parameter("head.bias").detach().numpy()
    everything = np.ones((1, said.players.n_players), bool)
    logits = model.logits(game.windows(everything))[0]
    np.testing.assert_allclose(said.values.sum(axis=1) + bias, logits, atol=1e-10)
    np.testing.assert_allclose(said.logits, logits, atol=1e-12)


def test_cam_on_inception_time_is_the_heads_weights_times_the_last_features() -> None:
    model = trained_like(INCEPTION_TIME)
    said, game = explained("cam", model, n_segments=5)
    kept: list[Tensor] = []
    last = model.network.get_submodule("relus.0")
    hook = last.register_forward_hook(lambda _layer, _inputs, output: kept.append(output))
    model.logits(game.signal[None])
    hook.remove()
    weights = model.network.get_parameter("head.weight").detach().numpy()
    over_time = weights @ kept[0][0].numpy() / N_SAMPLES
    by_piece = over_time.reshape(N_CLASSES, 5, N_SAMPLES // 5).sum(axis=2)
    np.testing.assert_allclose(said.sums["piece"].values, by_piece, atol=1e-12)
    np.testing.assert_allclose(
        said.values, np.tile(by_piece / 7, 7), atol=1e-12, err_msg="equal parts"
    )


@pytest.mark.parametrize("network", [INCEPTION_TIME, PAPER], ids=lambda each: each.name)
def test_a_map_finds_the_piece_where_something_happens(network: ModelSettings) -> None:
    # A flat ECG with one burst: what the map says beyond that of the flat one lies at the burst.
    model = trained_like(network, seed=1)
    flat = np.zeros((12, N_SAMPLES))
    burst = flat.copy()
    burst[:, 72:78] = 1.0  # in the middle of the fourth of six pieces
    (with_it, _), (without, _) = (
        explained("cam", model, signal, n_segments=6) for signal in (burst, flat)
    )
    change = np.abs(with_it.sums["piece"].values - without.sums["piece"].values)
    assert (change.argmax(axis=1) == 3).all()


@pooled_networks
def test_grad_cam_is_cam_where_the_head_is_linear_on_the_mean(network: ModelSettings) -> None:
    model = trained_like(network)
    one, other = (explained(method, model)[0] for method in ("cam", "grad_cam"))
    np.testing.assert_allclose(one.values, other.values, atol=1e-12)


def test_grad_cam_of_the_residual_network_weighs_its_features_by_their_mean_gradient() -> None:
    model = trained_like(RESNET)
    said, game = explained("grad_cam", model, pieces="whole")
    network = model.network
    features = network.features(model.scaled(game.signal[None]))  # type: ignore[operator]
    for column in range(N_CLASSES):
        logit = network.classify(features)[0, column]  # type: ignore[operator]
        (gradient,) = torch.autograd.grad(logit, features, retain_graph=True)
        expected = (gradient.mean(dim=-1, keepdim=True) * features).sum().item()
        assert said.values[column].sum() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("method", LEAD_BLIND)
@pytest.mark.parametrize("groups", GROUPS)
def test_lead_blind_explainers_give_each_lead_group_the_same(
    method: str, groups: LeadGroups
) -> None:
    said, _ = explained(method, trained_like(PAPER), lead_groups=groups)
    by_lead = said.sums["lead"].values
    np.testing.assert_allclose(by_lead, np.repeat(by_lead[:, :1], by_lead.shape[1], axis=1))
    seeing, _ = explained("deeplift", trained_like(PAPER), lead_groups=groups)
    assert np.ptp(seeing.sums["lead"].values, axis=1).min() > 1e-4


@pytest.mark.parametrize(
    ("method", "network", "said"),
    [
        ("cam", RESNET, "of ResNet is not: use 'grad_cam'"),
        ("cam", None, "Functional has none: use 'lime'"),
        ("grad_cam", None, "grad_cam needs a network with a feature map over time"),
    ],
)
def test_networks_without_the_map_that_is_needed_are_refused(
    method: str, network: ModelSettings | None, said: str
) -> None:
    model = frozen(Functional()) if network is None else trained_like(network)
    with pytest.raises(ConfigError, match=said):
        explained(method, model)


@pytest.mark.parametrize("method", GRADIENT)
def test_timing_players_are_refused(method: str) -> None:
    settings = plain_settings(method=method, n_segments=4, timing=True)
    signal = torch.from_numpy(ecg())
    players = make_players(STANDARD_LEADS, N_SAMPLES, "mV", settings)
    with pytest.raises(ConfigError, match=f"{method} sees samples.*'timing: false'"):
        explainer(method)(trained_like(PAPER), Game(players, signal, signal * 0), settings, 0)


def test_an_attribution_has_sums_logits_no_error_and_all_forward_passes() -> None:
    model = trained_like(INCEPTION_TIME)
    n_masks = len(make_design(28, plain_settings(n_segments=4)).masks)
    for method, n_forwards in {
        "integrated_gradients": gradients.N_STEPS * N_CLASSES + 2,
        "deeplift": 2 * N_CLASSES + 2,
        "grad_cam": N_CLASSES + 1,
        "cam": 1,
    }.items():
        said, game = explained(method, model)
        np.testing.assert_allclose(
            said.sums["lead"].values, said.values.reshape(N_CLASSES, 7, 4).sum(axis=2)
        )
        np.testing.assert_allclose(
            said.sums["piece"].values, said.values.reshape(N_CLASSES, 7, 4).sum(axis=1)
        )
        assert not said.standard_error.any()
        assert not any(each.standard_error.any() for each in said.sums.values())
        np.testing.assert_allclose(said.logits, model.logits(game.signal[None])[0])
        assert said.n_forwards == n_forwards + n_masks


def test_additivity_is_the_share_of_the_masks_variance_that_the_values_give() -> None:
    model = trained_like(RESNET)
    settings = plain_settings(n_segments=4, seed=3)
    game = game_of(ecg(), settings)
    values = np.random.default_rng(0).normal(size=(N_CLASSES, 28))
    r2, n_forwards = additivity(model, game, values, settings, number=2)
    design = make_design(28, settings, 2)
    logits = model.logits(game.windows(design.masks))
    said = design.masks @ values.T
    said += np.average(logits - said, axis=0, weights=design.weights)  # the best intercept
    expected = r2_score(logits, said, sample_weight=design.weights, multioutput="raw_values")
    np.testing.assert_allclose(r2, expected)
    assert n_forwards == len(design.masks)


def test_additivity_is_one_for_the_right_values_zero_for_none_and_below_for_wrong_ones() -> None:
    model = frozen(Linear())
    said, game = explained("deeplift", model)
    settings = plain_settings(n_segments=4)
    for factor, expected in {1.0: 1.0, 0.0: 0.0, -1.0: -3.0}.items():
        r2, _ = additivity(model, game, factor * said.values, settings)
        np.testing.assert_allclose(r2, expected, atol=1e-8)


def test_a_model_that_says_the_same_of_everything_has_nothing_explained() -> None:
    network = Linear()
    with torch.no_grad():
        network.weights.zero_()
    said, _ = explained("integrated_gradients", frozen(network))
    assert not said.values.any()
    assert not said.r2.any()


def test_explainers_are_found_by_name_or_import_path_and_others_refused() -> None:
    assert {*GRADIENT, *LEAD_BLIND} <= set(EXPLAINERS)
    assert explainer("integrated_gradients") is gradients.integrated_gradients
    assert explainer("leadlens.explain.cam:cam") is explainer("cam")
    with pytest.raises(ConfigError, match=r"unknown explainer 'saliency'.*integrated_gradients"):
        explainer("saliency")
    for path in ("no.such.module:one", "leadlens.explain.cam:nothing"):
        with pytest.raises(ConfigError, match=f"explainer {path}: "):
            explainer(path)


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift", "grad_cam"])
def test_without_captum_the_command_that_brings_it_is_said(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    for name in ("gradients", "deeplift"):
        monkeypatch.delitem(sys.modules, f"leadlens.explain.{name}", raising=False)
    with pytest.raises(MissingExtraError, match=r"'captum': pip install 'leadlens\[explain\]'"):
        explainer(method)
    assert callable(explainer("cam"))
