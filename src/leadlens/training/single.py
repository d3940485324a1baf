"""One model: trained on a store and saved; or saved, and scored on another store."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leadlens.bundle import CONFIG, Bundle, HeldOut
from leadlens.data.batches import Dataset
from leadlens.data.derive import derive_store
from leadlens.data.folds import assign_folds, groups_of
from leadlens.data.store import Store, open_store
from leadlens.ecg.diagnoses import diagnosis, merge_equivalent, scored_codes
from leadlens.ecg.leads import lead_set
from leadlens.errors import ConfigError, StoreError
from leadlens.evaluation.challenge import challenge_score, f_measure
from leadlens.evaluation.leaks import check_apart
from leadlens.evaluation.metrics import score
from leadlens.evaluation.skill import skills_of
from leadlens.files import write_json
from leadlens.training import recipe
from leadlens.training.curves import curves_in
from leadlens.training.curves import prepare as prepare_curves
from leadlens.training.devices import choose_device
from leadlens.training.fit import predict
from leadlens.training.recipe import Trained
from leadlens.training.save import save_trained
from leadlens.training.settings import TrainingSettings, preset
from leadlens.training.thin import thin_note
from leadlens.training.world import ALONE, World, joined_world, local_device

_PARTS = 20
"""Parts that recordings are dealt to; the held-out share is a number of them."""


def train_single(
    store_path: Path,
    out: Path,
    preset_name: str,
    changes: dict[str, Any],
    *,
    device: str = "auto",
    **others: Any,
) -> dict[str, Any]:
    """Train a model by a preset and changes to it; see `train_model` for the rest.

    Under `torchrun` all its processes train the one model together.

    Raises:
        ConfigError: settings that are not allowed, no diagnosis with enough recordings, or a
            finished model in `out`.
    """
    settings = preset(preset_name, changes)
    place = local_device(choose_device(device))
    with joined_world(place) as world:
        return train_model(store_path, out, settings, place, world=world, **others)


def train_model(
    store_path: Path,
    out: Path,
    settings: TrainingSettings,
    device: torch.device,
    *,
    fs: float | None = None,
    hold_out: float = 0.2,
    min_positives: int = 15,
    on_epoch: Callable[[int, int], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    curves: Path | None = None,
    world: World = ALONE,
) -> dict[str, Any]:
    """Train a model on a store, save it to `out`, and return its scores on what was held out.

    Interrupted, the same call goes on after the last finished epoch. Recordings of one patient or
    waveform are all trained on or all held out. With `hold_out` 0 nothing is scored: {}. What the
    user should know before training is told to `on_note`. TensorBoard's curves come into `curves`.

    Raises:
        ConfigError: settings that need a study, no diagnosis with enough recordings, or a finished
            model in `out`.
    """
    if settings.schedule == "published_plateau":
        raise ConfigError("'published_plateau' needs a fold to leak from: use a study")
    if (out / CONFIG).exists():
        raise ConfigError(f"{out} holds a finished model: choose another --out")
    if curves is not None:
        prepare_curves(curves)
    source = open_store(store_path, verify=world.is_first)
    classes = _classes(source, min_positives)
    rate = fs or source.fs
    scratch = out.with_name(f".{out.name}-{rate:g}hz")
    store = source if rate == source.fs else _at_rate(source, rate, scratch, world)
    train, test = _split(store, classes, settings, hold_out)
    note = thin_note(*train.labels, settings, classes)
    if note and on_note is not None:
        on_note(note)
    if test is not None:
        check_apart("what is trained on", train.keys, "what is held out", test.keys)
    with curves_in(curves) as draw:

        def told(record: dict[str, float]) -> None:
            draw(record)
            if on_epoch is not None:
                on_epoch(int(record["epoch"]) + 1, settings.n_epochs)

        start = None if settings.start is None else Path(settings.start)
        trained = recipe.train(train, settings, device, out, start, on_epoch=told, world=world)
    scores, held_out = ({}, None) if test is None else _tested(trained, test, device)
    if world.is_first:
        said = {"history": trained.history, "held_out": _jsonable(scores)}
        write_json(out / "training.json", said)
        save_trained(out, trained, train, settings, held_out)
        recipe.forget(out)
        if store is not source:
            shutil.rmtree(scratch)
    return scores


def _at_rate(source: Store, rate: float, scratch: Path, world: World) -> Store:
    """Return the store at another rate, derived by the first process."""
    if world.is_first:
        derive_store(source, rate, scratch)
    world.wait()
    return open_store(scratch)


def evaluate_bundle(bundle: Bundle, store: Store, scratch: Path) -> dict[str, Any]:
    """Return the scores of a saved model on a store, on the diagnoses that both know.

    Args:
        bundle: the model.
        store: recordings, from another hospital perhaps, at the model's rate or above.
        scratch: a folder for the store at the model's rate.

    Raises:
        StoreError: shorter windows than the model's, or no diagnosis in common.
        ConfigError: the store's rate is below the model's, or it has no millivolts.
    """
    data = dataset_for(bundle, store, scratch)
    probabilities = predict(bundle.model, data, next(bundle.model.parameters()).device)
    return _scores(data, probabilities, np.array(bundle.config.thresholds, dtype=np.float32))


def dataset_for(bundle: Bundle, store: Store, scratch: Path) -> Dataset:
    """Return all recordings of a store as a saved model takes them.

    Args:
        bundle: the model.
        store: recordings, at the model's rate or above.
        scratch: a folder for the store at the model's rate.

    Raises:
        StoreError: shorter windows than the model's, or no diagnosis in common.
        ConfigError: the store's rate is below the model's, or it has no millivolts.
    """
    config = bundle.config
    duration = store.manifest.duration
    if duration < config.duration:
        raise StoreError(
            f"{store.path} has windows of {duration:g} s, the model was trained on "
            f"{config.duration:g} s: ingest with --duration {config.duration:g}"
        )
    if store.fs != config.fs or store.manifest.band != config.band:
        place = scratch / "store"
        store = derive_store(store, config.fs, place, config.resampling, config.band)
    everyone = np.arange(len(store.keys))
    crop = None if duration == config.duration else config.duration
    data = Dataset(store, everyone, config.leads, config.normalisation, config.classes, crop)
    _, known = data.labels
    if not known.any():
        raise StoreError(f"no recording of {store.path} is annotated for the model's diagnoses")
    return data


def _tested(
    trained: Trained, test: Dataset, device: torch.device
) -> tuple[dict[str, Any], HeldOut]:
    """Return a model's scores on what was held out, and what its bundle keeps of them."""
    said = predict(trained.network, test, device)
    thresholds = np.array(trained.thresholds, dtype=np.float32)
    on = f"{test.n_recordings:,} recordings held out of the training store"
    return _scores(test, said, thresholds), HeldOut(on=on, skills=skills_of(*test.labels, said))


def _scores(data: Dataset, probabilities: np.ndarray, thresholds: np.ndarray) -> dict[str, Any]:
    """Return macro and per-class scores as plain values; NaN where a class is absent."""
    labels, known = data.labels
    decisions = probabilities > thresholds
    scores = score(labels, known, probabilities, decisions)
    merged, given = (
        merge_equivalent(values & known, data.classes)[0] for values in (labels, decisions)
    )
    challenge = {
        "challenge": challenge_score(labels, known, decisions, data.classes),
        "challenge_f_measure": f_measure(merged, given),
    }
    classes = [
        {
            "code": code,
            "abbreviation": diagnosis(code).abbreviation,
            "n_positive": int(scores.n_positive[i]),
            "n_known": int(scores.n_known[i]),
            **{name: float(values[i]) for name, values in scores.per_class.items()},
        }
        for i, code in enumerate(data.classes)
        if scores.n_known[i]
    ]
    return {
        "recordings": data.n_recordings,
        "macro": {**scores.macro, **challenge},
        "classes": classes,
        "unknown_here": [
            diagnosis(code).abbreviation
            for i, code in enumerate(data.classes)
            if not scores.n_known[i]
        ],
    }


def _classes(store: Store, min_positives: int) -> tuple[str, ...]:
    """Return the codes with enough positives in the store."""
    labels, known = store.labels(scored_codes())
    counts = (labels & known).sum(axis=0)
    chosen = tuple(c for c, n in zip(scored_codes(), counts, strict=True) if n >= min_positives)
    if not chosen:
        raise ConfigError(f"no diagnosis has {min_positives} recordings in {store.path}")
    return chosen


def _split(
    store: Store, classes: tuple[str, ...], settings: TrainingSettings, hold_out: float
) -> tuple[Dataset, Dataset | None]:
    """Return what is trained on, and what is held out (None where nothing is)."""
    leads = lead_set(settings.lead_set)
    if hold_out == 0:
        everyone = np.arange(len(store.keys))
        return Dataset(store, everyone, leads, settings.normalisation, classes, settings.crop), None
    groups = groups_of(store)
    k = min(_PARTS, int(groups.max()) + 1)
    folds = assign_folds(store.labels(classes)[0], groups, k, settings.seed)
    n_test = max(1, round(k * hold_out))
    train, test = (
        Dataset(store, np.flatnonzero(part), leads, settings.normalisation, classes, settings.crop)
        for part in (folds >= n_test, folds < n_test)
    )
    return train, test


def _jsonable(value: Any) -> Any:
    """Return scores with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value
