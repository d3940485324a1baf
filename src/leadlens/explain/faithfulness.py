"""Faithfulness: does the model's answer follow the explanation when players go and come?

All ECGs that the model is shown are the game's own masks, so they are as possible as those of
which the explanation was made. Scores are in logits of the explained class.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.explain.attribution import Attribution
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game

MOST_STEPS: Final = 20
"""Points of a curve after the first; more players go several at a time."""
N_RANDOM: Final = 8
"""Random orders, of which the mean is taken."""
N_SUBSETS: Final = 32
SUBSET_SIZES: Final = (0.1, 0.25, 0.5, 0.75)
"""Of sensitivity-n, as shares of the players."""

Array = np.ndarray


@dataclass(frozen=True)
class Curves:
    """The mean logit while players go, or come, in one order.

    Attributes:
        deletion: from all players to none, the first in order going first: low is good.
        insertion: from none to all, the first in order coming first: high is good.
    """

    deletion: float
    insertion: float

    @property
    def gap(self) -> float:
        """Insertion less deletion: 0 for an order that knows nothing."""
        return self.insertion - self.deletion


@dataclass(frozen=True)
class Faithfulness:
    """How the model follows one explanation.

    Attributes:
        own: curves (Petsiuk et al. 2018, RISE) in the order of the values, highest first.
        random: mean over random orders.
        amplitude: in the order of how much of the signal a player carries (mV summed over samples).
        sensitivity_n: correlation of summed values with the logit's loss when random subsets of
            players go, mean over subset sizes (Ancona et al. 2018).
        r2: of the surrogate.
    """

    own: Curves
    random: Curves
    amplitude: Curves
    sensitivity_n: float
    r2: float


def faithfulness(
    model: FrozenModel, game: Game, attribution: Attribution, column: int, seed: int = 0
) -> Faithfulness:
    """Return how faithful the explanation of class `column` is to `model`."""
    rng = np.random.default_rng(seed)
    values = attribution.values[column]
    n = len(values)
    orders = [np.argsort(-values, kind="stable"), np.argsort(-amplitudes(game), kind="stable")]
    orders += [rng.permutation(n) for _ in range(N_RANDOM)]
    curves = [_curves(model, game, order, column) for order in orders]
    return Faithfulness(
        own=curves[0],
        random=Curves(
            deletion=float(np.mean([each.deletion for each in curves[2:]])),
            insertion=float(np.mean([each.insertion for each in curves[2:]])),
        ),
        amplitude=curves[1],
        sensitivity_n=sensitivity_n(model, game, values, column, rng),
        r2=float(attribution.r2[column]),
    )


def amplitudes(game: Game) -> Float[Array, " player"]:
    """Return how much the window changes when one player alone is off, mV summed over samples."""
    n = game.players.n_players
    masks = np.vstack([np.ones((1, n), bool), ~np.eye(n, dtype=bool)])
    windows = game.windows(masks).double().nan_to_num()
    return (windows[1:] - windows[0]).abs().sum(dim=(1, 2)).cpu().numpy()


def sensitivity_n(
    model: FrozenModel,
    game: Game,
    values: Float[Array, " player"],
    column: int,
    rng: np.random.Generator,
) -> float:
    """Return the correlation of what subsets should and do take away, mean over their sizes."""
    n = len(values)
    found = []
    for size in sorted({max(round(share * n), 1) for share in SUBSET_SIZES if n > 1}):
        gone = rng.random((N_SUBSETS, n)).argsort(axis=1) < size
        masks = np.vstack([np.ones((1, n), bool), ~gone])
        logits = model.logits(game.windows(masks))[:, column]
        found.append(_correlation(gone @ values, logits[0] - logits[1:]))
    return float(np.mean(found)) if found else 0.0


def _curves(model: FrozenModel, game: Game, order: Int[Array, " player"], column: int) -> Curves:
    """Return the means over deletion and insertion in this order, by the trapezoid rule."""
    steps = np.unique(np.linspace(0, len(order), MOST_STEPS + 1).round().astype(int))
    first = _first(order, steps)
    masks = np.vstack([~first, first])
    logits = model.logits(game.windows(masks))[:, column]
    share = steps / len(order)
    deletion, insertion = (np.trapezoid(half, share) for half in np.split(logits, 2))
    return Curves(float(deletion), float(insertion))


def _first(order: Int[Array, " player"], steps: Int[Array, " step"]) -> Bool[Array, "step player"]:
    """Return for each step which players are among the first so many in order."""
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    return place < steps[:, None]


def _correlation(one: Float[Array, " n"], other: Float[Array, " n"]) -> float:
    """Return Pearson's correlation; 0 where one of them is constant."""
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float(one @ other) / norm if norm > 1e-12 else 0.0
