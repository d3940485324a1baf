"""Models whose explanations are known, and the games that the judges play with them."""

from pathlib import Path

import numpy as np
import torch
from plain_settings import plain_settings
from torch import Tensor, nn

from leadlens.bundle import Bundle, BundleConfig
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.preprocess import Normalisation
from leadlens.ecg.recording import Recording
from leadlens.explain.frozen import FrozenModel, freeze
from leadlens.explain.game import Game
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import make_game
from leadlens.models.registry import build_model
from leadlens.models.settings import ResNetSettings

FS, DURATION = 50.0, 4.0
SETTINGS = plain_settings(n_segments=3)
OCCLUSION = plain_settings(method="occlusion", n_segments=3)
SMALL = ResNetSettings(n_filters=(8, 8), kernel=5)


class Linear(nn.Module):
    """Logits that are weighted sums of the leads' means over time."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        return signal.mean(dim=-1) @ self.weights.T


def bundle_of(network: nn.Module, scale: Normalisation = "millivolt") -> Bundle:
    config = BundleConfig(
        model=SMALL, leads=STANDARD_LEADS, fs=FS, duration=DURATION, resampling="polyphase",
        normalisation=scale, classes=("164889003", "426783006"), thresholds=(0.5, 0.5),
        trained_on={}, training={}, weights_sha256="", leadlens_version="",
    )  # fmt: skip
    return Bundle(Path("nowhere"), config, network)


def linear(seed: int = 0) -> Linear:
    return Linear(100 * np.random.default_rng(seed).normal(size=(2, 12)))


def resnet(seed: int = 0) -> nn.Module:
    return build_model(SMALL, 12, 2, seed).eval()


def asked(
    ecg: Recording, network: nn.Module, settings: ExplainSettings = SETTINGS
) -> tuple[FrozenModel, Game]:
    model = freeze(bundle_of(network), ecg.signal)
    return model, make_game(ecg.signal, STANDARD_LEADS, FS, "mV", settings, like=model.like)
