"""Which recordings a study uses, and which folds it tests: known before anything is computed."""

from pathlib import Path
from typing import Final

import numpy as np

from leadlens.data.folding.settings import Fold, folds_tested
from leadlens.data.folds import make_folds, read_folds
from leadlens.data.store import Store, open_store
from leadlens.errors import ConfigError
from leadlens.study.settings import StudySettings

SETTINGS: Final = "study.json"


def fold_path(folder: Path, scheme: str) -> Path:
    """Return where a study keeps the folds of a scheme; of "" where it has no schemes."""
    return folder / (f"folds-{scheme}.json" if scheme else "folds.json")


def study_folds(study: StudySettings, folder: Path, scheme: str) -> tuple[Fold, ...]:
    """Return the folds of a scheme that a study tests, writing nothing.

    Their number is in the settings, or, where the data say it, in the study's fold file; before
    there is one, in the store.

    Raises:
        ConfigError: the data do not allow such folds, or `tested` names another.
        StoreError: the fold file or the store is missing or damaged.
    """
    settings = study.fold_schemes[scheme]
    if settings.k is not None:
        return folds_tested(settings, tuple(Fold(number) for number in range(settings.k)))
    if has_folds(study, folder):
        return folds_tested(settings, read_folds(fold_path(folder, scheme)).folds)
    if study.data.hospitals:
        names = enumerate(sorted(study.data.hospitals))
        return folds_tested(settings, tuple(Fold(number, name) for number, name in names))
    assert study.data.store is not None  # StudySettings allows no other case.
    store = open_store(study.data.store)
    chosen = np.array(chosen_recordings(study, store))
    return folds_tested(settings, make_folds(store, (), settings, chosen).folds)


def has_folds(study: StudySettings, folder: Path) -> bool:
    """Return whether the study in `folder` has its folds; a run refused at once leaves none."""
    paths = [fold_path(folder, scheme) for scheme in study.fold_schemes]
    return (folder / SETTINGS).exists() and all(path.exists() for path in paths)


def chosen_recordings(study: StudySettings, store: Store) -> tuple[int, ...]:
    """Return the positions of the recordings that take part, as far as the data settings say."""
    rows = store.first_rows
    if not study.data.exact_duration_only:
        return tuple(range(len(rows)))
    duration = store.manifest.duration
    chosen = tuple(i for i, row in enumerate(rows) if abs(row.duration - duration) < 1e-3)
    if not chosen:
        raise ConfigError(f"no recording of {store.path} lasts exactly {duration:g} s")
    return chosen
