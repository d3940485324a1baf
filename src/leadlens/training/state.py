"""State: what changes while a network is trained, and is kept between epochs."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from leadlens.training.average import averaged, make_average
from leadlens.training.checkpoint import (
    History,
    Parts,
    damaged,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from leadlens.training.optimizers import make_optimizer
from leadlens.training.settings import TrainingSettings


@dataclass(eq=False)
class TrainingState:
    """A network under training.

    Attributes:
        network: the weights that steps change.
        optimizer: its moments.
        loss: what is minimised; it may remember batches.
        average: of the weights so far, if any is kept.
        best: the weights after the epoch with the least watched loss, if early stopping is on.
        history: each epoch's record.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss: nn.Module
    average: AveragedModel | None
    best: dict[str, Tensor] = field(default_factory=dict)
    history: History = field(default_factory=list)

    @property
    def watched_losses(self) -> list[float]:
        """The watched loss after each epoch."""
        return [record["monitored_loss"] for record in self.history if "monitored_loss" in record]

    @property
    def shown(self) -> nn.Module:
        """The network as it is tested: the averaged one, where there is one."""
        return averaged(self.average, self.network)

    def has_stopped(self, settings: TrainingSettings) -> bool:
        """Return whether the watched loss has not improved for as long as is waited for."""
        losses = self.watched_losses
        if settings.patience is None or not losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= settings.patience

    def close_epoch(self, record: dict[str, float], settings: TrainingSettings) -> None:
        """Add an epoch's record, and keep the weights if they are the best so far."""
        least = min(self.watched_losses, default=math.inf)
        self.history.append(record)
        if settings.patience is not None and record["monitored_loss"] < least:
            self.best = {k: v.detach().clone() for k, v in self.shown.state_dict().items()}

    def finished(self) -> nn.Module:
        """Return the network that the training ends with, ready to predict."""
        network = self.shown
        if self.best:
            network.load_state_dict(self.best)
        return network.eval()

    def save(self, path: Path, identity: str) -> None:
        """Write everything to a checkpoint."""
        parts: Parts = {
            "model": self.network.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "loss": self.loss.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "best": self.best,
        }
        save_checkpoint(path, parts, self.history, identity)

    def load(self, path: Path, identity: str) -> None:
        """Go back to what a checkpoint holds.

        Raises:
            TrainingError: it is damaged or belongs to another training.
        """
        parts, history = load_checkpoint(path, identity)
        try:
            self.network.load_state_dict(parts["model"])
            restore_optimizer(self.optimizer, parts.get("optimizer", {}))
            self.loss.load_state_dict(parts.get("loss", {}))
            if self.average is not None:
                self.average.load_state_dict(parts["average"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise damaged(path, error) from error
        device = next(self.network.parameters()).device
        self.best = {name: value.to(device) for name, value in parts.get("best", {}).items()}
        self.history = history


def begin(network: nn.Module, loss: nn.Module, settings: TrainingSettings) -> TrainingState:
    """Return the state before the first epoch."""
    optimizer = make_optimizer(network, settings)
    return TrainingState(network, optimizer, loss, make_average(network, settings))
