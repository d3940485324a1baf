"""Folds: who is tested when, written once to a file and never computed again inside a study.

Ours (`stratified`) keeps everything that belongs together on one side: recordings that share a
patient, a PTB-XL ECG or a waveform form a group, and groups are dealt so that every diagnosis is
spread evenly. The published study's way (`label_combination`) is offered by name: it stratifies
on the exact combination of labels and splits such groups.
"""

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leadlens.data.store import Store
from leadlens.errors import ConfigError, StoreError
from leadlens.files import hash_text, read_json, write_json

FoldMethod = Literal["stratified", "label_combination"]


class FoldSettings(BaseModel):
    """How recordings are dealt to folds; `label_combination` ignores patients (as published)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    k: int = Field(default=10, ge=2, le=1000)
    method: FoldMethod = "stratified"
    seed: int = 42


class FoldFile(BaseModel):
    """The assignment of every recording of a store to a fold, as kept on disk."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    settings: FoldSettings
    classes: tuple[str, ...]
    index_sha256: str
    assignment: dict[str, int]
    sha256: str


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


def make_folds(
    store: Store,
    classes: tuple[str, ...],
    settings: FoldSettings,
    recordings: Int[np.ndarray, " recording"] | None = None,
) -> FoldFile:
    """Return the assignment of recordings of `store` to folds.

    Args:
        store: holds the recordings.
        classes: codes whose positives are spread evenly.
        settings: number of folds, method, seed.
        recordings: positions of those that take part (default: all).
    """
    chosen = np.arange(len(store.keys)) if recordings is None else recordings
    labels = store.labels(classes)[0][chosen]
    if settings.method == "label_combination":
        folds = _by_label_combination(labels, settings)
    else:
        _, groups = np.unique(groups_of(store)[chosen], return_inverse=True)
        folds = assign_folds(labels, groups, settings.k, settings.seed)
    keys = [store.keys[i] for i in chosen]
    assignment = {key: int(fold) for key, fold in zip(keys, folds, strict=True)}
    return FoldFile(
        settings=settings,
        classes=classes,
        index_sha256=store.manifest.index_sha256,
        assignment=assignment,
        sha256=_hash(assignment),
    )


def _by_label_combination(
    labels: Bool[np.ndarray, "n class"], settings: FoldSettings
) -> Int[np.ndarray, " n"]:
    """Return the published study's folds: stratified on the label combination, not grouped."""
    # Here, not above: it takes a second to import, and every command reads this module's settings.
    from sklearn.model_selection import StratifiedKFold

    if len(labels) < settings.k:
        raise ConfigError(f"{settings.k} folds of {len(labels)} recordings cannot be made")
    combination = np.array(["".join("01"[int(x)] for x in row) for row in labels])
    folds = np.empty(len(labels), dtype=int)
    splitter = StratifiedKFold(settings.k, shuffle=True, random_state=settings.seed)
    with warnings.catch_warnings():
        # Most combinations are rarer than k; the published study split them all the same.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for fold, (_, test) in enumerate(splitter.split(labels, combination)):
            folds[test] = fold
    return folds


def save_folds(folds: FoldFile, path: Path) -> None:
    """Write the assignment to `path`."""
    write_json(path, folds.model_dump(mode="json"))


def load_folds(path: Path, store: Store) -> FoldFile:
    """Return the assignment in `path`, after checking that it is whole and made for `store`."""
    try:
        folds = FoldFile.model_validate(read_json(path))
    except ValidationError as error:
        raise StoreError(f"{path} is not a fold file: {error}") from error
    if folds.sha256 != _hash(folds.assignment):
        raise StoreError(f"{path} was changed: its assignment does not have the hash it names")
    if folds.index_sha256 != store.manifest.index_sha256:
        raise StoreError(
            f"{path} was made for another store than {store.path}, or its labels have changed: "
            "choose another --out"
        )
    return folds


def fold_numbers(folds: FoldFile, store: Store) -> Int[np.ndarray, " recording"]:
    """Return the fold of each recording of `store`, in its order; -1 where it takes no part."""
    return np.array([folds.assignment.get(key, -1) for key in store.keys])


def _hash(assignment: dict[str, int]) -> str:
    """Return the hash of an assignment, whatever the order of its keys."""
    return hash_text("\n".join(f"{key} {assignment[key]}" for key in sorted(assignment)))
