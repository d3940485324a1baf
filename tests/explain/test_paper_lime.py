"""The published study's recipe against scikit-learn's ridge, and on functions known in advance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_settings import plain_settings
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from leadlens.ecg.preprocess import Normalisation, scale_of
from leadlens.errors import ConfigError
from leadlens.explain.background import Background
from leadlens.explain.explainers import explainer
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.paper_lime import PaperLime, standard_draws
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import make_game

LEADS = ("I", "II", "V1")
CODES = ("164889003", "426783006")
N_SAMPLES = 10
N = len(LEADS) * N_SAMPLES
SETTINGS = plain_settings(pieces="whole")


class Network(nn.Module):
    """Two logits of the samples, linear or not; keeps what it was shown."""

    def __init__(self, *, bends: bool, seed: int = 0) -> None:
        super().__init__()
        slopes = np.random.default_rng(seed).normal(size=(2, N))
        self.slopes = nn.Parameter(torch.from_numpy(slopes))
        self.bends = bends
        self.shown: list[np.ndarray] = []

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        self.shown.append(signal.numpy().copy())
        flat = signal.flatten(1)
        return (torch.tanh(flat) if self.bends else flat) @ self.slopes.T - 0.5


def background_of(normalisation: Normalisation = "millivolt") -> Background:
    rng = np.random.default_rng(5)
    factor = 1000.0 if normalisation == "microvolt" else 1.0
    shape = (2, len(LEADS), N_SAMPLES)
    return Background(
        classes=CODES,
        leads=LEADS,
        normalisation=normalisation,
        mean=(factor * rng.normal(size=shape)).astype(np.float32),
        sd=(factor * rng.uniform(0.2, 1.5, size=shape)).astype(np.float32),
        n_with=np.array([3, 3]),
        n_without=np.array([3, 3]),
        made_from="a test",
    )


def window(seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(LEADS), N_SAMPLES))


def game_of(signal: np.ndarray, settings: ExplainSettings = SETTINGS) -> Game:
    return make_game(signal, LEADS, 10.0, "mV", settings)


def model_of(
    network: nn.Module, signal: np.ndarray, normalisation: Normalisation = "millivolt"
) -> FrozenModel:
    scale = scale_of(signal[None], normalisation)
    offset, gain = (torch.from_numpy(part[0]).double() for part in (scale.offset, scale.gain))
    return FrozenModel(network, CODES, offset, gain)


def recipe_of(normalisation: Normalisation = "millivolt", **changes: object) -> PaperLime:
    few = {"n_points": 200, "n_features": 8}
    return PaperLime(background_of(normalisation), **{**few, **changes})  # type: ignore[arg-type]


def by_hand(
    network: Network, shown: np.ndarray, background: Background, row: int, output: str
) -> tuple[dict[int, float], float]:
    """Return the chosen features' weights, and R2, by scikit-learn on the recipe's own draws."""
    mean, sd = (part[row].ravel().astype(float) for part in (background.mean, background.sd))
    inputs = np.vstack([shown.ravel(), mean + sd * standard_draws(200, N, 0, 3)])
    with torch.no_grad():
        logits = network(torch.from_numpy(inputs.reshape(-1, len(LEADS), N_SAMPLES))).numpy()
    answers = logits[:, row] if output == "logit" else 1.0 / (1.0 + np.exp(-logits[:, row]))
    points = (inputs - mean) / sd
    squared = ((points - points[0]) ** 2).sum(axis=1)
    weights = np.sqrt(np.exp(-squared / (0.75**2 * N)))
    full = Ridge(alpha=0.01).fit(points, answers, sample_weight=weights)
    chosen = np.argsort(-np.abs(full.coef_ * points[0]))[:8]
    final = Ridge(alpha=1.0).fit(points[:, chosen], answers, sample_weight=weights)
    found = dict(zip(chosen.tolist(), final.coef_.tolist(), strict=True))
    return found, final.score(points[:, chosen], answers, sample_weight=weights)


@pytest.mark.parametrize("normalisation", ["millivolt", "microvolt", "lead_zscore"])
@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize("bends", [False, True])
def test_weights_are_those_of_scikit_learns_ridge_on_the_same_draws(
    normalisation: Normalisation, output: str, bends: bool
) -> None:
    network, signal = Network(bends=bends), window()
    if normalisation == "microvolt":
        network.slopes.data /= 1000.0
    model = model_of(network, signal, normalisation)
    recipe = recipe_of(normalisation, output=output)
    said = recipe(model, game_of(signal), SETTINGS, 3)
    shown = model.scaled(torch.from_numpy(signal[None])).numpy()
    for row, code in enumerate(CODES):
        expected, r2 = by_hand(network, shown, recipe.background, row, output)
        found = {LEADS.index(f.lead) * N_SAMPLES + f.sample: f.weight for f in said.features[code]}
        assert found.keys() == expected.keys()
        scale = max(map(abs, expected.values()))
        for feature, weight in expected.items():
            assert found[feature] == pytest.approx(weight, abs=1e-5 * scale)
        assert said.r2[row] == pytest.approx(r2, abs=1e-5)


def test_a_linear_models_weights_are_its_slopes_times_the_backgrounds_spread() -> None:
    recipe = recipe_of(n_points=5000, n_features=N, output="logit", aggregate="signed")
    network, signal = Network(bends=False), recipe.background.mean[0] + 0.1
    said = recipe.of(CODES[:1])(model_of(network, signal), game_of(signal), SETTINGS)
    slopes = network.slopes.detach().numpy()[0].reshape(len(LEADS), N_SAMPLES)
    expected = slopes * recipe.background.sd[0]
    assert len(said.features[CODES[0]]) == N
    for lead, sample, weight in said.features[CODES[0]]:
        assert weight == pytest.approx(expected[LEADS.index(lead), sample], rel=0.01, abs=1e-3)
    np.testing.assert_allclose(said.values[0], expected.sum(axis=1), rtol=0.01, atol=0.01)
    assert said.r2[0] > 0.9999


def test_the_network_is_shown_draws_around_the_background_and_the_ecg_itself() -> None:
    network, signal = Network(bends=True), window()
    recipe = recipe_of(n_points=4000).of(CODES[1:])
    said = recipe(model_of(network, signal), game_of(signal), SETTINGS)
    shown = np.concatenate(network.shown)
    assert said.n_forwards == len(shown) == 4000
    np.testing.assert_allclose(shown[0], signal)
    background = recipe.background
    apart = (shown[1:] - background.mean[1]) / background.sd[1]
    np.testing.assert_allclose(apart.mean(axis=0), 0.0, atol=0.08)
    np.testing.assert_allclose(apart.std(axis=0), 1.0, atol=0.06)
    np.testing.assert_allclose(said.logits, network(torch.from_numpy(signal[None]))[0].detach())


@pytest.mark.parametrize("groups", ["frontal_and_chest", "frontal_or_chest", "displayed"])
def test_players_are_the_displayed_leads_and_said_not_to_be_identifiable(groups: str) -> None:
    signal = window()
    settings = plain_settings(lead_groups=groups, n_segments=2)
    said = recipe_of()(model_of(Network(bends=True), signal), game_of(signal, settings), settings)
    assert tuple(said.players.groups) == LEADS
    assert said.players.n_players == 6
    assert not said.players.is_identifiable
    assert said.sums["lead"].names == LEADS
    np.testing.assert_allclose(
        said.sums["lead"].values, said.values.reshape(2, 3, 2).sum(axis=2), atol=1e-12
    )
    assert np.isnan(said.standard_error).all()


@pytest.mark.parametrize("aggregate", ["absolute", "signed"])
def test_a_players_value_is_the_sum_of_its_features_weights(aggregate: str) -> None:
    signal = window()
    settings = plain_settings(pieces="segments", n_segments=2)
    recipe = recipe_of(aggregate=aggregate)
    said = recipe(model_of(Network(bends=True), signal), game_of(signal, settings), settings)
    expected = np.zeros((2, len(LEADS), 2))
    for row, code in enumerate(CODES):
        assert len(said.features[code]) == 8
        for lead, sample, weight in said.features[code]:
            size = abs(weight) if aggregate == "absolute" else weight
            expected[row, LEADS.index(lead), sample // 5] += size
    np.testing.assert_allclose(said.values, expected.reshape(2, 6), atol=1e-12)


def test_only_the_diagnoses_asked_for_are_explained() -> None:
    signal, recipe = window(), recipe_of()
    model, game = model_of(Network(bends=True), signal), game_of(signal)
    both = recipe(model, game, SETTINGS)
    one = recipe.of(CODES[1:])(model, game, SETTINGS)
    assert tuple(one.features) == CODES[1:]
    np.testing.assert_array_equal(one.values[1], both.values[1])
    assert np.isnan(one.values[0]).all()
    assert np.isnan(one.r2[0])
    assert one.n_forwards == 1


def test_the_same_seed_gives_the_same_answer_and_another_another() -> None:
    signal = window()
    model, game = model_of(Network(bends=True), signal), game_of(signal)
    first, again = (recipe_of()(model, game, SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(first.values, again.values)
    other = recipe_of()(model, game, SETTINGS.model_copy(update={"seed": 1}))
    assert not np.allclose(first.values, other.values)


def test_ecgs_of_one_design_share_what_the_network_said_and_others_do_not() -> None:
    recipe, network = recipe_of(n_designs=4), Network(bends=True)
    forwards = [
        recipe(model_of(network, window(n)), game_of(window(n)), SETTINGS, number).n_forwards
        for n, number in enumerate((0, 4, 1, 8, 5))
    ]
    new = 1 + 2 * 199
    assert forwards == [new, 1, new, 1, 1]
    assert sum(len(shown) for shown in network.shown) == sum(forwards)
    shared = recipe(model_of(network, window()), game_of(window()), SETTINGS, 4)
    alone = recipe_of(n_designs=4)(model_of(network, window()), game_of(window()), SETTINGS, 4)
    np.testing.assert_array_equal(shared.values, alone.values)


@pytest.mark.parametrize("change", ["weights", "network", "background", "output", "seed"])
def test_what_the_network_said_is_not_used_for_anything_else(change: str) -> None:
    recipe, network, signal = recipe_of(), Network(bends=True), window()
    game, settings = game_of(signal), SETTINGS
    recipe(model_of(network, signal), game, settings)
    if change == "weights":
        network.slopes.data *= 2.0
    elif change == "network":
        network = Network(bends=False)
    elif change == "background":
        wider = replace(recipe.background, sd=2 * recipe.background.sd)
        recipe = replace(recipe, background=wider)
    elif change == "output":
        recipe = replace(recipe, output="logit")
    else:
        settings = SETTINGS.model_copy(update={"seed": 1})
    said = recipe(model_of(network, signal), game, settings)
    alone = PaperLime(recipe.background, None, 200, 8, "absolute", recipe.output)
    fresh = alone(model_of(network, signal), game, settings)
    np.testing.assert_array_equal(said.values, fresh.values)
    assert said.n_forwards == fresh.n_forwards == 399


def test_a_sample_that_never_varies_in_the_background_is_no_feature() -> None:
    recipe, network, signal = recipe_of(n_features=N), Network(bends=True), window()
    sd = recipe.background.sd.copy()
    sd[:, 1, 4] = 0.0
    recipe = replace(recipe, background=replace(recipe.background, sd=sd))
    network.slopes.data[:, N_SAMPLES + 4] = 50.0
    signal[1, 4] = recipe.background.mean[0, 1, 4] + 1e4
    said = recipe(model_of(network, signal), game_of(signal), SETTINGS)
    assert [f.sample for f in said.features[CODES[0]] if f.lead == "II"].index(4) >= 0
    few = replace(recipe, n_features=N - 1)(model_of(network, signal), game_of(signal), SETTINGS)
    assert all((f.lead, f.sample) != ("II", 4) for f in few.features[CODES[0]])
    assert np.isfinite(said.values).all()


def test_a_background_of_another_scale_or_other_leads_is_refused() -> None:
    signal = window()
    network = Network(bends=True)
    with pytest.raises(ConfigError, match="scale is 'microvolt'"):
        recipe_of("microvolt")(model_of(network, signal), game_of(signal), SETTINGS)
    with pytest.raises(ConfigError, match="scale is 'millivolt'"):
        recipe_of()(model_of(network, signal, "lead_zscore"), game_of(signal), SETTINGS)
    recipe = recipe_of()
    other = replace(recipe.background, leads=("I", "II", "V2"))
    with pytest.raises(ConfigError, match="10 samples of I, II, V2, the model 10 of I, II, V1"):
        replace(recipe, background=other)(model_of(network, signal), game_of(signal), SETTINGS)


def test_a_diagnosis_that_the_background_does_not_know_is_refused() -> None:
    signal = window()
    recipe = recipe_of().of(("59118001",))
    with pytest.raises(ConfigError, match="59118001: not a diagnosis"):
        recipe(model_of(Network(bends=True), signal), game_of(signal), SETTINGS)


def test_by_name_the_background_is_read_from_the_settings_file(tmp_path: Path) -> None:
    signal = window()
    model, game = model_of(Network(bends=True), signal), game_of(signal)
    by_name = explainer("paper_lime")
    with pytest.raises(ConfigError, match="name the file in 'background'"):
        by_name(model, game, SETTINGS, 0)
    background = background_of()
    background.save(tmp_path / "background.npz")
    settings = SETTINGS.model_copy(update={"background": tmp_path / "background.npz"})
    said = by_name(model, game, settings, 2)
    direct = PaperLime(background)(model, game, SETTINGS, 2)
    np.testing.assert_array_equal(said.values, direct.values)
    assert said.n_forwards == direct.n_forwards == 1 + 2 * 4999
