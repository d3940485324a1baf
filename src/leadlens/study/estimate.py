"""Estimate: how long the cells of a study will take, from those that are done or from a trial."""

import json
import time
from pathlib import Path

from leadlens.data.store import open_store
from leadlens.files import hash_text, read_json
from leadlens.study.cost import Cost
from leadlens.study.folding import chosen_recordings
from leadlens.study.plan import DONE, Cell, n_epochs_done
from leadlens.study.settings import StudySettings

N_STEPS = 3
N_CLASSES = 30


def estimates(study: StudySettings, cells: list[Cell], *, on_trial: bool) -> list[float | None]:
    """Return for each cell the core-seconds that are left, 0 where it is done; None if not known.

    Cells trained alike take as long as those that are done. Where none is, three steps are tried on
    noise, if `on_trial`; what comes beside the training is not in it.

    Raises:
        StoreError: the study's store is missing or damaged.
    """
    speeds = {_kind(cell): speed for cell in cells if (speed := _speed_done(cell)) is not None}
    n_recordings, duration = _size(study)
    found: list[float | None] = []
    for cell in cells:
        kind = _kind(cell)
        if on_trial and kind not in speeds and not cell.is_done:
            speeds[kind] = _speed_tried(cell, duration)
        n_left = cell.training.n_epochs - n_epochs_done(cell)
        speed = speeds.get(kind)
        shown = n_recordings * _share_learned(study, cell) * n_left
        found.append(0.0 if cell.is_done else None if speed is None else shown / speed)
    return found


def _kind(cell: Cell) -> str:
    """Return what cells that train equally fast have in common: all but seed, fold and source."""
    settings = cell.training.model_dump(mode="json", exclude={"seed", "epochs", "start"})
    return hash_text(json.dumps([settings, cell.shown.fs]))


def _speed_done(cell: Cell) -> float | None:
    """Return how many recordings a second a finished cell was shown in training."""
    if not cell.is_done:
        return None
    done = read_json(cell.folder / DONE)
    cost = Cost.model_validate(done["cost"]) if "cost" in done else None
    return None if cost is None or not cost.shown else cost.shown_per_s


def _speed_tried(cell: Cell, duration: float) -> float:
    """Return how many recordings a second a few steps on noise take, in one thread."""
    # Here, not above: a plan without a trial does without torch.
    import torch

    from leadlens.ecg.leads import lead_set
    from leadlens.models.registry import build_loss, build_model
    from leadlens.training.devices import autocast
    from leadlens.training.state import begin

    settings, device = cell.training, torch.device("cpu")
    torch.set_num_threads(1)
    network = build_model(
        settings.model, len(lead_set(settings.lead_set)), N_CLASSES, fs=cell.fs
    ).train()
    state = begin(network, build_loss(settings.loss, _codes()), settings)
    n_samples = round(cell.fs * (settings.crop or duration))
    signal = torch.randn(settings.batch_size, len(lead_set(settings.lead_set)), n_samples)
    labels = (torch.rand(settings.batch_size, N_CLASSES) < 0.1).float()
    for number in range(N_STEPS):
        if number == 1:  # the first one prepares what the others use again
            started = time.perf_counter()
        state.optimizer.zero_grad()
        with autocast(device, settings.precision):
            logits = network(signal)
        state.loss(logits.float(), labels, torch.ones_like(labels)).backward()
        state.optimizer.step()
    return settings.batch_size * (N_STEPS - 1) / (time.perf_counter() - started)


def _codes() -> tuple[str, ...]:
    """Return the codes of all diagnoses."""
    from leadlens.ecg.diagnoses import scored_codes

    return scored_codes()


def _size(study: StudySettings) -> tuple[int, float]:
    """Return how many recordings a study has, and the seconds of a window."""
    if study.data.simulate is not None:
        return study.data.simulate.n_recordings, study.data.simulate.duration
    assert study.data.store is not None  # DataSettings allows no other case.
    store = open_store(Path(study.data.store))
    return len(chosen_recordings(study, store)), store.manifest.duration


def _share_learned(study: StudySettings, cell: Cell) -> float:
    """Return the share of the recordings that a cell learns from in an epoch."""
    k = study.folds.k or 5  # of sources the number varies; a fifth is tested, roughly
    return (1 - 1 / k) * (1 - cell.training.inner)
