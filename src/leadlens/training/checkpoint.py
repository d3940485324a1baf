"""Checkpoints: everything needed to go on after a kill, in one file that is never half-written.

Tensors are in a safetensors file, named by what they belong to ("model.head.weight"); the history
is JSON in its metadata, beside a hash of what is being trained: a checkpoint of another training is
refused. Orders, augmentation and learning rates follow from (seed, epoch, batch), so no random
state has to be kept.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from leadlens.errors import TrainingError
from leadlens.files import written_beside

Parts = dict[str, dict[str, Tensor]]
History = list[dict[str, float]]


def save_checkpoint(path: Path, parts: Parts, history: History, identity: str) -> None:
    """Write the state after an epoch to `path`; `identity` names the training."""
    tensors = {
        f"{part}.{name}": value.detach().cpu().contiguous()
        for part, values in parts.items()
        for name, value in values.items()
    }
    with written_beside(path) as beside:
        metadata = {"history": json.dumps(history), "identity": identity}
        # A weight that is kept under two names must be written twice.
        save_file({name: value.clone() for name, value in tensors.items()}, beside, metadata)


def load_checkpoint(path: Path, identity: str) -> tuple[Parts, History]:
    """Return the parts and the history in `path`.

    Raises:
        TrainingError: the file is damaged or belongs to another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        history: History = json.loads(metadata["history"])
        is_same = metadata["identity"] == identity
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error
    if not is_same:
        raise TrainingError(
            f"{path} was made with other settings or recordings: delete it to train afresh"
        )
    parts: Parts = {}
    for name, value in tensors.items():
        part, _, key = name.partition(".")
        parts.setdefault(part, {})[key] = value
    return parts, history


def damaged(path: Path, error: Exception) -> TrainingError:
    """Return the error for a checkpoint that cannot be used."""
    return TrainingError(
        f"{path} is damaged or of another network ({error}): delete it to train afresh"
    )


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return Adam's moments and step counts by parameter number and name."""
    return {
        f"{number}.{name}": value
        for number, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put moments and step counts back."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
