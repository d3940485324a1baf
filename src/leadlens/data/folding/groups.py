"""Groups: recordings that share a patient, a PTB-XL ECG or a waveform."""

import numpy as np
from jaxtyping import Int

from leadlens.data.store import Store


def groups_of(store: Store) -> Int[np.ndarray, " recording"]:
    """Return a group number for each recording: equal where recordings must stay together."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for row in store.first_rows:
        for name in row.groups.split():
            parent[root(name)] = root(row.key)
    roots = [root(key) for key in store.keys]
    number = {name: i for i, name in enumerate(dict.fromkeys(roots))}
    return np.array([number[name] for name in roots])


def split_groups(
    groups: Int[np.ndarray, " n"], folds: Int[np.ndarray, " n"]
) -> tuple[tuple[int, int], ...]:
    """Return, for each group in several folds, the positions of two recordings in two of them.

    Recordings without a fold (-1) are on no side.
    """
    first: dict[int, int] = {}
    split: dict[int, tuple[int, int]] = {}
    for position, (group, fold) in enumerate(zip(groups.tolist(), folds.tolist(), strict=True)):
        if fold < 0:
            continue
        earlier = first.setdefault(group, position)
        if folds[earlier] != fold:
            split.setdefault(group, (earlier, position))
    return tuple(split.values())
