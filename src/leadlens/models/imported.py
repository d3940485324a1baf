"""A user's own network, found by its import path."""

import importlib
from typing import Any

import torch
from torch import Tensor, nn

from leadlens.errors import ConfigError
from leadlens.models.settings import ImportedSettings

N_SECONDS = 10
"""Length of the input that is tried, where a network does not say the shortest that it takes."""


def build_imported(
    settings: ImportedSettings, n_leads: int, n_classes: int, fs: float | None = None
) -> nn.Module:
    """Return `ClassName(n_leads=..., n_classes=..., **arguments)`, after a trial run.

    Imports and runs the code that the settings name.

    Raises:
        ConfigError: it cannot be imported or built, is no nn.Module, or does not turn
            (batch, lead, time) into logits (batch, class).
    """
    kind = _imported(settings.name)
    try:
        network = kind(n_leads=n_leads, n_classes=n_classes, **settings.arguments)
    except Exception as error:
        raise ConfigError(
            f"{settings.name} cannot be built with n_leads={n_leads}, n_classes={n_classes} and "
            f"arguments {settings.arguments}: {_said(error)}"
        ) from error
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"{settings.name} makes a {type(network).__name__}: a torch.nn.Module is needed"
        )
    length = getattr(network, "min_samples", round(N_SECONDS * (fs or 100)))
    _try_out(network, settings.name, torch.randn(2, n_leads, length), n_classes)
    return network


def _imported(path: str) -> Any:
    """Return what lies at an import path.

    Raises:
        ConfigError: nothing does.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"network {path!r} cannot be imported ({_said(error)}): give "
            "'package.module:ClassName', of a module that is installed or whose folder is on "
            "PYTHONPATH"
        ) from error


def _try_out(network: nn.Module, name: str, signal: Tensor, n_classes: int) -> None:
    """Refuse a network that does not give logits `(batch, class)` of a signal."""
    network.eval()  # leaves batch statistics as they are
    try:
        with torch.no_grad():
            logits = network(signal)
    except Exception as error:
        raise ConfigError(
            f"{name} fails on a signal of shape {tuple(signal.shape)} (batch, lead, time): "
            f"{_said(error)}"
        ) from error
    network.train()
    wanted = (len(signal), n_classes)
    given = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if given != wanted:
        raise ConfigError(
            f"{name} gives {given} for a signal of shape {tuple(signal.shape)}: "
            f"logits of shape {wanted} (batch, class) are needed"
        )


def _said(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {error}"
