"""Groups: recordings that share a patient, a PTB-XL ECG or a waveform."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Int

from leadlens.data.store import Store

Name = TypeVar("Name", bound=Hashable)


def joined(sets: Iterable[Sequence[Name]]) -> dict[Name, int]:
    """Return a number for everything in the sets: equal where a chain of sets joins it.

    Numbers follow the order in which the sets name things.
    """
    parent: dict[Name, Name] = {}

    def root(name: Name) -> Name:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for members in sets:
        for name in members:
            parent[root(name)] = root(members[0])
    roots = {name: root(name) for name in parent}
    number = {name: i for i, name in enumerate(dict.fromkeys(roots.values()))}
    return {name: number[found] for name, found in roots.items()}


def groups_of(store: Store) -> Int[np.ndarray, " recording"]:
    """Return a group number for each recording: equal where recordings must stay together."""
    number = joined([(row.key, *row.groups.split()) for row in store.first_rows])
    return np.array([number[key] for key in store.keys])


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
