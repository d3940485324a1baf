"""Dealing recordings to a given number of folds: ours, and the published study's way."""

import warnings

import numpy as np
from jaxtyping import Bool, Int

from leadlens.errors import ConfigError


def assign_folds(
    labels: Bool[np.ndarray, "n class"], groups: Int[np.ndarray, " n"], k: int, seed: int
) -> Int[np.ndarray, " n"]:
    """Return a fold for each recording; recordings of one group share it.

    Groups are dealt one by one, those with the rarest diagnosis first, each to the fold that lacks
    its diagnoses most (after Sechidis et al. 2011, for groups instead of single examples).
    """
    n_groups = int(groups.max()) + 1
    if n_groups < k:
        raise ConfigError(f"{k} folds need at least {k} groups of recordings: there are {n_groups}")
    content = np.zeros((n_groups, labels.shape[1] + 1))
    np.add.at(content, groups, np.column_stack([labels, np.ones(len(labels))]))
    total = content.sum(axis=0)
    rarity = np.where(content > 0, total, np.inf).min(axis=1)
    shuffled = np.random.default_rng(seed).permutation(n_groups)
    order = shuffled[np.lexsort((-content[shuffled, -1], rarity[shuffled]))]
    weight = 1.0 / np.maximum(total, 1.0)
    filled = np.zeros((k, len(total)))
    fold_of_group = np.empty(n_groups, dtype=int)
    for group in order:
        # The sum of squared shares grows least in the fold that holds least of what the group has.
        crowding = filled @ (content[group] * weight)
        fold = int(np.lexsort((filled[:, -1], crowding))[0])
        fold_of_group[group] = fold
        filled[fold] += content[group] * weight
    return fold_of_group[groups]


def by_label_combination(
    labels: Bool[np.ndarray, "n class"], k: int, seed: int
) -> Int[np.ndarray, " n"]:
    """Return the published study's folds: stratified on the label combination, not grouped."""
    # Here, not above: it takes a second to import, and every command reads the settings' module.
    from sklearn.model_selection import StratifiedKFold

    if len(labels) < k:
        raise ConfigError(f"{k} folds of {len(labels)} recordings cannot be made")
    combination = np.array(["".join("01"[int(x)] for x in row) for row in labels])
    folds = np.empty(len(labels), dtype=int)
    splitter = StratifiedKFold(k, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Most combinations are rarer than k; the published study split them all the same.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for fold, (_, test) in enumerate(splitter.split(labels, combination)):
            folds[test] = fold
    return folds
