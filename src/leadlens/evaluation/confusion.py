"""Confusion: which rhythm is taken for which, where several may be true and several given."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.ecg.diagnoses import diagnosis


@dataclass(frozen=True, eq=False)
class Confusion:
    """Shares of decisions among recordings that have a diagnosis.

    Attributes:
        names: the diagnoses, in rows as true and in columns as given.
        given: (row, column) share of the recordings that have the row's diagnosis and, beside the
            diagonal, are known not to have the column's, that were given the column's: on the
            diagonal the sensitivity, beside it false alarms. The last column: given none of all.
            NaN where there is no such recording.
        n: (row, column) how many recordings that are.
    """

    names: tuple[str, ...]
    given: Float[np.ndarray, "row column"]
    n: Int[np.ndarray, "row column"]


def rhythm_confusion(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    decisions: Bool[np.ndarray, "n class"],
    classes: tuple[str, ...],
) -> Confusion:
    """Return which rhythms are given to recordings with each rhythm.

    Args:
        labels: one column a class.
        label_mask: where they are known.
        decisions: the classes given.
        classes: the SNOMED CT code of each column; those of other groups are left out.
    """
    columns = [i for i, code in enumerate(classes) if diagnosis(code).group == "rhythm"]
    truth, known, given = (part[:, columns] for part in (labels, label_mask, decisions))
    has, has_not = truth & known, ~truth & known
    size = len(columns)
    counts, n = np.zeros((size, size + 1), int), np.zeros((size, size + 1), int)
    for row in range(size):
        those = has[:, row]
        among = np.column_stack([has_not, np.ones(len(truth), bool)])
        among[:, row] = True
        said = np.column_stack([given, ~given.any(axis=1)])
        n[row] = (among & those[:, None]).sum(axis=0)
        counts[row] = (said & among & those[:, None]).sum(axis=0)
    shares = np.where(n > 0, counts / np.maximum(n, 1), np.nan)
    return Confusion(tuple(diagnosis(classes[i]).abbreviation for i in columns), shares, n)
