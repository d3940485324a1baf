"""The training loop."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from leadlens.data.batches import Dataset
from leadlens.ecg.leads import lead_set
from leadlens.errors import ConfigError, TrainingError
from leadlens.files import hash_text
from leadlens.models.losses import LOSSES, Loss
from leadlens.models.registry import build_model, min_samples
from leadlens.training.checkpoint import load_checkpoint, save_checkpoint
from leadlens.training.devices import autocast
from leadlens.training.feed import Fed, Feed, fed_epoch, fed_windows, feed_of
from leadlens.training.schedule import learning_rate
from leadlens.training.settings import TrainingSettings

History = list[dict[str, float]]


def fit(
    data: Dataset,
    settings: TrainingSettings,
    device: torch.device,
    checkpoint: Path | None = None,
    monitor: Dataset | None = None,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> tuple[nn.Module, History]:
    """Return a trained network and, per epoch, its loss, learning rate and seconds.

    Args:
        data: the recordings to learn from.
        settings: how.
        device: where.
        checkpoint: a file that is written after every epoch and, if it exists, resumed from:
            the result is the same as without the interruption.
        monitor: recordings whose loss is reported after each epoch; steers only the schedule
            `published_plateau`.
        on_epoch: called with each epoch's record.

    Raises:
        TrainingError: a loss is not a number; the checkpoint is damaged or of another training.
        ConfigError: windows too short for the network; a plateau schedule without `monitor`.
    """
    _check(data, settings, monitor)
    model = _model(data, settings).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    loss = LOSSES[settings.loss]
    history: History = []
    identity = _identity(data, settings)
    feed = feed_of(data, device)
    watched = None if monitor is None else feed_of(monitor, device)
    if checkpoint is not None and checkpoint.exists():
        history = load_checkpoint(checkpoint, model, optimizer, identity)
    n_per_epoch = len(_batch_starts(data.n_recordings, settings.batch_size))
    for epoch in range(len(history), settings.epochs):
        started = time.perf_counter()
        monitored = [record["monitored_loss"] for record in history if "monitored_loss" in record]
        model.train()
        costs = []
        for number, batch in enumerate(fed_epoch(feed, settings, epoch)):
            step = epoch * n_per_epoch + number
            rate = learning_rate(settings, epoch, step, settings.epochs * n_per_epoch, monitored)
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            cost = _cost(model, batch, loss, settings)
            cost.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            costs.append(_number(cost, batch, data, epoch))
        record = {"epoch": float(epoch), "loss": float(np.mean(costs)), "learning_rate": rate}
        if watched is not None:
            record["monitored_loss"] = monitored_loss(model, watched, loss, settings)
        record["seconds"] = round(time.perf_counter() - started, 3)
        history.append(record)
        if checkpoint is not None:
            save_checkpoint(checkpoint, model, optimizer, history, identity)
        if on_epoch is not None:
            on_epoch(record)
    return model.eval(), history


def predict(
    model: nn.Module, data: Dataset, device: torch.device, batch_size: int = 256
) -> Float32[np.ndarray, "recording class"]:
    """Return each recording's probabilities: the mean over its windows, computed in float32."""
    model.eval()
    total = np.zeros((data.n_recordings, len(data.classes)))
    n_windows = np.zeros((data.n_recordings, 1))
    with torch.inference_mode():
        for batch in fed_windows(feed_of(data, device), batch_size):
            logits = model(batch.signal)
            np.add.at(total, batch.recordings, torch.sigmoid(logits).cpu().numpy())
            np.add.at(n_windows, batch.recordings, 1.0)
    return (total / n_windows).astype(np.float32)


def monitored_loss(model: nn.Module, feed: Feed, loss: Loss, settings: TrainingSettings) -> float:
    """Return the loss on what is fed, batch by batch as in training, weighted by batch size."""
    model.eval()
    total = 0.0
    with torch.inference_mode():
        for batch in fed_windows(feed, settings.batch_size):
            cost = _cost(model, batch, loss, settings)
            total += float(cost) * len(batch.recordings)
    return total / feed.data.n_crops


def _cost(model: nn.Module, batch: Fed, loss: Loss, settings: TrainingSettings) -> Tensor:
    """Return the loss of one batch; the network in the chosen precision, the loss in float32."""
    with autocast(batch.signal.device, settings.precision):
        logits = model(batch.signal)
    return loss(logits.float(), batch.labels, batch.label_mask)


def _number(cost: Tensor, batch: Fed, data: Dataset, epoch: int) -> float:
    """Return the cost as a number, or stop with the names of the recordings that broke it."""
    value = float(cost.detach())
    if not np.isfinite(value):
        names = ", ".join(data.keys[i] for i in batch.recordings[:5])
        raise TrainingError(
            f"the loss became {value} in epoch {epoch}, in the batch of {names}, ...: "
            "look at these recordings, or lower the learning rate"
        )
    return value


def _batch_starts(n_recordings: int, batch_size: int) -> list[int]:
    """Return the first recording of each batch of an epoch, a last single one left out."""
    starts = list(range(0, n_recordings, batch_size))
    return starts[:-1] if n_recordings % batch_size == 1 and n_recordings > 1 else starts


def _identity(data: Dataset, settings: TrainingSettings) -> str:
    """Return a hash of what a training depends on."""
    manifest = data.store.manifest
    hashes = [manifest.index_sha256, *(shard.sha256 for shard in manifest.shards)]
    parts = [settings.model_dump(mode="json"), data.keys, data.classes, hashes]
    return hash_text(json.dumps(parts))


def _model(data: Dataset, settings: TrainingSettings) -> nn.Module:
    """Return the network before training."""
    return build_model(
        settings.model, len(data.leads), len(data.classes), settings.seed, data.store.fs
    )


def _check(data: Dataset, settings: TrainingSettings, monitor: Dataset | None) -> None:
    """Refuse what cannot be trained."""
    if data.leads != lead_set(settings.lead_set):
        raise ConfigError(f"the data have leads {data.leads}, the settings {settings.lead_set}")
    if data.crop != settings.crop:
        raise ConfigError(f"the data have crops of {data.crop} s, the settings of {settings.crop}")
    if settings.schedule == "published_plateau" and monitor is None:
        raise ConfigError("the schedule 'published_plateau' needs recordings to monitor")
    shortest = min_samples(_model(data, settings))
    if data.n_samples < shortest:
        raise ConfigError(
            f"inputs of {data.n_samples} samples are too short for "
            f"{settings.model.name}: at least {shortest} are needed"
        )
