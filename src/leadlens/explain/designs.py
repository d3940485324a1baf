"""Designs: which players are on in which forward pass, and what their logits are multiplied with.

Every perturbation method is linear in the logits: values = solve @ logits. `solve` depends on the
design alone, so it is made once and serves every ECG and every class.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.errors import ConfigError
from leadlens.explain.orthogonal import all_masks, folded_hadamard
from leadlens.explain.settings import ExplainSettings

N_DESIGNS: Final = 16
"""Designs that a data set cycles through: with a single one its error never averages out."""
MOST_EXACT: Final = 12
"""Players of which every coalition is tried: 4,096 forward passes."""
N_MASKS: Final = 256
"""Of a design, for each of many ECGs, whose noise averages out."""
NOT_DRAWN: Final = -1

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Design:
    """Masks, and the linear map from their logits to values.

    Attributes:
        masks: True keeps a player; the first row keeps all.
        solve: (1 + player, mask): intercept and values = solve @ logits.
        weights: of the masks where the fit is judged; their mean is 1.
        error: what the standard error comes from: the "residual" of a regression, in which
            interactions count as noise; the "drawn" coalitions; or "none" where nothing is drawn.
        drawn: for each mask the number of the draw it belongs to, or NOT_DRAWN.
    """

    masks: Bool[Array, "mask player"]
    solve: Float[Array, "column mask"]
    weights: Float[Array, " mask"]
    error: Literal["residual", "drawn", "none"]
    drawn: Int[Array, " mask"]

    @property
    def columns(self) -> Float[Array, "mask column"]:
        """The masks as numbers, after a column of ones."""
        return np.column_stack([np.ones(len(self.masks)), self.masks])


def make_design(n_players: int, settings: ExplainSettings, number: int = 0) -> Design:
    """Return the design of a perturbation method; different numbers are independent.

    Raises:
        ConfigError: the method cannot tell so many players apart with these settings.
    """
    rng = np.random.default_rng([settings.seed, number])
    n_masks = settings.n_samples or N_MASKS
    if settings.method == "exact_shapley":
        return exact_shapley(n_players)
    if settings.method == "occlusion":
        return occlusion(n_players)
    if settings.method == "kernel_shap":
        return kernel_shap(n_players, n_masks, rng)
    if settings.method == "shapley":
        return shapley(n_players, n_masks, rng)
    if settings.design == "bernoulli":
        masks = _bernoulli(n_players, n_masks, rng)
        return lime(masks, settings.ridge, settings.kernel_width)
    return orthogonal_lime(
        folded_hadamard(n_players, n_masks, rng), settings.ridge, settings.kernel_width
    )


def lime(masks: Bool[Array, "mask player"], ridge: float, kernel_width: float) -> Design:
    """Return a weighted ridge regression on `masks` (Ribeiro et al. 2016, LIME's kernel)."""
    distance = 1.0 - np.sqrt(masks.mean(axis=1))
    weights = np.sqrt(np.exp(-(distance**2) / kernel_width**2))
    weights = weights / weights.mean()
    columns = np.column_stack([np.ones(len(masks)), masks])
    penalty = np.diag([0.0, *[ridge] * masks.shape[1]])
    weighted = columns.T * weights
    solve = np.linalg.solve(weighted @ columns + penalty, weighted)
    return Design(masks, solve, weights, "residual", np.full(len(masks), NOT_DRAWN))


def orthogonal_lime(masks: Bool[Array, "mask player"], ridge: float, kernel_width: float) -> Design:
    """Return `lime` on masks of which the second half complements the first.

    What a mask and its complement have in common, such as interactions of two players, enters
    neither the values nor their errors. The unmasked ECG is shown too, and not fitted.
    """
    fit = lime(masks, ridge, kernel_width)
    if len(masks) == 2 ** masks.shape[1]:
        return replace(fit, error="none")
    pairs = np.tile(np.arange(len(masks) // 2), 2)
    return Design(
        masks=np.vstack([np.ones((1, masks.shape[1]), bool), masks]),
        solve=np.pad(fit.solve, ((0, 0), (1, 0))),
        weights=np.append(0.0, fit.weights) * (1 + 1 / len(masks)),
        error="drawn",
        drawn=np.append(NOT_DRAWN, pairs),
    )


def exact_shapley(n_players: int) -> Design:
    """Return Shapley's values (1953) by all coalitions.

    Raises:
        ConfigError: more than MOST_EXACT players.
    """
    if n_players > MOST_EXACT:
        raise ConfigError(
            f"exact_shapley tries every coalition, and {n_players} players have "
            f"2^{n_players}: at most {MOST_EXACT} (use 'pieces: whole', or 'kernel_shap')"
        )
    masks = all_masks(n_players)
    size = masks.sum(axis=1)
    after = np.array([1.0 / (n_players * comb(n_players - 1, max(s - 1, 0))) for s in size])
    before = np.array(
        [1.0 / (n_players * comb(n_players - 1, min(s, n_players - 1))) for s in size]
    )
    values = np.where(masks.T, after, -before)
    solve = np.vstack([(size == 0).astype(float), values])
    n_masks = len(masks)
    return Design(masks, solve, np.ones(n_masks), "none", np.full(n_masks, NOT_DRAWN))


def shapley(n_players: int, n_masks: int, rng: np.random.Generator) -> Design:
    """Return Shapley's values by Simpson's rule on the multilinear extension (Owen 1972).

    A value is the mean over p of what the player adds where each other is on with probability p. At
    the ends this is what is lost without the player alone and what it alone gives; in the middle
    its effect in orthogonal masks, `n_masks` of them. Exact for interactions of up to four players,
    but for what such masks mix; standard errors are of the middle alone. The values add up to the
    difference between all on and all off.
    """
    middle = folded_hadamard(n_players, n_masks, rng)
    if len(middle) == 2**n_players and n_players <= MOST_EXACT:
        return exact_shapley(n_players)
    alone = np.eye(n_players, dtype=bool)
    ends = np.array([[True] * n_players, [False] * n_players])
    n_ends, n_all = 2 * n_players + 2, 2 * n_players + 2 + len(middle)
    values = np.zeros((n_players, n_all))
    values[:, 0], values[:, 1] = 1 / 6, -1 / 6
    values[:, 2:n_ends] = np.hstack([-np.eye(n_players), np.eye(n_players)]) / 6
    values[:, n_ends:] = 4 / 6 * np.where(middle.T, 2.0, -2.0) / len(middle)
    wanted = np.zeros(n_all)
    wanted[:2] = 1.0, -1.0
    values += (wanted - values.sum(axis=0)) / n_players
    is_middle = np.arange(n_all) >= n_ends
    pairs = np.tile(np.arange(len(middle) // 2), 2)
    return Design(
        masks=np.vstack([ends, ~alone, alone, middle]),
        solve=np.vstack([wanted == -1.0, values]),
        weights=is_middle * n_all / len(middle),
        error="drawn",
        drawn=np.concatenate([np.full(n_ends, NOT_DRAWN), pairs]),
    )


def occlusion(n_players: int) -> Design:
    """Return what is lost when one player alone is off (Zeiler & Fergus 2014).

    The last mask, all off, enters no value: it tells whether the values add up.
    """
    masks = np.vstack([np.ones((1, n_players), bool), ~np.eye(n_players, dtype=bool)])
    values = np.hstack([np.ones((n_players, 1)), -np.eye(n_players), np.zeros((n_players, 1))])
    intercept = -values.sum(axis=0)
    intercept[0] += 1.0
    masks = np.vstack([masks, np.zeros((1, n_players), bool)])
    n_masks = n_players + 2
    solve = np.vstack([intercept, values])
    return Design(masks, solve, np.ones(n_masks), "none", np.full(n_masks, NOT_DRAWN))


def kernel_shap(n_players: int, n_samples: int, rng: np.random.Generator) -> Design:
    """Return Shapley's values by regression on coalitions and their complements.

    Sizes of which all coalitions fit into `n_samples` are all tried, the others drawn by the
    Shapley kernel (Lundberg & Lee 2017), each with its complement (Covert & Lee 2021). The values
    add up to the difference between all on and all off.

    Raises:
        ConfigError: too few samples for so many players.
    """
    if n_players < 2:
        return exact_shapley(n_players)
    if n_samples < 2 * (n_players + 1):
        raise ConfigError(
            f"{n_samples} masks cannot tell {n_players} players apart: "
            f"n_samples of {2 * (n_players + 1)} or more, or fewer pieces, are needed"
        )
    masks, weights, drawn = _coalitions(n_players, n_samples, rng)
    ends = np.array([[True] * n_players, [False] * n_players])
    # values = A (Z'W (y - y_off) + 1 c), with c such that they add up to y_on - y_off.
    z = masks.astype(float)
    weighted = z.T * weights
    inverse = np.linalg.pinv(weighted @ z, hermitian=True)
    free = inverse @ np.hstack(
        [np.zeros((n_players, 1)), -weighted.sum(1, keepdims=True), weighted]
    )
    wanted = np.zeros(2 + len(masks))
    wanted[:2] = 1.0, -1.0
    ones = inverse.sum(axis=1)
    values = free + np.outer(ones / ones.sum(), wanted - free.sum(axis=0))
    intercept = np.zeros(2 + len(masks))
    intercept[1] = 1.0
    return Design(
        masks=np.vstack([ends, masks]),
        solve=np.vstack([intercept, values]),
        weights=np.concatenate([np.zeros(2), weights * len(weights) / weights.sum()]),
        error="drawn",
        drawn=np.concatenate([[NOT_DRAWN, NOT_DRAWN], drawn]),
    )


def _coalitions(
    n_players: int, n_samples: int, rng: np.random.Generator
) -> tuple[Bool[Array, "mask player"], Float[Array, " mask"], Int[Array, " mask"]]:
    """Return coalitions without the two ends, their Shapley-kernel weights, and their draws."""
    sizes = np.arange(1, n_players // 2 + 1)
    mass = np.array([(n_players - 1) / (s * (n_players - s)) for s in sizes])
    mass[sizes * 2 != n_players] *= 2  # with the complements' size
    mass /= mass.sum()
    parts: list[tuple[Array, Array, Array]] = []
    left = n_samples
    n_whole = 0
    for size in sizes.tolist():
        both = comb(n_players, size) * (1 if 2 * size == n_players else 2)
        if both > left * mass[size - 1] / mass[size - 1 :].sum():
            break
        chosen = _of_size(n_players, size)
        weight = np.full(len(chosen), mass[size - 1] / len(chosen))
        parts.append((chosen, weight, np.full(len(chosen), NOT_DRAWN)))
        left -= both
        n_whole += 1
    if n_whole < len(sizes):
        rest = mass[n_whole:] / mass[n_whole:].sum()
        n_pairs = max(left // 2, 1)
        drawn_sizes = rng.choice(sizes[n_whole:], size=n_pairs, p=rest)
        order = rng.random((n_pairs, n_players)).argsort(axis=1)
        half = order < drawn_sizes[:, None]
        both_halves = np.vstack([half, ~half])
        weight = np.full(2 * n_pairs, mass[n_whole:].sum() / (2 * n_pairs))
        parts.append((both_halves, weight, np.tile(np.arange(n_pairs), 2)))
    masks, weights, drawn = zip(*parts, strict=True)
    return np.vstack(masks), np.concatenate(weights), np.concatenate(drawn)


def _of_size(n_players: int, size: int) -> Bool[Array, "mask player"]:
    """Return all coalitions of a size and of its complement's."""
    chosen = np.array(list(combinations(range(n_players), size)))
    masks = np.zeros((len(chosen), n_players), bool)
    np.put_along_axis(masks, chosen, True, axis=1)
    return masks if 2 * size == n_players else np.vstack([masks, ~masks])


def _bernoulli(
    n_players: int, n_samples: int, rng: np.random.Generator
) -> Bool[Array, "mask player"]:
    """Return LIME's masks: each player on in half of them."""
    if n_samples < 2 * (n_players + 1):
        raise ConfigError(
            f"{n_samples} masks cannot tell {n_players} players apart: "
            f"n_samples of {2 * (n_players + 1)} or more, or fewer pieces, are needed"
        )
    masks = rng.random((n_samples, n_players)) < 0.5
    masks[0] = True
    return masks


@lru_cache(maxsize=16 * N_DESIGNS)
def prepared(n_players: int, settings: ExplainSettings, number: int) -> Design:
    """Return a design that is made once for all ECGs."""
    return make_design(n_players, settings, number)
