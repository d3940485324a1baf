"""The perturbation engine: forward passes under a design's masks, one product for all classes."""

import numpy as np
from jaxtyping import Float

from leadlens.explain.attribution import Attribution, make_attribution, rows_of
from leadlens.explain.designs import N_DESIGNS, NOT_DRAWN, Design, prepared
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.settings import ExplainSettings

Array = np.ndarray


def perturb(
    model: FrozenModel, game: Game, settings: ExplainSettings, number: int = 0
) -> Attribution:
    """Return the attribution by the perturbation method of `settings`.

    Rounds of masks are added until there are as many as wanted and, with a tolerance, every
    standard error is below it, or until `max_forwards` are used. Designs that draw nothing have
    one round.

    Args:
        model: with the scale of the unmasked window.
        game: the window and its players.
        settings: method, design, when to stop.
        number: of the first design; cycle it over a data set.
    """
    players = game.players
    # Who changes nothing has the value 0, and no part in the design.
    there = game.is_there
    rows = rows_of(players)[:, there]
    rounds: list[tuple[Array, Array, Array]] = []
    n_forwards = 0
    logits = np.zeros(0)
    while True:
        # The first rounds of neighbours in a data set differ; later ones are nobody's first.
        which = number % N_DESIGNS + N_DESIGNS * len(rounds)
        design = prepared(int(there.sum()), settings, which)
        masks = np.ones((len(design.masks), players.n_players), bool)
        masks[:, there] = design.masks
        y = model.logits(game.windows(masks))
        n_forwards += len(y)
        logits = y[0]
        rounds.append(estimates(design, y, rows))
        error = np.sqrt(np.mean([each[1] ** 2 for each in rounds], axis=0) / len(rounds))
        if (
            design.error == "none"
            or n_forwards + len(y) > settings.max_forwards
            or (
                len(rounds) >= settings.rounds
                and _is_precise(error[:, : players.n_players], settings)
            )
        ):
            break
    values = np.mean([each[0] for each in rounds], axis=0)
    r2 = np.mean([each[2] for each in rounds], axis=0)
    return make_attribution(model.classes, players, values, error, r2, logits, n_forwards)


def _is_precise(error: Float[Array, "class player"], settings: ExplainSettings) -> bool:
    """Return whether the standard errors are as small as wanted."""
    return settings.tolerance is None or bool(error.max() <= settings.tolerance)


def estimates(
    design: Design, logits: Float[Array, "mask class"], rows: Float[Array, "row player"]
) -> tuple[Float[Array, "class row"], Float[Array, "class row"], Float[Array, " class"]]:
    """Return linear combinations of the values, their standard errors, and R2.

    R2 is the weighted share of the logits' variance over masks that the values' sum gives, adjusted
    for the number of players (about 0 for logits that are noise).
    """
    coefficients = design.solve @ logits
    solve = rows @ design.solve[1:]
    residual = logits - design.columns @ coefficients
    weights = design.weights[:, None]
    n_masks, n_columns = len(design.masks), design.columns.shape[1]
    variance = (weights * residual**2).sum(axis=0) / max(n_masks - n_columns, 1)
    centred = logits - (weights * logits).sum(axis=0) / weights.sum()
    total = (weights * centred**2).sum(axis=0)
    r2 = np.where(total > 1e-12, 1 - variance * (n_masks - 1) / np.maximum(total, 1e-12), 0.0)
    return (solve @ logits).T, _errors(design, solve, residual, variance), r2


def _errors(
    design: Design,
    solve: Float[Array, "row mask"],
    residual: Float[Array, "mask class"],
    variance: Float[Array, " class"],
) -> Float[Array, "class row"]:
    """Return the standard errors of solve @ logits."""
    if design.error == "residual":
        spread = (solve**2 / design.weights).sum(axis=1)
        return np.sqrt(np.outer(variance, spread))
    errors = np.zeros((residual.shape[1], len(solve)))
    n_drawn = int(design.drawn.max()) + 1
    if design.error == "none" or design.drawn.max() == NOT_DRAWN:
        return errors
    # Each draw moves the estimate by its own masks' part; draws are independent of each other.
    order = np.argsort(design.drawn, kind="stable")[np.count_nonzero(design.drawn == NOT_DRAWN) :]
    starts = np.searchsorted(design.drawn[order], np.arange(n_drawn))
    scale = n_drawn / max(n_drawn - len(design.solve) + 1, 1)
    for column in range(residual.shape[1]):
        moved = np.add.reduceat(solve[:, order] * residual[order, column], starts, axis=1)
        errors[column] = np.sqrt(scale * (moved**2).sum(axis=1))
    return errors
