"""Stability: does the same question asked again get the same map?"""

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from leadlens.explain.explainers import explainer
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.settings import ExplainSettings

Array = np.ndarray


def spearman(one: Float[Array, " n"], other: Float[Array, " n"]) -> float:
    """Return the rank correlation of two maps; 0 where one of them is flat."""
    ranks = [rankdata(values) - (len(values) + 1) / 2 for values in (one, other)]
    norm = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float(ranks[0] @ ranks[1]) / norm if norm else 0.0


def seed_to_seed(
    model: FrozenModel, game: Game, settings: ExplainSettings, column: int, number: int = 0
) -> float:
    """Return the rank correlation of the maps of two designs that share nothing but the model."""
    explain = explainer(settings.method)
    again = settings.model_copy(update={"seed": settings.seed + 1})
    one, other = (explain(model, game, chosen, number) for chosen in (settings, again))
    return spearman(one.values[column], other.values[column])
