"""A study that takes seconds, for tests of what studies do with their cells."""

from typing import Any

from leadlens.data.store import Store
from leadlens.study.settings import StudySettings

TINY = {"name": "inception_time", "depth": 1, "n_filters": 2, "kernels": (9, 5)}


def small_study(store: Store, **changes: Any) -> StudySettings:
    """Return a study of a tiny network on a store, with some of its parts changed."""
    return StudySettings.model_validate({
        "name": "small",
        "question": "Which is better?",
        "data": {"store": str(store.path), "min_positives": 8},
        "folds": {"k": 2},
        "preset": "small",
        "training": {"model": TINY, "epochs": 2, "normalisation": "lead_zscore"},
        "axes": {"fs": [50]},
        **changes,
    })  # fmt: skip
