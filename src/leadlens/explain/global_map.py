"""The global map: diagnosis by lead, wave or timing, over a data set, with intervals.

Recordings come one after the other and are forgotten, so that a map of any number of them takes
the same memory. Each diagnosis is summed up over the recordings with it, and apart over those that
the model found, missed, or gave wrongly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats

from leadlens.explain.attribution import Attribution
from leadlens.explain.sampling import Verdict

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Cells:
    """A map's cells for one verdict; NaN where there are too few recordings.

    Attributes:
        values: mean evidence in logits, signed: noise averages out.
        half_width: of the 95 % interval over recordings (Student's t).
        fold_half_width: of that over folds, the means of folds being its sample; NaN for one fold.
        strength: root mean square over recordings, the part of noise taken off (mean of the
            squares less the squared standard errors); never below 0.
        absolute: mean magnitude, as published studies sum up; noise inflates it: a player without
            effect gets 0.8 standard errors.
        r2: mean of the explanations' R2.
        n_recordings: that count.
    """

    values: Float[Array, "class name"]
    half_width: Float[Array, "class name"]
    fold_half_width: Float[Array, "class name"]
    strength: Float[Array, "class name"]
    absolute: Float[Array, "class name"]
    r2: Float[Array, " class"]
    n_recordings: Int[Array, " class"]


@dataclass(frozen=True, eq=False)
class GlobalMap:
    """What the players of one kind say for or against each diagnosis.

    Attributes:
        classes: SNOMED CT codes.
        kind: "lead", "piece" or "timing".
        names: the players', or those of their sums.
        by_verdict: cells over the recordings "with it", and over parts of them and others.
    """

    classes: tuple[str, ...]
    kind: str
    names: tuple[str, ...]
    by_verdict: dict[Verdict, Cells]

    @property
    def all_with(self) -> Cells:
        """The cells over all recordings with the diagnosis."""
        return self.by_verdict["with it"]


@dataclass(eq=False)
class _Totals:
    """Running sums over the recordings of one verdict, or of one fold of it."""

    n: Int[Array, " class"]
    value: Float[Array, "class name"]
    square: Float[Array, "class name"]
    noise: Float[Array, "class name"]
    absolute: Float[Array, "class name"]
    r2: Float[Array, " class"]


@dataclass(eq=False)
class MapBuilder:
    """Sums up attributions as they come.

    Attributes:
        classes: SNOMED CT codes.
        kind: which of an attribution's sums.
        names: of that kind.
    """

    classes: tuple[str, ...]
    kind: str
    names: tuple[str, ...]
    _totals: dict[tuple[Verdict, str], _Totals] = field(default_factory=dict)

    def add(
        self,
        attribution: Attribution,
        counts: Mapping[Verdict, Bool[Array, " class"]],
        fold: str = "",
    ) -> None:
        """Add one recording's attribution.

        Args:
            attribution: of the recording.
            counts: for each verdict the classes in whose row it counts.
            fold: by whose model it was explained.
        """
        each = attribution.sums[self.kind]
        for verdict, chosen in counts.items():
            totals = self._totals.setdefault((verdict, fold), self._empty())
            totals.n += chosen
            totals.r2 += np.where(chosen, attribution.r2, 0.0)
            column = chosen[:, None]
            totals.value += np.where(column, each.values, 0.0)
            totals.square += np.where(column, each.values**2, 0.0)
            totals.noise += np.where(column, each.standard_error**2, 0.0)
            totals.absolute += np.where(column, np.abs(each.values), 0.0)

    def finish(self) -> GlobalMap:
        """Return the map of what was added."""
        verdicts = dict.fromkeys(verdict for verdict, _ in self._totals)
        cells = {
            verdict: self._cells([t for (v, _), t in self._totals.items() if v == verdict])
            for verdict in verdicts
        }
        return GlobalMap(self.classes, self.kind, self.names, cells)

    def _empty(self) -> _Totals:
        shape = len(self.classes), len(self.names)
        value, square, noise, absolute = (np.zeros(shape) for _ in range(4))
        n, r2 = np.zeros(shape[0], int), np.zeros(shape[0])
        return _Totals(n, value, square, noise, absolute, r2)

    def _cells(self, folds: list[_Totals]) -> Cells:
        """Return the cells over the sums of some folds."""
        names = ("n", "value", "square", "noise", "absolute", "r2")
        n, value, square, noise, absolute, r2 = (
            sum(getattr(fold, name) for fold in folds) for name in names
        )
        some = np.where(n > 0, n, np.nan)
        column = some[:, None]
        mean = value / column
        return Cells(
            values=mean,
            half_width=_half_width(square - column * mean**2, column),
            fold_half_width=_over_folds(folds),
            strength=np.sqrt(np.maximum((square - noise) / column, 0.0)),
            absolute=absolute / column,
            r2=r2 / some,
            n_recordings=n,
        )


def _over_folds(folds: list[_Totals]) -> Float[Array, "class name"]:
    """Return the half width over the means of folds that have recordings."""
    n = np.stack([np.where(fold.n > 0, fold.n, np.nan) for fold in folds])[:, :, None]
    means = np.stack([fold.value for fold in folds]) / n
    n_folds = np.isfinite(means).sum(axis=0).astype(float)
    mean = np.nansum(means, axis=0) / np.where(n_folds > 0, n_folds, np.nan)
    return _half_width(np.nansum((means - mean) ** 2, axis=0), n_folds)


def _half_width(
    squares: Float[Array, "*shape"], n: Float[Array, "*other"]
) -> Float[Array, "*shape"]:
    """Return the half width of Student's 95 % interval of a mean of `n`; NaN for fewer than 2."""
    freedom = np.where(n > 1, n - 1, np.nan)
    spread = np.sqrt(np.maximum(squares, 0.0) / freedom / n)
    return stats.t.ppf(0.975, freedom) * spread
