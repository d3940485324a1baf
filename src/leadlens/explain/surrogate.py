"""The surrogate: a weighted ridge regression of logits on masks, solved once for all classes.

With masks Z (and a column of ones), weights W and penalty a (none on the intercept), coefficients
are P y with P = (Z'WZ + aI)^-1 Z'W: P depends on the design alone, so it serves every ECG and every
class. The kernel is LIME's (Ribeiro et al. 2016).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A factored regression for one design.

    Attributes:
        design: (mask, 1 + player) with the intercept first.
        weights: (mask,), their mean 1.
        solve: (1 + player, mask): coefficients = solve @ logits.
    """

    design: Float[np.ndarray, "mask column"]
    weights: Float[np.ndarray, " mask"]
    solve: Float[np.ndarray, "column mask"]


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients of every class, with errors.

    Attributes:
        values: (class, player).
        standard_error: (class, player), from the residuals; interactions count as residual.
        r2: (class,) weighted share of the logits' variance over masks that the surrogate gives,
            adjusted for the number of players (about 0 for logits that are noise).
        residual_variance: (class,).
    """

    values: Float[np.ndarray, "class player"]
    standard_error: Float[np.ndarray, "class player"]
    r2: Float[np.ndarray, " class"]
    residual_variance: Float[np.ndarray, " class"]


def make_surrogate(
    masks: Bool[np.ndarray, "mask player"], ridge: float, kernel_width: float
) -> Surrogate:
    """Return the factored regression for a design."""
    distance = 1.0 - np.sqrt(masks.mean(axis=1))
    weights = np.sqrt(np.exp(-(distance**2) / kernel_width**2))
    weights = weights / weights.mean()
    design = np.column_stack([np.ones(len(masks)), masks.astype(float)])
    penalty = np.diag([0.0, *[ridge] * masks.shape[1]])
    weighted = design.T * weights
    solve = np.linalg.solve(weighted @ design + penalty, weighted)
    return Surrogate(design, weights, solve)


def fit_surrogate(surrogate: Surrogate, logits: Float[np.ndarray, "mask class"]) -> Fit:
    """Return the coefficients that best give `logits` from the masks."""
    y = logits.astype(np.float64)
    coefficients = surrogate.solve @ y
    residual = y - surrogate.design @ coefficients
    weights = surrogate.weights[:, None]
    n_masks, n_columns = surrogate.design.shape
    squares = (weights * residual**2).sum(axis=0)
    variance = squares / (n_masks - n_columns)
    centred = y - (weights * y).sum(axis=0) / weights.sum()
    total = (weights * centred**2).sum(axis=0)
    error = np.sqrt(np.outer(_spread(surrogate, surrogate.solve[1:]), variance))
    unexplained = variance * (n_masks - 1) / np.maximum(total, 1e-12)
    r2 = np.where(total > 1e-12, 1.0 - unexplained, 0.0)
    return Fit(coefficients[1:].T, error.T, r2, variance)


def error_of_sums(
    surrogate: Surrogate, fit: Fit, sums: Float[np.ndarray, "sum player"]
) -> Float[np.ndarray, "class sum"]:
    """Return the standard errors of sums of coefficients, their covariance included."""
    return np.sqrt(np.outer(fit.residual_variance, _spread(surrogate, sums @ surrogate.solve[1:])))


def _spread(surrogate: Surrogate, rows: Float[np.ndarray, "row mask"]) -> Float[np.ndarray, " row"]:
    """Return the variance of rows @ y for y of variance 1 / weight."""
    return (rows**2 / surrogate.weights).sum(axis=1)
