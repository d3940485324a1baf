"""Folds: who is tested when, written once to a file and never computed again inside a study.

Ours (`stratified`) keeps everything that belongs together on one side: recordings that share a
patient, a PTB-XL ECG or a waveform form a group, and groups are dealt so that every diagnosis is
spread evenly. `by_source` tests each source with networks that never saw it; `given` takes the
data set's own folds or the user's. The published study's way (`label_combination`) is offered by
name: it stratifies on the exact combination of labels and splits groups.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from leadlens.data.folding.counts import count_folds
from leadlens.data.folding.file import FoldFile, hash_assignment, read_folds, save_folds
from leadlens.data.folding.given import folds_of_file, folds_of_index
from leadlens.data.folding.groups import groups_of, split_groups
from leadlens.data.folding.settings import FoldMethod, FoldSettings
from leadlens.data.folding.sources import source_folds
from leadlens.data.folding.stratify import assign_folds, by_label_combination
from leadlens.data.store import Store
from leadlens.errors import ConfigError, StoreError
from leadlens.files import hash_file

__all__ = [
    "FoldFile",
    "FoldMethod",
    "FoldSettings",
    "assign_folds",
    "fold_numbers",
    "groups_of",
    "load_folds",
    "make_folds",
    "participants",
    "read_folds",
    "save_folds",
]


@dataclass(frozen=True, eq=False)
class _Dealt:
    """Folds of some recordings, -1 where one takes no part, with the fields of a fold file."""

    folds: Int[np.ndarray, " n"]
    names: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


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

    Raises:
        ConfigError: the recordings do not allow such folds.
    """
    chosen = np.arange(len(store.keys)) if recordings is None else recordings
    labels, known = (part[chosen] for part in store.labels(classes))
    groups = groups_of(store)[chosen]
    dealt = _deal(store, labels, groups, settings, chosen)
    assignment = {
        store.keys[i]: fold
        for i, fold in zip(chosen, dealt.folds.tolist(), strict=True)
        if fold >= 0
    }
    deviations = count_folds(labels & known, dealt.folds).deviations()
    return FoldFile(
        settings=settings,
        classes=classes,
        index_sha256=store.manifest.index_sha256,
        assignment=assignment,
        sha256=hash_assignment(assignment),
        names=dealt.names,
        left_out=dealt.left_out,
        n_split_groups=len(split_groups(groups, dealt.folds)),
        deviation={
            code: round(float(value), 6)
            for code, value in zip(classes, deviations, strict=True)
            if np.isfinite(value)
        },
        warnings=dealt.warnings,
        file_sha256=hash_file(settings.file) if settings.file else "",
    )


def participants(
    store: Store, settings: FoldSettings, recordings: Int[np.ndarray, " recording"]
) -> Int[np.ndarray, " chosen"]:
    """Return those of `recordings` (positions) that folds of these settings hold."""
    if settings.k is not None:
        return recordings
    nothing = np.zeros((len(recordings), 0), dtype=bool)
    groups = groups_of(store)[recordings]
    return recordings[_deal(store, nothing, groups, settings, recordings).folds >= 0]


def _deal(
    store: Store,
    labels: Bool[np.ndarray, "n class"],
    groups: Int[np.ndarray, " n"],
    settings: FoldSettings,
    chosen: Int[np.ndarray, " n"],
) -> _Dealt:
    """Return the folds of the chosen recordings, by the method of the settings."""
    if settings.method == "by_source":
        return _deal_by_source(store, groups, chosen)
    if settings.method == "given":
        return _deal_as_given(store, groups, settings, chosen)
    assert settings.k is not None  # FoldSettings fills it in.
    if settings.method == "label_combination":
        return _Dealt(by_label_combination(labels, settings.k, settings.seed))
    _, compact = np.unique(groups, return_inverse=True)
    return _Dealt(assign_folds(labels, compact, settings.k, settings.seed))


def _deal_by_source(
    store: Store, groups: Int[np.ndarray, " n"], chosen: Int[np.ndarray, " n"]
) -> _Dealt:
    """Return one fold a source, and what was left out for that."""
    sources = [store.first_rows[i].source for i in chosen]
    folds, names = source_folds(sources, groups)
    n_twins = int((folds < 0).sum())
    lost = sorted(set(sources) - set(names))
    said = [
        f"by_source: every recording of {name} belongs together with one of another source, so "
        f"that {name} has no fold"
        for name in lost
    ]
    left_out = {"of a group that stays with another source": n_twins} if n_twins else {}
    return _Dealt(folds, names, left_out, tuple(said))


def _deal_as_given(
    store: Store,
    groups: Int[np.ndarray, " n"],
    settings: FoldSettings,
    chosen: Int[np.ndarray, " n"],
) -> _Dealt:
    """Return the folds of the index or of the user's file; split groups are refused or said."""
    where = str(settings.file or store.path)
    given = folds_of_file(settings.file, store) if settings.file else folds_of_index(store)
    folds = np.array([given.get(store.keys[i], -1) for i in chosen])
    left_out = {"without a fold": int((folds < 0).sum())}
    for number in settings.unused:
        n_unused = int((folds == number).sum())
        if not n_unused:
            raise ConfigError(f"folds.unused names {number}, but {where} has no such fold")
        left_out[f"in fold {number}, which is not used"] = n_unused
        folds[folds == number] = -1
    if len(np.unique(folds[folds >= 0])) < 2:
        raise ConfigError(f"{where}: the recordings that take part are in fewer than two folds")
    split = split_groups(groups, folds)
    said: tuple[str, ...] = ()
    if split:
        one, other = (f"{store.keys[chosen[i]]} (fold {folds[i]})" for i in split[0])
        fact = (
            f"{len(split)} groups of recordings that belong together (same patient, waveform or "
            f"PTB-XL ECG) are split over the folds of {where}, such as {one} and {other}"
        )
        if not settings.allow_split:
            raise ConfigError(
                f"{fact}: give them one fold, or allow it with allow_split (figures may be too "
                "good)"
            )
        said = (f"given: {fact}. The figures may be too good.",)
    return _Dealt(folds, (), {why: n for why, n in left_out.items() if n}, said)


def load_folds(path: Path, store: Store) -> FoldFile:
    """Return the assignment in `path`, after checking that it is whole and made for `store`."""
    folds = read_folds(path)
    if folds.index_sha256 != store.manifest.index_sha256:
        raise StoreError(
            f"{path} was made for another store than {store.path}, or its labels have changed: "
            "choose another --out"
        )
    return folds


def fold_numbers(folds: FoldFile, store: Store) -> Int[np.ndarray, " recording"]:
    """Return the fold of each recording of `store`, in its order; -1 where it takes no part."""
    return np.array([folds.assignment.get(key, -1) for key in store.keys])
