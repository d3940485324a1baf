"""The training loop."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from leadlens.data.batches import Dataset
from leadlens.ecg.leads import lead_set
from leadlens.errors import ConfigError, TrainingError
from leadlens.files import hash_text
from leadlens.models.convolution import at_once
from leadlens.models.person import logits_of
from leadlens.models.registry import build_loss, build_model, min_samples
from leadlens.training.augment import augment
from leadlens.training.average import follow
from leadlens.training.checkpoint import History
from leadlens.training.devices import autocast
from leadlens.training.feed import Fed, Feed, fed_windows, feed_of
from leadlens.training.optimizers import set_learning_rate
from leadlens.training.schedule import learning_rate
from leadlens.training.settings import TrainingSettings
from leadlens.training.start import start_from
from leadlens.training.state import TrainingState, begin
from leadlens.training.world import ALONE, World, share_statistics

_STREAM: Final = 2
"""Sets these draws apart from those of augmentation, whose seeds may be the same numbers."""


def fit(
    data: Dataset,
    settings: TrainingSettings,
    device: torch.device,
    checkpoint: Path | None = None,
    monitor: Dataset | None = None,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
    start: dict[str, Tensor] | None = None,
    world: World = ALONE,
) -> tuple[nn.Module, History]:
    """Return a trained network and, per epoch, its loss, learning rate and seconds.

    Args:
        data: the recordings to learn from.
        settings: how.
        device: where.
        checkpoint: a file that is written after every epoch and, if it exists, resumed from:
            the result is the same as without the interruption.
        monitor: recordings whose loss is reported after each epoch; steers only early stopping
            and the plateau schedules.
        on_epoch: called with each epoch's record, in the first process.
        start: weights to begin with, for those parameters that it names.
        world: the processes that train this network together.

    Raises:
        TrainingError: a loss is not a number; the checkpoint is damaged or of another training.
        ConfigError: windows too short for the network; settings that need `monitor` without it.
    """
    network = _network(data, settings, start).to(device)
    _check(data, network, settings, monitor, world)
    share_statistics(network, world)
    state = begin(network, build_loss(settings.loss, data.classes).to(device), settings)
    identity = _identity(data, settings, start)
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint, identity)
    feed = feed_of(data, device)
    watched = None if monitor is None else feed_of(monitor, device)
    while len(state.history) < settings.epochs and not state.has_stopped(settings):
        started = time.perf_counter()
        record = train_epoch(state, feed, settings, world)
        if watched is not None:
            record["monitored_loss"] = monitored_loss(state.shown, watched, state.loss, settings)
        record["seconds"] = round(time.perf_counter() - started, 3)
        state.close_epoch(record, settings)
        if world.is_first and checkpoint is not None:
            state.save(checkpoint, identity)
        if world.is_first and on_epoch is not None:
            on_epoch(record)
        world.wait()
    return state.finished(), state.history


def train_epoch(
    state: TrainingState, feed: Feed, settings: TrainingSettings, world: World = ALONE
) -> dict[str, float]:
    """Show every recording once; return the epoch's number, mean loss and last learning rate."""
    epoch, data = len(state.history), feed.data
    n_batches = len(_batch_starts(data.n_recordings, settings.batch_size))
    state.network.train()
    state.loss.train()
    costs = []
    draws = data.epoch_draws(settings.batch_size, settings.seed, epoch, settings.order)
    for number, draw in enumerate(draws):
        step, n_steps = epoch * n_batches + number, settings.epochs * n_batches
        rate = learning_rate(settings, epoch, step, n_steps, state.watched_losses)
        set_learning_rate(state.optimizer, rate)
        batch = augmented(feed, feed.tensors(world.part(draw)), settings, (epoch, number), world)
        with drawn_from((settings.seed, epoch, number, world.rank), batch.signal.device):
            cost = train_step(state, batch, settings, world, len(draw))
        costs.append(_number(cost, batch, data, epoch))
        is_last = number == n_batches - 1
        follow(state.average, state.network, settings, epoch, is_last_step=is_last)
    return {"epoch": float(epoch), "loss": float(np.mean(costs)), "learning_rate": rate}


@contextmanager
def drawn_from(seed: tuple[int, ...], device: torch.device) -> Iterator[None]:
    """Let PyTorch draw from `seed` for a while, such as what dropout drops, and then go on."""
    number = int(np.random.SeedSequence(seed, spawn_key=(_STREAM,)).generate_state(1, np.uint64)[0])
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(number)
        yield


def train_step(
    state: TrainingState, batch: Fed, settings: TrainingSettings, world: World, n: int
) -> Tensor:
    """Take one step towards a lower loss of a batch of `n`; return the loss before it."""
    state.optimizer.zero_grad(set_to_none=True)
    with autocast(batch.signal.device, settings.precision):
        logits = logits_of(state.network, batch.signal, batch.person)
    labels, known = world.labels(batch.labels, batch.label_mask, n)
    cost = state.loss(world.gathered(logits.float(), n), labels, known)
    cost.backward()
    world.add_gradients(state.network)
    state.optimizer.step()
    return cost.detach()


def augmented(
    feed: Feed, batch: Fed, settings: TrainingSettings, at: tuple[int, int], world: World
) -> Fed:
    """Return a batch as it is shown in training, its changes drawn from (seed, epoch, number)."""
    data = feed.data
    seed = (settings.seed, *at, world.rank)
    return augment(batch, settings.augment, data.leads, data.normalisation, data.store.fs, seed)


def predict(
    model: nn.Module, data: Dataset, device: torch.device, batch_size: int | None = None
) -> Float32[np.ndarray, "recording class"]:
    """Return each recording's probabilities: the mean over its windows, computed in float32."""
    model.eval()
    total = np.zeros((data.n_recordings, len(data.classes)))
    n_windows = np.zeros((data.n_recordings, 1))
    with torch.inference_mode():
        for batch in fed_windows(feed_of(data, device), batch_size or at_once(device)):
            logits = logits_of(model, batch.signal, batch.person)
            np.add.at(total, batch.recordings, torch.sigmoid(logits).cpu().numpy())
            np.add.at(n_windows, batch.recordings, 1.0)
    return (total / n_windows).astype(np.float32)


def monitored_loss(
    model: nn.Module, feed: Feed, loss: nn.Module, settings: TrainingSettings
) -> float:
    """Return the loss on what is fed, batch by batch as in training, weighted by batch size."""
    model.eval()
    loss.eval()
    total = 0.0
    with torch.inference_mode():
        for batch in fed_windows(feed, settings.batch_size):
            with autocast(batch.signal.device, settings.precision):
                logits = logits_of(model, batch.signal, batch.person)
            cost = loss(logits.float(), batch.labels, batch.label_mask)
            total += float(cost) * len(batch.recordings)
    return total / feed.data.n_crops


def _network(
    data: Dataset, settings: TrainingSettings, start: dict[str, Tensor] | None
) -> nn.Module:
    """Return the network before its first step."""
    sizes = len(data.leads), len(data.classes)
    network = build_model(
        settings.model, *sizes, seed=settings.seed, fs=data.store.fs,
        takes_person=settings.takes_person,
    )  # fmt: skip
    if start:
        start_from(network, start)
    return network


def _number(cost: Tensor, batch: Fed, data: Dataset, epoch: int) -> float:
    """Return the cost as a number, or stop with the names of the recordings that broke it."""
    value = float(cost)
    if not np.isfinite(value):
        names = ", ".join(data.keys[i] for i in batch.recordings)
        raise TrainingError(
            f"the loss became {value} in epoch {epoch}, in the batch of {names}: "
            "look at these recordings, or lower the learning rate"
        )
    return value


def _batch_starts(n_recordings: int, batch_size: int) -> list[int]:
    """Return the first recording of each batch of an epoch, a last single one left out."""
    starts = list(range(0, n_recordings, batch_size))
    return starts[:-1] if n_recordings % batch_size == 1 and n_recordings > 1 else starts


def _identity(data: Dataset, settings: TrainingSettings, start: dict[str, Tensor] | None) -> str:
    """Return a hash of what a training depends on."""
    manifest = data.store.manifest
    hashes = [manifest.index_sha256, *(shard.sha256 for shard in manifest.shards)]
    began = {name: float(value.double().sum()) for name, value in (start or {}).items()}
    parts = [settings.model_dump(mode="json"), data.keys, data.classes, hashes, began]
    return hash_text(json.dumps(parts))


def _check(
    data: Dataset,
    network: nn.Module,
    settings: TrainingSettings,
    monitor: Dataset | None,
    world: World,
) -> None:
    """Refuse what cannot be trained."""
    if data.leads != lead_set(settings.lead_set):
        raise ConfigError(f"the data have leads {data.leads}, the settings {settings.lead_set}")
    if data.crop != settings.crop:
        raise ConfigError(f"the data have crops of {data.crop} s, the settings of {settings.crop}")
    if monitor is None and settings.needs_monitor:
        has_plateau = settings.schedule.endswith("plateau")
        what = f"schedule '{settings.schedule}'" if has_plateau else f"patience {settings.patience}"
        raise ConfigError(f"{what} needs recordings to monitor: `monitor` is None")
    if settings.batch_size < world.size:
        raise ConfigError(
            f"batches of {settings.batch_size} for {world.size} processes: raise batch_size"
        )
    n_least = min_samples(network)
    if data.n_samples < n_least:
        raise ConfigError(
            f"inputs of {data.n_samples} samples are too short for "
            f"{settings.model.name}: at least {n_least} are needed"
        )
