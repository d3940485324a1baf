"""The methods that the truth benchmark compares: ours, others', and two that bound them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from explain_cases import Case, column_of
from torch import nn

from leadlens.bundle import Bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.explain.attribution import Attribution, Summed
from leadlens.explain.explainers import explainer
from leadlens.explain.faithfulness import amplitudes
from leadlens.explain.frozen import FrozenModel, freeze
from leadlens.explain.game import Game
from leadlens.explain.paper_lime import PaperLime
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import make_game
from leadlens.simulate import Evidence

WAVES = ExplainSettings(timing=False, n_samples=512)
"""The default without timing players, which own no sample; each method has as many masks."""


def changed(**changes: object) -> ExplainSettings:
    """Return WAVES with changes."""
    return WAVES.model_copy(update=changes)


DEFAULT = "lime (the default)"
METHODS: dict[str, ExplainSettings] = {
    DEFAULT: changed(timing=True),
    "lime, without timing players": WAVES,
    "lime, isoelectric": changed(replacement="isoelectric"),
    "lime, bridge": changed(replacement="bridge"),
    "lime, kernel width 0.25": changed(kernel_width=0.25),
    "lime, random masks": changed(design="bernoulli"),
    "lime, segments": changed(pieces="segments"),
    "lime, segments, isoelectric": changed(pieces="segments", replacement="isoelectric"),
    **{name: changed(method=name) for name in ("shapley", "kernel_shap", "occlusion")},
    "exact_shapley, whole leads": changed(method="exact_shapley", pieces="whole"),
    "exact_shapley, frontal or chest": changed(
        method="exact_shapley", pieces="whole", lead_groups="frontal_or_chest"
    ),
    **{
        name: changed(method=name)
        for name in ("integrated_gradients", "deeplift", "grad_cam", "cam", "paper_lime")
    },
}
"""Ours and others by name, on waves with the median beat where nothing else is said."""
CAPTUM = "captum Lime as it comes"
AMPLITUDE = "amplitude (no model)"
TRUTH = "the truth itself"
"""What players as coarse as these can reach at most, or nearly."""
SLOW = ("integrated_gradients", "deeplift")
"""Each class costs as much as the first: here only those that are judged are explained."""


class Columns(nn.Module):
    """Some classes of a network."""

    def __init__(self, network: nn.Module, columns: list[int]) -> None:
        super().__init__()
        self.network, self.columns = network, columns

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """Return the logits of the chosen classes."""
        return self.network(signal)[:, self.columns]


def captum_lime(model: FrozenModel, game: Game, column: int) -> Attribution:
    """Return what captum's Lime says by its defaults: zeros as baseline, 25 samples, lasso 0.01."""
    from captum.attr import Lime

    signal = game.windows(np.ones((1, game.players.n_players), bool))
    # Players that own nothing (P waves in atrial fibrillation) are no features of its mask.
    there, owner = np.unique(game.players.owner, return_inverse=True)
    mask = torch.from_numpy(owner.reshape(1, *game.players.owner.shape))
    torch.manual_seed(0)
    lime = Lime(lambda windows: model.network(model.scaled(windows)))
    with torch.no_grad():
        found = lime.attribute(signal, target=column, feature_mask=mask, return_input_shape=False)
    values = np.zeros(game.players.n_players)
    values[there] = found.double().numpy()[0]
    return as_attribution(model, game, column, values)


def as_attribution(model: FrozenModel, game: Game, column: int, values: np.ndarray) -> Attribution:
    """Return one class' values as an attribution; the other classes' are 0."""
    players, n = game.players, len(model.classes)
    full = np.zeros((n, players.n_players))
    full[column] = values
    sums = {
        kind: Summed(each.names, full @ each.matrix.T, np.zeros((n, len(each.names))))
        for kind, each in players.sums.items()
    }
    return Attribution(
        model.classes, players, full, np.zeros_like(full), sums, np.zeros(n), np.zeros(n), 0
    )


Said = Callable[[str], Attribution]


def said_by(
    bundle: Bundle, case: Case, name: str, number: int, recipe: PaperLime | None = None
) -> Said:
    """Return a method's attribution of one ECG, by the diagnosis that is asked for."""
    settings = METHODS.get(name, WAVES)
    model, config = freeze(bundle, case.signal), bundle.config
    game = make_game(case.signal, config.leads, config.fs, "mV", settings, like=model.like)
    columns = {one: column_of(bundle, one) for one in case.right}
    if name == CAPTUM:
        return lambda one: captum_lime(model, game, columns[one])
    if name == AMPLITUDE:
        return lambda one: as_attribution(model, game, columns[one], amplitudes(game))
    if name == TRUTH:
        return lambda one: as_attribution(
            model, game, columns[one], true_values(game, case.evidence[one])
        )
    if recipe is not None:
        return lambda one: recipe.of((diagnosis(one).code,))(model, game, settings)
    if settings.method in SLOW:
        few = Columns(model.network, list(columns.values()))
        asked = replace(model, network=few, classes=tuple(columns))
        said = explainer(settings.method)(asked, game, settings, number)
        return lambda one: as_attribution(
            model, game, columns[one], said.values[said.classes.index(one)]
        )
    said = explainer(settings.method)(model, game, settings, number)
    return lambda _: said


def true_values(game: Game, found: Evidence) -> np.ndarray:
    """Return how much evidence each player holds."""
    rows = [STANDARD_LEADS.index(lead) for lead in game.players.rows]
    held = np.where(found.mask, found.difference, 0).astype(np.float64)[rows]
    owner = game.players.owner
    return np.bincount(owner.ravel(), held.ravel(), minlength=game.players.n_players)
