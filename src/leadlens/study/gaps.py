"""Gaps: how much worse a diagnosis is told in a hospital that the networks never saw.

K-fold cross-validation and leave-one-source-out say something about the same recordings. Compared
are the same pairs of them, of one source and one of the K folds, so that neither the mix of sources
nor what several networks call probable makes a difference.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from leadlens.evaluation.bootstrap import MIN_POSITIVES, has_enough, symmetric_interval
from leadlens.evaluation.within import aurocs_of_two
from leadlens.study.cell import Predictions
from leadlens.study.repeats import Repeated, repeated
from leadlens.study.results import ConditionResult, Results
from leadlens.study.settings import SCHEME

NONE = (float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class Gap:
    """K-fold less leave-one-source-out, of one condition.

    Attributes:
        name: of the condition, without scheme and seed.
        kfold: AUROC of each class by networks that knew the source: the mean over sources.
        left_out: by networks that did not.
        low, high: ends of the 95 % interval of the difference (bootstrap over patients, a source
            at a time); NaN where the class is too rare for one.
        n_positive: recordings with each class.
        n_sources: sources with a pair to rank, of each class.
        macro: the mean difference over classes, and its interval.
    """

    name: str
    kfold: Float[np.ndarray, " class"]
    left_out: Float[np.ndarray, " class"]
    low: Float[np.ndarray, " class"]
    high: Float[np.ndarray, " class"]
    n_positive: Int[np.ndarray, " class"]
    n_sources: Int[np.ndarray, " class"]
    macro: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class _Tested:
    """What all folds of a condition said, by recording.

    Attributes:
        said: of each tested fold.
        fold: of each recording, its tested fold.
        place: of each recording, its row there.
        group: of each recording, its patient's number.
    """

    said: dict[int, Predictions]
    fold: dict[str, int]
    place: dict[str, int]
    group: dict[str, int]

    def rows(self, keys: list[str]) -> Predictions:
        """Return what was said of these recordings, in this order."""
        parts = [(self.said[self.fold[key]], self.place[key]) for key in keys]
        first = parts[0][0]
        return Predictions(
            keys=tuple(keys),
            labels=np.stack([said.labels[row] for said, row in parts]),
            label_mask=np.stack([said.label_mask[row] for said, row in parts]),
            probabilities=np.stack([said.probabilities[row] for said, row in parts]),
            prevalence=first.prevalence,
            thresholds=first.thresholds,
        )


def gaps(results: Results) -> list[Gap]:
    """Return the gap of each condition that was tested both ways, seeds averaged."""
    by_name: dict[str, list[Repeated]] = {}
    for each in repeated(results):
        rest = {axis: value for axis, value in each.condition.items() if axis != SCHEME}
        by_name.setdefault(str(rest), []).append(each)
    found = []
    for group in by_name.values():
        known = [each for each in group if not each.is_by_source]
        unseen = [each for each in group if each.is_by_source]
        if known and unseen and known[0].folds and unseen[0].folds:
            found.append(_gap(known[0], unseen[0], results.classes))
    return found


def _gap(known: Repeated, unseen: Repeated, classes: tuple[str, ...]) -> Gap:
    """Return the gap of a condition whose folds were dealt in two ways."""
    seeds = list(zip(known.seeds, unseen.seeds, strict=False))
    pairs = [(_tested(one), _tested(other)) for one, other in seeds]
    values, draws, n_positive = [], [], np.zeros(len(classes), int)
    for fold in unseen.seeds[0].folds:
        keys = [key for key in fold.said.keys if all(key in one.fold for one, _ in pairs)]
        if not keys:
            continue
        by_seed = [_of_source(one.rows(keys), other.rows(keys), one) for one, other in pairs]
        values.append(np.mean([value for value, _ in by_seed], axis=0))
        draws.append(np.mean([drawn for _, drawn in by_seed], axis=0))
        said = pairs[0][0].rows(keys)
        n_positive += (said.labels & said.label_mask).sum(axis=0)
    both, drawn = _mean(np.stack(values)), _mean(np.stack(draws))
    less = both[0] - both[1]
    ends = [
        symmetric_interval(float(less[column]), drawn[:, column])
        if n_positive[column] >= MIN_POSITIVES
        else NONE
        for column in range(len(classes))
    ]
    low, high = np.array(ends).T
    is_there = np.isfinite(less)
    macro = float(less[is_there].mean()) if is_there.any() else float("nan")
    around = NONE
    if is_there.any() and has_enough(n_positive[is_there]):
        around = symmetric_interval(macro, _mean(drawn[:, is_there].T))
    name = ", ".join(f"{a}={v}" for a, v in known.condition.items() if a != SCHEME)
    n_sources = np.isfinite(np.stack(values)[:, 0]).sum(axis=0)
    return Gap(name, both[0], both[1], low, high, n_positive, n_sources, (macro, *around))


def _of_source(
    one: Predictions, other: Predictions, tested: _Tested
) -> tuple[Float[np.ndarray, "2 class"], Float[np.ndarray, "draw class"]]:
    """Return both AUROCs of each class in one source, and the draws of their difference."""
    strata = np.array([tested.fold[key] for key in one.keys])
    groups = np.array([tested.group[key] for key in one.keys])
    said = np.stack([one.probabilities, other.probabilities])
    return aurocs_of_two(one.labels, one.label_mask, said, strata, groups)


def _tested(condition: ConditionResult) -> _Tested:
    """Return what all folds of a condition said, by recording."""
    fold, place, group = {}, {}, {}
    for each in condition.folds:
        for row, key in enumerate(each.said.keys):
            fold[key], place[key], group[key] = each.cell.fold, row, int(each.groups[row])
    return _Tested({each.cell.fold: each.said for each in condition.folds}, fold, place, group)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis of what there is; NaN where nothing is."""
    n = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(values, axis=0) / n)
