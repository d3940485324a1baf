"""Augmentation: recordings changed in ways that leave their diagnoses true, where the batch lies.

What is decided for a recording (whether, how much, with whom) is drawn on the host, so that it is
the same on every device. Zero is missing in a network's input: a lead that is 0 throughout, and
the time before the first and after the last sample that is not 0 in all leads, get no noise.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from leadlens.ecg.preprocess import Normalisation
from leadlens.training.augment_settings import AugmentSettings, Part
from leadlens.training.feed import Fed
from leadlens.training.noise import add_noise, is_recorded, spread_of

_STREAM: Final = 1
"""Sets these draws apart from those of an epoch's order, whose seeds may be the same numbers."""


def augment(
    fed: Fed,
    settings: AugmentSettings,
    leads: tuple[str, ...],
    normalisation: Normalisation,
    fs: float,
    seed: tuple[int, ...],
) -> Fed:
    """Return a batch augmented; `fed` stays as it is.

    Args:
        fed: a batch as a network's input.
        settings: what is done.
        leads: the rows of the signal.
        normalisation: the scale of the signal.
        fs: samples a second.
        seed: whole numbers that decide every draw: the training's seed, the epoch, the number of
            the batch in it. Training that is resumed draws the same as if it had never stopped.

    Raises:
        ConfigError: noise for a lead that the electrodes of a standard ECG do not give.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM,)))
    signal = fed.signal
    if settings.gain.is_on and normalisation != "lead_zscore":
        signal = signal * _gains(settings.gain, signal, rng)
    if settings.has_noise:
        spread = torch.from_numpy(spread_of(leads, normalisation)).to(signal.device)
        signal = add_noise(signal, settings, spread, fs, rng)
    if settings.shift.is_on:
        signal = _shifted(signal, settings.shift, fs, rng)
    changed = replace(fed, signal=signal)
    if settings.mixup.is_on:
        changed = _mixed(changed, settings.mixup, rng)
    if settings.lead_dropout.is_on:
        kept = _kept_leads(changed.signal, settings.lead_dropout, rng)
        changed = replace(changed, signal=changed.signal * kept)
    return changed


def _gains(
    part: Part, signal: Float32[Tensor, "batch lead time"], rng: np.random.Generator
) -> Float32[Tensor, "batch 1 1"]:
    """Return one factor a recording, log-normal about 1."""
    n = len(signal)
    gains = np.exp(part.size * rng.standard_normal(n) * _is_chosen(part, n, rng))
    return _beside(signal, gains)[:, None, None]


def _shifted(
    signal: Float32[Tensor, "batch lead time"], part: Part, fs: float, rng: np.random.Generator
) -> Float32[Tensor, "batch lead time"]:
    """Return recordings moved in time, by half a window at most; 0 where nothing is known."""
    n, _, n_samples = signal.shape
    room = min(round(part.size * fs), n_samples // 2)
    starts = room + rng.integers(-room, room + 1, n) * _is_chosen(part, n, rng)
    views = torch.nn.functional.pad(signal, (room, room)).unfold(2, n_samples, 1)
    rows = torch.arange(n, device=signal.device)
    return views[rows, :, torch.from_numpy(starts).to(signal.device)]


def _mixed(fed: Fed, part: Part, rng: np.random.Generator) -> Fed:
    """Return recordings mixed with others of the batch, and so their labels (Zhang et al. 2018).

    What is unknown in one of two is unknown of both together.
    """
    signal, labels, mask = fed.signal, fed.labels, fed.label_mask
    n = len(signal)
    drawn = rng.beta(part.size, part.size, n)
    # The larger share is the recording's own, which changes nothing: which of two is called the
    # first is chance. It keeps each recording's own leads in what is shown of it.
    own = _beside(signal, np.where(_is_chosen(part, n, rng), np.maximum(drawn, 1 - drawn), 1.0))
    partners = torch.from_numpy(rng.permutation(n)).to(signal.device)
    return replace(
        fed,
        signal=torch.lerp(signal[partners], signal, own[:, None, None]),
        labels=torch.lerp(labels[partners], labels, own[:, None]),
        label_mask=torch.where(own[:, None] < 1, mask * mask[partners], mask),
        person=torch.lerp(fed.person[partners], fed.person, own[:, None]),
    )


def _kept_leads(
    signal: Float32[Tensor, "batch lead time"], part: Part, rng: np.random.Generator
) -> Float32[Tensor, "batch lead 1"]:
    """Return 0 for leads that go missing, 1 for the others; each recording keeps one at least."""
    n, n_leads, _ = signal.shape
    luck = rng.random((n, n_leads))
    luck[~_is_chosen(part, n, rng)] = 1.0
    chances = _beside(signal, luck)
    luckiest = chances.masked_fill(~is_recorded(signal, 2), -1.0).argmax(1, keepdim=True)
    is_kept = (chances >= part.size).scatter(1, luckiest, True)
    return is_kept.to(signal.dtype)[:, :, None]


def _is_chosen(part: Part, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return which recordings a part acts on: (batch,), bool."""
    return rng.random(n) < part.probability


def _beside(signal: Tensor, values: np.ndarray) -> Tensor:
    """Return numbers drawn on the host as float32 where the signal lies."""
    return torch.from_numpy(values.astype(np.float32)).to(signal.device)
