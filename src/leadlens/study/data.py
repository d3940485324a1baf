"""What a study's cells share: the store, the folds of each scheme, recordings and classes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from leadlens.data.folds import (
    FoldFile,
    FoldSettings,
    load_folds,
    make_folds,
    participants,
    save_folds,
)
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import diagnosis, scored_codes
from leadlens.errors import ConfigError
from leadlens.files import hash_file
from leadlens.study.folding import chosen_recordings, fold_path, has_folds
from leadlens.study.settings import StudySettings


@dataclass(frozen=True, eq=False)
class StudyData:
    """What a study's cells share.

    Attributes:
        store: the store that the rates are derived from.
        folds: the assignment of each scheme; of "" where there are no schemes.
        recordings: positions of the recordings that take part, in every scheme.
        classes: codes that are trained.
        absent: codes that are too thin to train, with their number of recordings.
    """

    store: Store
    folds: dict[str, FoldFile]
    recordings: tuple[int, ...]
    classes: tuple[str, ...]
    absent: dict[str, int]


def study_data(study: StudySettings, store: Store, folder: Path, *, is_run: bool) -> StudyData:
    """Return the study's data; folds are made where they are not there yet and may be."""
    chosen = np.array(chosen_recordings(study, store))
    schemes = study.fold_schemes
    if has_folds(study, folder):
        folds = {name: load_folds(fold_path(folder, name), store) for name in schemes}
        assigned = [each.assignment for each in folds.values()]
        takes_part = [i for i in chosen.tolist() if all(store.keys[i] in each for each in assigned)]
        classes, absent = _classes(study, store, takes_part)
        if is_run:
            for name, settings in schemes.items():
                _check_fold_file(study, settings, folds[name], folder)
    else:
        takes_part = _participants(store, schemes, chosen).tolist()
        classes, absent = _classes(study, store, takes_part)
        folds = {
            # What a method leaves out is told by it, so that one is asked about all recordings.
            name: make_folds(
                store, classes, settings, chosen if settings.k is None else np.array(takes_part)
            )
            for name, settings in schemes.items()
        }
        for name, each in folds.items():
            save_folds(each, fold_path(folder, name))
    return StudyData(store, folds, tuple(takes_part), classes, absent)


def _participants(
    store: Store, schemes: dict[str, FoldSettings], chosen: Int[np.ndarray, " recording"]
) -> Int[np.ndarray, " participant"]:
    """Return the recordings that every scheme has in a fold, so that schemes can be compared."""
    for settings in schemes.values():
        chosen = np.intersect1d(chosen, participants(store, settings, chosen))
    return chosen


def _check_fold_file(
    study: StudySettings, settings: FoldSettings, folds: FoldFile, folder: Path
) -> None:
    """Refuse the user's fold file if it is not the one that the study's folds were made from."""
    file = settings.file
    if file is None or not file.exists():
        # It was needed once: the study has its own copy.
        is_same = (file is None) == (not folds.file_sha256)
    else:
        is_same = hash_file(file) == folds.file_sha256
    if not is_same:
        raise ConfigError(
            f"{folder} holds a study with other folds than those of {file or study.data.store}: "
            "choose another --out"
        )


def _classes(
    study: StudySettings, store: Store, recordings: list[int]
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the codes with enough recordings, and those without, with their number."""
    labels, known = (part[recordings] for part in store.labels(scored_codes()))
    counts = dict(zip(scored_codes(), (labels & known).sum(axis=0).tolist(), strict=True))
    classes = tuple(code for code, n in counts.items() if n >= study.data.min_positives)
    if not classes:
        raise ConfigError(f"no diagnosis has {study.data.min_positives} recordings in {store.path}")
    return classes, {code: n for code, n in counts.items() if code not in classes}


def describe_data(data: StudyData) -> dict[str, Any]:
    """Return counts for people: recordings, patients or groups, diagnoses."""
    labels, _ = data.store.labels(data.classes)
    chosen = labels[list(data.recordings)]
    return {
        "recordings": len(data.recordings),
        "windows": int(sum(len(data.store.windows_of[i]) for i in data.recordings)),
        "sources": dict(
            zip(
                *np.unique(
                    [data.store.first_rows[i].source for i in data.recordings], return_counts=True
                ),
                strict=True,
            )
        ),
        "diagnoses": {
            diagnosis(code).abbreviation: int(n)
            for code, n in zip(data.classes, chosen.sum(axis=0), strict=True)
        },
        "absent": {diagnosis(code).abbreviation: n for code, n in data.absent.items()},
    }
