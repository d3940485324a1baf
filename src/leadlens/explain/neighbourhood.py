"""Neighbourhood: one instance among random draws, and LIME's local regression on them.

The regression is that of Ribeiro et al. 2016 for tabular data, as their package `lime` documents
it: features in standard deviations of the background; weights by an exponential kernel on the
Euclidean distance from the instance; a ridge regression on all features, of which those with the
largest product of |coefficient| and the instance's value are kept; a second one on these alone.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse.linalg import LinearOperator, lsmr

KERNEL_WIDTH: Final = 0.75
"""Times the root of the number of features: the package's default."""
SELECTION_RIDGE: Final = 0.01
"""Penalty where features are chosen: not documented, but the package's choices are those of it."""
RIDGE: Final = 1.0
"""Penalty of the regression on the chosen features: that of the package's default regressor."""
MOST_STEPS: Final = 1000

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class LocalFit:
    """The regression on the chosen features.

    Attributes:
        features: numbers of the chosen features, the largest |weight| first.
        weights: change of the answer for one standard deviation of each.
        r2: weighted share of the answers' variance that they explain, on the draws they were
            chosen on.
    """

    features: Int[Array, " chosen"]
    weights: Float[Array, " chosen"]
    r2: float


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """An instance and draws; both in standard deviations from the background's mean.

    Attributes:
        instance: (feature,).
        draws: (draw, feature); their number type is that of the regression on all features.
    """

    instance: Float[Array, " feature"]
    draws: Float[Array, "draw feature"]

    @cached_property
    def weights(self) -> Float[Array, " point"]:
        """LIME's kernel of each point's distance from the instance, which is the first point."""
        instance = self.instance.astype(self.draws.dtype)
        length = np.einsum("df,df->d", self.draws, self.draws, dtype=float)
        apart = length - 2.0 * (self.draws @ instance) + self.instance @ self.instance
        squared = np.append(0.0, np.maximum(apart, 0.0))
        # The kernel is the root of exp(-(distance / width)^2).
        return np.exp(-squared / (2.0 * KERNEL_WIDTH**2 * len(self.instance)))

    def columns(self, features: Int[Array, " chosen"]) -> Float[Array, "point chosen"]:
        """Return some features of the instance and the draws."""
        return np.vstack([self.instance[features], self.draws[:, features].astype(float)])

    def fit(self, answers: Float[Array, " point"], n_features: int) -> LocalFit:
        """Return the regression of the answers on the `n_features` that matter most here."""
        product = np.abs(self.ridge(answers, SELECTION_RIDGE) * self.instance)
        chosen = np.argsort(-product, kind="stable")[:n_features]
        share = self.weights / self.weights.sum()
        columns = self.columns(chosen)
        columns -= share @ columns
        centred = answers - share @ answers
        weighted = columns.T * self.weights
        penalty = RIDGE * np.eye(len(chosen))
        slopes = np.linalg.solve(weighted @ columns + penalty, weighted @ centred)
        total = share @ centred**2
        residual = share @ (centred - columns @ slopes) ** 2
        order = np.argsort(-np.abs(slopes), kind="stable")
        r2 = 1.0 - residual / total if total > 0 else 0.0
        return LocalFit(chosen[order], slopes[order], float(r2))

    def ridge(self, answers: Float[Array, " point"], penalty: float) -> Float[Array, " feature"]:
        """Return the coefficients of a weighted ridge regression on all features.

        The intercept is free. Solved step by step (LSMR, Fong & Saunders 2011): nothing larger
        than the draws is ever formed.
        """
        kind = self.draws.dtype
        instance = self.instance.astype(kind)
        root = np.sqrt(self.weights)
        share = self.weights / self.weights.sum()
        middle = self._transposed(share, instance)

        def forward(slopes: Float[Array, " feature"]) -> Float[Array, " point"]:
            small = slopes.ravel().astype(kind)
            values = np.append(instance @ small, self.draws @ small).astype(float)
            return root * (values - middle @ slopes.ravel())

        def backward(points: Float[Array, " point"]) -> Float[Array, " feature"]:
            weighted = root * points.ravel()
            return self._transposed(weighted, instance) - middle * weighted.sum()

        operator = LinearOperator(
            (len(root), len(instance)), matvec=forward, rmatvec=backward, dtype=float
        )
        tolerance = 10.0 * float(np.finfo(kind).eps)
        found = lsmr(
            operator,
            root * (answers - share @ answers),
            damp=np.sqrt(penalty),
            atol=tolerance,
            btol=tolerance,
            conlim=0,
            maxiter=MOST_STEPS,
        )
        return found[0]

    def _transposed(
        self, points: Float[Array, " point"], instance: Float[Array, " feature"]
    ) -> Float[Array, " feature"]:
        """Return each feature's sum over the instance and the draws, times `points`."""
        small = points.astype(self.draws.dtype)
        return (instance * small[0] + small[1:] @ self.draws).astype(float)
