"""Designs: which players are on in which forward pass."""

import numpy as np
from jaxtyping import Bool
from scipy.linalg import hadamard

from leadlens.errors import ConfigError
from leadlens.explain.settings import ExplainSettings

N_DESIGNS = 16
"""Designs that a data set cycles through: with a single one its error never averages out."""


def make_design(
    n_players: int, settings: ExplainSettings, number: int = 0
) -> Bool[np.ndarray, "mask player"]:
    """Return the masks of one design; the first row keeps every player.

    Args:
        n_players: players that are switched.
        settings: kind, size and seed.
        number: of the design; different numbers are independent.
    """
    rng = np.random.default_rng([settings.seed, number])
    if settings.design == "bernoulli":
        if settings.n_samples < 2 * (n_players + 1):
            raise ConfigError(
                f"{settings.n_samples} masks cannot tell {n_players} players apart: "
                f"n_samples of {2 * (n_players + 1)} or more, or fewer segments, are needed"
            )
        masks = rng.random((settings.n_samples, n_players)) < 0.5
        masks[0] = True
        return masks
    # Columns 1.. of a Hadamard matrix are orthogonal to each other and to the intercept; its first
    # row is all ones. Folded over, main effects are free of two-player interactions.
    order = 1 << n_players.bit_length()
    if 2 * order < 3 * (n_players + 1):
        # Too few masks beyond the players leave the error and R2 undetermined.
        order *= 2
    columns = 1 + rng.permutation(order - 1)[:n_players]
    half = hadamard(order, dtype=np.int8)[:, columns] > 0
    return np.concatenate([half, ~half])
