"""Conditioning: how far the lead groups of one ECG can be told apart at all."""

from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.explain.players import Players

LEAST_PART: Final = 1e-6
"""A direction smaller than this part of a group's signals is none: a flat lead, or III beside I
and II."""
SINGULAR: Final = 1e-9


def conditioning(rows: Float[np.ndarray, "row time"], players: Players) -> float:
    """Return the condition number of the correlations between the lead groups' signals.

    It is 1 where no group's signal says anything of another's, and infinite where one is the sum
    of others, as displayed limb leads are: what each of them adds is then arbitrary. A group of
    several leads enters with its independent directions, uncorrelated with each other (as in
    canonical correlation, Hotelling 1936), so a group's own redundancy does not count.

    Args:
        rows: the players' rows, in mV; samples with a missing value do not count.
        players: whose groups they are.
    """
    known = ~np.isnan(rows[~np.isnan(rows).all(axis=1)]).any(axis=0)
    directions = []
    for number in range(len(players.groups)):
        of_group = rows[players.group_of == number][:, known].astype(np.float64)
        of_group = of_group[~np.isnan(of_group).any(axis=1)]
        centred = of_group - of_group.mean(axis=1, keepdims=True)
        _, sizes, basis = np.linalg.svd(centred, full_matrices=False)
        directions.append(basis[sizes > LEAST_PART * np.linalg.norm(of_group)])
    stacked = np.concatenate(directions)
    if len(stacked) == 0:
        return 1.0
    eigenvalues = np.linalg.eigvalsh(stacked @ stacked.T)
    smallest, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    return largest / smallest if smallest > SINGULAR * largest else float("inf")
