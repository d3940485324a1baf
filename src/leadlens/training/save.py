"""A trained model becomes a bundle."""

from pathlib import Path
from typing import Any

from leadlens.bundle import HeldOut, save_bundle
from leadlens.data.batches import Dataset
from leadlens.training.recipe import Trained
from leadlens.training.settings import TrainingSettings


def save_trained(
    path: Path,
    trained: Trained,
    data: Dataset,
    settings: TrainingSettings,
    held_out: HeldOut | None,
) -> None:
    """Write a model, trained on `data` with `settings`, as a bundle to the folder `path`."""
    save_bundle(
        path,
        trained.network,
        model=settings.model,
        leads=data.leads,
        fs=data.store.fs,
        duration=data.duration,
        resampling=data.store.manifest.resampling,
        band=data.store.manifest.band,
        normalisation=settings.normalisation,
        classes=data.classes,
        thresholds=trained.thresholds,
        members=settings.members,
        takes_person=settings.takes_person,
        trained_on=_trained_on(data),
        training=settings.model_dump(mode="json"),
        held_out=held_out,
    )


def _trained_on(data: Dataset) -> dict[str, Any]:
    """Return what the model card says of the training recordings."""
    rows = data.store.first_rows
    return {
        "sources": ", ".join(sorted({rows[i].source for i in data.recordings})),
        "recordings": data.n_recordings,
        "store index (SHA-256)": data.store.manifest.index_sha256,
    }
