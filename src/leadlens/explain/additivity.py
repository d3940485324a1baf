"""How well values add up: do they give the logits of windows of which parts are masked?

Explainers without a surrogate have no R2 of their own; here is one that any of them can be given.
"""

import numpy as np
from jaxtyping import Float

from leadlens.explain.attribution import Attribution, make_attribution, rows_of
from leadlens.explain.designs import N_DESIGNS, prepared
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.settings import ExplainSettings


def additivity(
    model: FrozenModel,
    game: Game,
    values: Float[np.ndarray, "class player"],
    settings: ExplainSettings,
    number: int = 0,
) -> tuple[Float[np.ndarray, " class"], int]:
    """Return R2 of `values` over masks, and the forward passes that it took.

    The masks and weights are those of LIME's folded Hadamard design. R2 is the weighted share of
    the logits' variance that is gone once the values of the players that are on are taken off. It
    is below 0 where values mislead, and 0 where masks change nothing.
    """
    lime = settings.model_copy(update={"method": "lime", "design": "hadamard"})
    design = prepared(game.players.n_players, lime, number % N_DESIGNS)
    logits = model.logits(game.windows(design.masks))
    left = logits - design.masks @ values.T
    total = _variance(logits, design.weights)
    r2 = 1 - _variance(left, design.weights) / np.maximum(total, 1e-12)
    return np.where(total > 1e-12, r2, 0.0), len(logits)


def with_additivity(
    model: FrozenModel,
    game: Game,
    values: Float[np.ndarray, "class player"],
    logits: Float[np.ndarray, " class"],
    n_forwards: int,
    settings: ExplainSettings,
    number: int = 0,
) -> Attribution:
    """Return the attribution with these values, exact, and the R2 of `additivity`.

    Args:
        model: with the scale of the unmasked window.
        game: the window and its players.
        values: of an explainer.
        logits: of the unmasked window.
        n_forwards: that the values took; those of the R2 are added.
        settings: ridge aside, those of the design.
        number: of the ECG in a data set.
    """
    r2, n_masks = additivity(model, game, values, settings, number)
    rows = values @ rows_of(game.players).T
    exact = np.zeros_like(rows)
    return make_attribution(
        model.classes, game.players, rows, exact, r2, logits, n_forwards + n_masks
    )


def _variance(
    logits: Float[np.ndarray, "mask class"], weights: Float[np.ndarray, " mask"]
) -> Float[np.ndarray, " class"]:
    """Return each class' weighted variance; the weights average 1."""
    centred = logits - np.average(logits, axis=0, weights=weights)
    return np.average(centred**2, axis=0, weights=weights)
