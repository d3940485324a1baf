"""Estimate: how long the cells of a study will take, from those that are done or from a trial."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from leadlens.data.store import open_store
from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.leads import lead_set
from leadlens.ecg.person import PERSON_FEATURES
from leadlens.files import hash_text, read_json
from leadlens.study.cost import Cost
from leadlens.study.folding import chosen_recordings
from leadlens.study.plan import DONE, Cell, n_epochs_done
from leadlens.study.settings import StudySettings

N_STEPS: Final = 2


def estimates(study: StudySettings, cells: list[Cell], *, on_trial: bool) -> list[float | None]:
    """Return for each cell the core-seconds that are left, 0 where it is done; None if not known.

    Cells trained alike take as long as those that are done. Where none is, a few steps are tried on
    noise, if `on_trial`; what comes beside the training is not in it.

    Raises:
        StoreError: a trial is asked for, and the study's store is missing or damaged.
    """
    done = {cell.folder: read_json(cell.folder / DONE) for cell in cells if cell.is_done}
    speeds = {
        _kind(cell): Cost.model_validate(done[cell.folder]["cost"]).shown_per_s
        for cell in cells
        if cell.is_done and done[cell.folder].get("cost", {}).get("shown")
    }
    n_recordings, duration = _size(study) if on_trial else (_size_done(done), 0.0)
    found: list[float | None] = []
    for cell in cells:
        kind = _kind(cell)
        n_left = cell.training.n_epochs - n_epochs_done(cell)
        if on_trial and n_left and kind not in speeds:
            speeds[kind] = _speed_tried(cell, duration)
        shown = n_recordings * _share_learned(study, cell) * n_left
        found.append(0.0 if not n_left else shown / speeds[kind] if kind in speeds else None)
    return found


def _kind(cell: Cell) -> str:
    """Return what cells that train equally fast have in common: all but seed, fold and source."""
    settings = cell.training.model_dump(mode="json", exclude={"seed", "epochs", "start"})
    return hash_text(json.dumps([settings, cell.shown.fs]))


def _speed_tried(cell: Cell, duration: float) -> float:
    """Return how many recordings a second a few steps on noise take, in one thread."""
    # Here, not above: a plan without a trial does without torch.
    import torch

    from leadlens.models.registry import build_loss, build_model
    from leadlens.training.feed import Fed
    from leadlens.training.fit import train_step
    from leadlens.training.state import begin
    from leadlens.training.world import ALONE

    settings, codes = cell.training, scored_codes()
    torch.set_num_threads(1)
    n, n_leads = settings.batch_size, len(lead_set(settings.lead_set))
    network = build_model(
        settings.model, n_leads, len(codes), fs=cell.fs, takes_person=settings.takes_person
    )
    state = begin(network.train(), build_loss(settings.loss, codes), settings)
    signal = torch.randn(n, n_leads, round(cell.fs * (settings.crop or duration)))
    labels = (torch.rand(n, len(codes)) < 0.1).float()
    person = torch.zeros(n, len(PERSON_FEATURES))
    noise = Fed(signal, labels, torch.ones_like(labels), person, np.arange(n))
    train_step(state, noise, settings, ALONE, n)  # prepares what the others use again
    started = time.perf_counter()
    for _ in range(N_STEPS):
        train_step(state, noise, settings, ALONE, n)
    return n * N_STEPS / (time.perf_counter() - started)


def _size(study: StudySettings) -> tuple[int, float]:
    """Return how many recordings a study has, and the seconds of a window."""
    if cohorts := list(study.data.cohorts.values()):
        return sum(cohort.n_recordings for cohort in cohorts), cohorts[0].duration
    assert study.data.store is not None  # DataSettings allows no other case.
    store = open_store(Path(study.data.store))
    return len(chosen_recordings(study, store)), store.manifest.duration


def _size_done(done: Mapping[Path, dict[str, Any]]) -> int:
    """Return how many recordings finished cells were trained and tested on; 0 where none is."""
    return next((int(each["identity"]["n_recordings"]) for each in done.values()), 0)


def _share_learned(study: StudySettings, cell: Cell) -> float:
    """Return the share of the recordings that a cell learns from in an epoch."""
    # Of sources the number varies; a fifth is tested, roughly.
    k = study.fold_schemes[cell.scheme].k or 5
    return (1 - 1 / k) * cell.train_share * (1 - cell.training.inner)
