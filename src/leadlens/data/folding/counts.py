"""Counts: how many recordings and positives each fold has, and how even that is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, eq=False)
class FoldCounts:
    """What the folds hold.

    Attributes:
        numbers: the folds.
        sizes: recordings of each.
        positives: recordings of each with each class.
    """

    numbers: Int[np.ndarray, " fold"]
    sizes: Int[np.ndarray, " fold"]
    positives: Int[np.ndarray, "fold class"]

    def deviations(self) -> Float[np.ndarray, " class"]:
        """Return how far each class is from even: |found - expected| / expected, the largest fold.

        A fold is expected to have the class as often as all folds together; NaN for a class that
        nobody has.
        """
        expected = np.outer(self.sizes / self.sizes.sum(), self.positives.sum(axis=0))
        with np.errstate(invalid="ignore"):
            return (np.abs(self.positives - expected) / expected).max(axis=0)

    def size_deviation(self) -> float:
        """Return how far the folds are from one size: the largest share above or below it."""
        mean = self.sizes.mean()
        return float(np.abs(self.sizes - mean).max() / mean)


def count_folds(labels: Bool[np.ndarray, "n class"], folds: Int[np.ndarray, " n"]) -> FoldCounts:
    """Return the counts of each fold; recordings without one (-1) are left out."""
    numbers, fold = np.unique(folds[folds >= 0], return_inverse=True)
    positives = np.zeros((len(numbers), labels.shape[1]), dtype=int)
    np.add.at(positives, fold, labels[folds >= 0])
    return FoldCounts(numbers, np.bincount(fold, minlength=len(numbers)), positives)
