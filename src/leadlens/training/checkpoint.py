"""Checkpoints: everything needed to go on after a kill, in one file that is never half-written.

Weights, what the loss remembers, and Adam's moments are tensors in a safetensors file; the history
is JSON in its metadata, beside a hash of what is being trained: a checkpoint of another training
is refused.
Orders and learning rates follow from (seed, epoch), so no random state has to be kept.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from leadlens.errors import TrainingError
from leadlens.files import written_beside


def save_checkpoint(
    path: Path,
    model: nn.Module,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    history: list[dict[str, float]],
    identity: str,
) -> None:
    """Write the state after an epoch to `path`; `identity` names the training."""
    tensors: dict[str, Tensor] = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"loss.{k}": v for k, v in loss.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with written_beside(path) as beside:
        metadata = {"history": json.dumps(history), "identity": identity}
        save_file(contiguous, beside, metadata=metadata)


def load_checkpoint(
    path: Path,
    model: nn.Module,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    identity: str,
) -> list[dict[str, float]]:
    """Put the state in `path` into `model`, `loss` and `optimizer`; return the history.

    Raises:
        TrainingError: the file is damaged or belongs to another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        history: list[dict[str, float]] = json.loads(metadata["history"])
        is_same = metadata["identity"] == identity
        model.load_state_dict(_below(tensors, "model"))
        loss.load_state_dict(_below(tensors, "loss"))
        optimizer.load_state_dict(
            {
                "state": _optimizer_state(_below(tensors, "optimizer")),
                "param_groups": optimizer.state_dict()["param_groups"],
            }
        )
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise TrainingError(
            f"{path} is damaged or of another network ({error}): delete it to train afresh"
        ) from error
    if not is_same:
        raise TrainingError(
            f"{path} was made with other settings or recordings: delete it to train afresh"
        )
    return history


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix` and a point, without it."""
    n = len(prefix) + 1
    return {name[n:]: value for name, value in tensors.items() if name.startswith(prefix + ".")}


def _optimizer_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return Adam's state by parameter number."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    return state
