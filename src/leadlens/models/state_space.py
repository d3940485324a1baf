"""A diagonal state-space network (S4D; Gu et al. 2022, NeurIPS, arXiv 2206.11893).

Each channel is filtered by a linear system x' = A x + u, y = 2 Re(C x) with a diagonal, complex A,
held constant within a sample (zero-order hold), once forwards and once backwards in time. A pair of
such filters is one convolution as long as the ECG: one output sees all of the input.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadlens.errors import ConfigError
from leadlens.models.convolution import BatchNorm, Convolution, Dropout, keep_layout
from leadlens.models.settings import StateSpaceSettings

N_DIRECTIONS = 2


class StateSpaceFilter(nn.Module):
    """Every channel by its own two filters: `(batch, channel, time)` -> the same shape.

    Parameters are real, real and imaginary parts apart, in units of T: A is -1/2 + i pi n
    (S4D-Lin) at first, and a sample is 1 / (T fs) long.
    """

    def __init__(self, n_channels: int, n_states: int, shortest: float, longest: float) -> None:
        super().__init__()
        shape = (N_DIRECTIONS, n_channels, n_states)
        low, high = -math.log(longest), -math.log(shortest)
        self.log_step = nn.Parameter(torch.empty(shape[:2]).uniform_(low, high))
        self.log_decay = nn.Parameter(torch.full(shape, math.log(0.5)))
        self.frequency = nn.Parameter(math.pi * torch.arange(float(n_states)).repeat(*shape[:2], 1))
        self.mix_real = nn.Parameter(torch.randn(shape) / math.sqrt(2))
        self.mix_imag = nn.Parameter(torch.randn(shape) / math.sqrt(2))
        self.direct = nn.Parameter(torch.randn(n_channels, 1))

    def kernel(self, n_samples: int) -> Float[Tensor, "direction channel time"]:
        """Return what each filter answers to one sample of 1: 2 Re(C exp(A t) (exp(A) - 1) / A).

        Written with sines and cosines, as exporters know no complex exponential.
        """
        step = self.log_step.exp()[..., None]
        decay, turn = self.log_decay.exp(), self.frequency
        # (exp(A step) - 1) / A, the answer of a state to one held sample.
        grown = (-decay * step).exp()
        real, imag = grown * (turn * step).cos() - 1.0, grown * (turn * step).sin()
        size = decay.square() + turn.square()
        real, imag = (
            (imag * turn - real * decay) / size,
            -(imag * decay + real * turn) / size,
        )
        weight_real = self.mix_real * real - self.mix_imag * imag
        weight_imag = self.mix_real * imag + self.mix_imag * real
        time = torch.arange(n_samples, device=step.device, dtype=step.dtype)
        faded = (-(decay * step)[..., None] * time).exp()
        angle = (turn * step)[..., None] * time
        return 2.0 * (
            torch.einsum("dcs,dcst->dct", weight_real, faded * angle.cos())
            - torch.einsum("dcs,dcst->dct", weight_imag, faded * angle.sin())
        )

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel time"]:
        """Return the filtered signal, in the precision of the parameters.

        Under autocast as well: half precision cannot hold the kernel's angles, hundreds of turns.
        """
        with torch.autocast(signal.device.type, enabled=False):
            signal = signal.to(self.direct.dtype)
            n_samples = signal.shape[-1]
            forwards, backwards = self.kernel(n_samples)
            # A circle twice as long as the ECG: times before 0 lie at its end, and nothing wraps.
            around = torch.cat([forwards, backwards.flip(-1)], dim=-1)
            spectrum = torch.fft.rfft(signal, n=2 * n_samples) * torch.fft.rfft(around)
            filtered = torch.fft.irfft(spectrum, n=2 * n_samples)[..., :n_samples]
            return filtered + self.direct * signal


class Block(nn.Module):
    """Filters, GELU, a mix of channels; a shortcut around them, and normalisation."""

    def __init__(self, settings: StateSpaceSettings, fs: float) -> None:
        super().__init__()
        n, (shortest, longest) = settings.n_filters, settings.time_scales
        self.filter = StateSpaceFilter(n, settings.n_states, shortest * fs, longest * fs)
        self.gelu = nn.GELU()
        self.mix = Convolution(n, n, 1, bias=True)
        self.dropout = Dropout(settings.dropout)
        self.norm = BatchNorm(n)

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel time"]:
        """Return the features."""
        return self.norm(signal + self.dropout(self.mix(self.gelu(self.filter(signal)))))


class StateSpace(nn.Module):
    """Blocks of state-space filters: `(batch, lead, time)` -> logits `(batch, class)`."""

    min_samples = 1
    step = 1
    receptive_field = None
    """All of the input."""

    def __init__(
        self, settings: StateSpaceSettings, n_leads: int, n_classes: int, fs: float | None = None
    ) -> None:
        super().__init__()
        if fs is None:
            raise ConfigError(
                f"state_space has time_scales of {settings.time_scales} s, which need the input's "
                "sampling rate: give fs, in Hz, to build_model"
            )
        self.stem = Convolution(n_leads, settings.n_filters, 1, bias=True)
        self.blocks = nn.Sequential(*(Block(settings, fs) for _ in range(settings.depth)))
        self.head = nn.Linear(settings.n_filters, n_classes)

    def forward(self, signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        return self.classify(self.features(signal))

    def features(
        self, signal: Float[Tensor, "batch lead time"]
    ) -> Float[Tensor, "batch channel time"]:
        """Return the last feature map."""
        return self.blocks(self.stem(signal))

    def classify(
        self, features: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of a feature map."""
        seen = keep_layout(features)
        return self.head(seen.mean(dim=-1))

    def centres(self, n_samples: int) -> Int[Tensor, " time"]:
        """Return the input sample that each position of the feature map is centred on."""
        return torch.arange(n_samples)
