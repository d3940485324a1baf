"""Layers that the networks share; all work along the last axis, time, of any length."""

from jaxtyping import Float
from torch import Tensor, nn

from leadlens.models.convolution import BatchNorm, Convolution


def own_view(signal: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch channel time"]:
    """Return a view of `signal` that a layer has to itself.

    captum's DeepLift corrects the gradient of a layer's input tensor. Where that tensor is also
    another layer's output, or has other users, it corrects too late or too much. A rectifier or a
    maximum that follows one, or shares its input, is given a view.
    """
    return signal.view_as(signal)


class ConvNormRelu(nn.Sequential):
    """Convolution that keeps the length, batch normalisation, ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel: int) -> None:
        super().__init__(
            Convolution(n_in, n_out, kernel, bias=True),
            BatchNorm(n_out, eps=1e-3, momentum=0.01),
            nn.ReLU(),
        )


class SqueezeExcitation(nn.Module):
    """Channels weighed by gates that see every channel's mean over time (Hu et al. 2018, CVPR)."""

    def __init__(self, n_channels: int, reduction: int) -> None:
        super().__init__()
        n_narrow = max(1, n_channels // reduction)
        self.gates = nn.Sequential(
            nn.Linear(n_channels, n_narrow),
            nn.ReLU(),
            nn.Linear(n_narrow, n_channels),
            nn.Sigmoid(),
        )

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel time"]:
        """Return the weighed channels."""
        return signal * self.gates(signal.mean(dim=-1))[..., None]
