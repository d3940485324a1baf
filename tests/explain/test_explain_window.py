"""Explanations of white boxes whose answers are known in closed form."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_settings import plain_settings
from torch import Tensor, nn

from leadlens.bundle import Bundle, BundleConfig
from leadlens.ecg.leads import LIMB_LEADS, STANDARD_LEADS
from leadlens.ecg.preprocess import Normalisation
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.perturbation import perturb
from leadlens.explain.settings import ExplainSettings, LeadGroups
from leadlens.explain.window import N_MASKS, explain_ecg, explain_window, make_game
from leadlens.models.settings import InceptionTimeSettings

FS, DURATION = 50.0, 4.0
N_SAMPLES = 200
CODES = ("164889003", "426783006", "59118001")
ONLY_RIDGE_0 = {"ridge": 0.0, "n_segments": 5}


class Linear(nn.Module):
    """Logits that are weighted sums of the leads' means over time; keeps what it was shown."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))
        self.shown: list[np.ndarray] = []

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        self.shown.append(signal.numpy().copy())
        return signal.mean(dim=-1) @ self.weights.T


def white_box(
    weights: np.ndarray,
    normalisation: Normalisation = "millivolt",
    leads: tuple[str, ...] = STANDARD_LEADS,
) -> Bundle:
    config = BundleConfig(
        model=InceptionTimeSettings(),
        leads=leads,
        fs=FS,
        duration=DURATION,
        resampling="polyphase",
        normalisation=normalisation,
        classes=CODES[: len(weights)],
        thresholds=(0.5,) * len(weights),
        trained_on={},
        training={},
        weights_sha256="",
        leadlens_version="",
    )
    return Bundle(Path("nowhere"), config, Linear(weights))


def shown(bundle: Bundle) -> list[np.ndarray]:
    assert isinstance(bundle.model, Linear)
    return bundle.model.shown


def weights_of(n_classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_classes, 12))


@pytest.fixture(scope="module")
def ecg(make_ecg: Callable[..., Recording]) -> Recording:
    return make_ecg(fs=FS, duration=DURATION, seed=9)


def by_hand(
    weights: np.ndarray, signal: np.ndarray, chosen: ExplainSettings, factor: float = 1.0
) -> np.ndarray:
    """Return (class, player): weight times what replacing the piece takes from the lead's mean."""
    game = make_game(signal, STANDARD_LEADS, FS, "mV", chosen)
    lost = (game.signal - game.without).double().numpy() * factor / N_SAMPLES
    effect = (weights @ game.players.basis)[:, :, None] * lost
    owner = game.players.owner
    return np.stack([effect[:, owner == n].sum(axis=1) for n in range(owner.max() + 1)], axis=1)


@pytest.mark.parametrize("groups", ["frontal_and_chest", "frontal_or_chest", "displayed"])
@pytest.mark.parametrize("replaced", ["isoelectric", "bridge"])
@pytest.mark.parametrize("design", ["hadamard", "bernoulli"])
def test_a_linear_models_attributions_are_its_weights_times_what_is_lost(
    ecg: Recording, groups: LeadGroups, replaced: str, design: str
) -> None:
    chosen = plain_settings(
        **{**ONLY_RIDGE_0, "lead_groups": groups, "replacement": replaced, "design": design}
    )
    weights = weights_of(3)
    said = explain_ecg(white_box(weights), ecg, chosen)
    np.testing.assert_allclose(said.values, by_hand(weights, ecg.signal, chosen), atol=1e-4)
    assert said.r2.min() > 1 - 1e-6
    assert said.standard_error.max() < 1e-4


def test_a_model_of_microvolts_gets_the_same_answer_a_thousand_times_larger(
    ecg: Recording,
) -> None:
    chosen = plain_settings(**ONLY_RIDGE_0)
    weights = weights_of(2)
    said = explain_ecg(white_box(weights, "microvolt"), ecg, chosen)
    expected = by_hand(weights, ecg.signal, chosen, factor=1000.0)
    np.testing.assert_allclose(said.values, expected, atol=0.1)
    assert np.abs(expected).max() > 10


def test_a_lead_group_is_the_sum_of_its_segments(ecg: Recording) -> None:
    chosen = plain_settings(**ONLY_RIDGE_0)
    said = explain_ecg(white_box(weights_of(3)), ecg, chosen)
    np.testing.assert_allclose(
        said.sums["lead"].values, said.values.reshape(3, 7, 5).sum(axis=2), atol=1e-12
    )


def test_a_lead_that_the_model_does_not_look_at_has_no_part(ecg: Recording) -> None:
    weights = weights_of(1)
    weights[0, STANDARD_LEADS.index("V2")] = 0.0
    said = explain_ecg(white_box(weights), ecg, plain_settings())
    part = said.sums["lead"].values[0, list(said.players.groups).index("V2")]
    assert abs(part) < 1e-4
    assert np.abs(said.sums["lead"].values).max() > 0.05


LIMB_NULL_SPACE = {
    "III - II + I": {"III": 1.0, "II": -1.0, "I": 1.0},
    "aVR + (I + II) / 2": {"aVR": 1.0, "I": 0.5, "II": 0.5},
    "aVL - I + II / 2": {"aVL": 1.0, "I": -1.0, "II": 0.5},
    "aVF - II + I / 2": {"aVF": 1.0, "II": -1.0, "I": 0.5},
}


@pytest.mark.parametrize("equation", LIMB_NULL_SPACE)
@pytest.mark.parametrize("groups", ["frontal_and_chest", "frontal_or_chest", "independent"])
def test_weights_that_no_valid_ecg_can_show_leave_attributions_alone(
    ecg: Recording, equation: str, groups: LeadGroups
) -> None:
    weights = weights_of(1)
    other = weights.copy()
    for lead, value in LIMB_NULL_SPACE[equation].items():
        other[0, STANDARD_LEADS.index(lead)] += 20.0 * value
    chosen = plain_settings(lead_groups=groups)
    first, second = (explain_ecg(white_box(w), ecg, chosen) for w in (weights, other))
    np.testing.assert_allclose(second.logits, first.logits, atol=1e-3)
    np.testing.assert_allclose(second.values, first.values, atol=1e-3)


def test_masking_displayed_leads_changes_with_weights_that_no_valid_ecg_can_show(
    ecg: Recording,
) -> None:
    weights = weights_of(1)
    other = weights.copy()
    for lead, value in LIMB_NULL_SPACE["III - II + I"].items():
        other[0, STANDARD_LEADS.index(lead)] += 20.0 * value
    chosen = plain_settings(lead_groups="displayed")
    first, second = (explain_ecg(white_box(w), ecg, chosen) for w in (weights, other))
    change = np.abs(second.sums["lead"].values - first.sums["lead"].values)
    assert change.max() > 5 * np.abs(first.sums["lead"].values).max()


def test_masking_a_lead_changes_the_input_of_that_lead_alone(
    make_ecg: Callable[..., Recording],
) -> None:
    ecg = make_ecg(fs=FS, duration=DURATION, units="relative")
    bundle = white_box(weights_of(1), "lead_zscore")
    said = explain_ecg(bundle, ecg, plain_settings(n_segments=2))
    inputs = np.concatenate(shown(bundle))
    np.testing.assert_allclose(inputs[0].std(axis=1), 1.0, rtol=1e-3)
    # A statistic taken again after masking would move samples that no mask touched.
    masks = np.abs(inputs - inputs[0]).max(axis=0) > 1e-3
    is_off = np.array([np.abs(x - inputs[0]).max(axis=1) > 1e-3 for x in inputs])
    assert (is_off[:, :6] == is_off[:, :1]).all()
    for number in range(len(inputs)):
        for lead in range(12):
            for half in (slice(0, 100), slice(100, 200)):
                piece = inputs[number, lead, half] - inputs[0, lead, half]
                is_touched = np.abs(piece).max() > 1e-3
                is_line = np.ptp(inputs[number, lead, half]) < 1e-3
                assert is_touched == is_line
    assert masks.mean() > 0.9
    assert said.n_forwards == len(inputs)


def test_all_diagnoses_come_from_one_set_of_forward_passes(ecg: Recording) -> None:
    counts = []
    for n_classes in (1, 3):
        bundle = white_box(weights_of(n_classes))
        said = explain_ecg(bundle, ecg, plain_settings())
        counts.append(sum(len(batch) for batch in shown(bundle)))
        assert said.values.shape == (n_classes, 70)
        assert said.n_forwards == counts[-1]
    assert counts == [N_MASKS + 1, N_MASKS + 1]


def test_the_logits_are_those_of_the_unmasked_window(ecg: Recording) -> None:
    weights = weights_of(3)
    said = explain_ecg(white_box(weights), ecg, plain_settings())
    np.testing.assert_allclose(said.logits, weights @ ecg.signal.mean(axis=1), atol=1e-5)


def test_another_design_gives_the_same_answer_for_a_linear_model(ecg: Recording) -> None:
    bundle = white_box(weights_of(1))
    chosen = plain_settings(**ONLY_RIDGE_0)
    first, second = (explain_window(bundle, ecg.signal, "mV", chosen, n).values for n in (0, 1))
    np.testing.assert_allclose(first, second, atol=1e-4)
    assert not np.array_equal(shown(bundle)[0], shown(bundle)[1])


def test_each_window_of_a_long_recording_is_explained_by_itself(
    make_ecg: Callable[..., Recording],
) -> None:
    ecg = make_ecg(fs=FS, duration=2 * DURATION)
    weights, chosen = weights_of(1), plain_settings(**ONLY_RIDGE_0)
    for window in (0, 1):
        piece = ecg.signal[:, window * N_SAMPLES : (window + 1) * N_SAMPLES]
        said = explain_ecg(white_box(weights), ecg, chosen, window)
        np.testing.assert_allclose(said.values, by_hand(weights, piece, chosen), atol=1e-4)


@pytest.mark.parametrize("window", [-1, 1])
def test_a_window_that_is_not_there_is_refused(ecg: Recording, window: int) -> None:
    with pytest.raises(ConfigError, match=f"1 windows of 4 s: there is no window {window}"):
        explain_ecg(white_box(weights_of(1)), ecg, window=window)


def test_a_model_of_limb_leads_is_explained_as_one_frontal_plane(ecg: Recording) -> None:
    bundle = white_box(np.ones((1, 6)), leads=LIMB_LEADS)
    said = explain_ecg(bundle, ecg, plain_settings(n_segments=3))
    assert tuple(said.players.groups) == ("frontal plane",)
    assert said.values.shape == (1, 3)


class Double(nn.Module):
    """Logits in float64: weighted sums of the leads' means, and an interaction of V1 and V5."""

    def __init__(self, weights: np.ndarray, together: float = 0.0) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(weights))
        self.together = together

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        means = signal.mean(dim=-1)
        product = self.together * means[:, 6] * means[:, 10]
        return means @ self.weights.T + product[:, None]


def double_box(weights: np.ndarray, together: float = 0.0) -> Bundle:
    bundle = white_box(weights)
    return Bundle(bundle.path, bundle.config, Double(weights, together))


@pytest.mark.parametrize("method", ["lime", "kernel_shap", "exact_shapley", "occlusion"])
@pytest.mark.parametrize("groups", ["frontal_and_chest", "frontal_or_chest", "independent"])
def test_every_method_finds_a_linear_models_values_in_float64(
    ecg: Recording, groups: LeadGroups, method: str
) -> None:
    chosen = plain_settings(method=method, lead_groups=groups, pieces="whole", ridge=0.0)
    weights = weights_of(3)
    signal = ecg.signal.astype(np.float64)
    said = explain_window(double_box(weights), signal, "mV", chosen)
    np.testing.assert_allclose(said.values, by_hand(weights, signal, chosen), atol=1e-9)
    np.testing.assert_allclose(said.r2, 1.0, atol=1e-9)


@pytest.mark.parametrize("method", ["kernel_shap", "exact_shapley"])
def test_shapley_shares_an_interaction_equally_and_occlusion_counts_it_twice(
    ecg: Recording, method: str
) -> None:
    """With x, y the means on and u, v those off, a product gives x (xy - ...) in closed form."""
    chosen = plain_settings(method=method, pieces="whole")
    signal = ecg.signal.astype(np.float64)
    bundle = double_box(np.zeros((1, 12)), together=1000.0)
    said = explain_window(bundle, signal, "mV", chosen)
    game = make_game(signal, STANDARD_LEADS, FS, "mV", chosen)
    on, off = (part.numpy().mean(axis=1) for part in (game.signal, game.without))
    v1, v5 = (said.players.names.index(lead) for lead in ("V1", "V5"))
    of_v1 = 1000.0 * (on[6] - off[6]) * (on[10] + off[10]) / 2
    of_v5 = 1000.0 * (on[10] - off[10]) * (on[6] + off[6]) / 2
    np.testing.assert_allclose(said.values[0, [v1, v5]], [of_v1, of_v5], atol=1e-9)
    alone = explain_window(bundle, signal, "mV", chosen.model_copy(update={"method": "occlusion"}))
    assert alone.values[0, v1] == pytest.approx(1000.0 * (on[6] - off[6]) * on[10], abs=1e-9)


def test_rounds_are_added_until_every_standard_error_is_small_enough(ecg: Recording) -> None:
    bundle = double_box(weights_of(1), together=3000.0)
    signal = ecg.signal.astype(np.float64)
    chosen = plain_settings(n_segments=3, ridge=0.0, design="bernoulli")
    once = explain_window(bundle, signal, "mV", chosen)
    wanted = float(once.standard_error.max()) / 2.5
    more = chosen.model_copy(update={"tolerance": wanted})
    said = explain_window(bundle, signal, "mV", more)
    assert said.n_forwards > 2 * once.n_forwards
    assert said.standard_error.max() <= wanted
    capped = more.model_copy(update={"max_forwards": 3 * once.n_forwards})
    assert explain_window(bundle, signal, "mV", capped).n_forwards == 3 * once.n_forwards


def test_low_precision_changes_values_by_a_few_per_cent(ecg: Recording) -> None:
    bundle = white_box(weights_of(2))
    exact, low = (
        explain_window(bundle, ecg.signal, "mV", plain_settings(precision=precision))
        for precision in ("float32", "bfloat16")
    )
    assert not np.array_equal(exact.values, low.values)
    np.testing.assert_allclose(low.values, exact.values, atol=0.03 * np.abs(exact.values).max())


def own_explainer(
    model: FrozenModel, game: Game, settings: ExplainSettings, number: int
) -> Attribution:
    """Return the occlusion values, a hundred times larger."""
    said = perturb(model, game, settings.model_copy(update={"method": "occlusion"}), number)
    return replace(said, values=100.0 * said.values)


def test_an_explainer_of_ones_own_is_named_by_its_import_path(ecg: Recording) -> None:
    chosen = plain_settings(method="occlusion", pieces="whole")
    own = chosen.model_copy(update={"method": f"{__name__}:own_explainer"})
    bundle = white_box(weights_of(1))
    first, second = (explain_ecg(bundle, ecg, each).values for each in (chosen, own))
    np.testing.assert_allclose(second, 100.0 * first)


@pytest.mark.parametrize(
    ("name", "said"),
    [("shapely", "kernel_shap"), ("no.such:thing", "No module named 'no'"),
     ("math:shapley", "has no attribute 'shapley'")],
)  # fmt: skip
def test_an_explainer_that_is_not_there_is_refused(ecg: Recording, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        explain_ecg(white_box(weights_of(1)), ecg, plain_settings(method=name))
