"""Skill: how well a model tells one diagnosis on recordings that it has not seen."""

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from scipy.stats import mannwhitneyu


class Skill(BaseModel):
    """How well one diagnosis is told; None where there is nobody to compare.

    Attributes:
        n_positive: recordings with it.
        n_negative: recordings without it; unknown labels count as neither.
        auroc: how often one with it gets the higher probability.
        p: how often a model without skill would do as well (Mann-Whitney, one-sided).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    n_positive: int
    n_negative: int
    auroc: float | None = None
    p: float | None = None

    @property
    def counts(self) -> str:
        """How many recordings have it and have it not."""
        return f"{self.n_positive:,} with it, {self.n_negative:,} without"

    @property
    def in_words(self) -> str:
        """AUROC and counts."""
        auroc = "not known" if self.auroc is None else f"{self.auroc:.3f}"
        return f"AUROC {auroc} ({self.counts})"


def skills_of(
    labels: Bool[np.ndarray, "n class"],
    known: Bool[np.ndarray, "n class"],
    probabilities: Float[np.ndarray, "n class"],
) -> tuple[Skill, ...]:
    """Return the skill for each class.

    Args:
        labels: of recordings that the model has not seen.
        known: where they are known.
        probabilities: that the model gave, or anything that grows with them.
    """
    columns = zip(labels.T, known.T, probabilities.T, strict=True)
    return tuple(
        _skill(said[is_known & has], said[is_known & ~has]) for has, is_known, said in columns
    )


def _skill(with_it: Float[np.ndarray, " n"], without: Float[np.ndarray, " m"]) -> Skill:
    """Return the skill that sets some recordings apart from others."""
    n, m = len(with_it), len(without)
    if n == 0 or m == 0:
        return Skill(n_positive=n, n_negative=m)
    test = mannwhitneyu(with_it, without, alternative="greater")
    auroc = float(test.statistic) / (n * m)
    return Skill(n_positive=n, n_negative=m, auroc=auroc, p=float(test.pvalue))
