"""DeepLIFT (Shrikumar et al. 2017), the Rescale rule, by captum; its rule for maxima is ours.

captum's rule for max pooling writes overlapping windows over each other, and has none for the
maximum over time. What captum cannot see (a ReLU that is a function, not a layer) it treats as a
plain gradient, and says nothing: so that the values add up is checked. With captum's own rule for
`nn.MaxPool1d(3, 1)` a small network's values missed 62 % of the logit's change (captum 0.9.0).
"""

import warnings
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadlens.errors import ConfigError, require_extra
from leadlens.explain.additivity import with_additivity
from leadlens.explain.attribution import Attribution
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.rows import (
    RowNetwork,
    ends_of,
    logits_of,
    missing_share,
    owned,
    refuse_timing,
)
from leadlens.explain.settings import ExplainSettings
from leadlens.models.convolution import pad_same
from leadlens.models.pooling import MaxOverTime, MaxPool

captum = require_extra("captum.attr", "explain", "the explainer deeplift")
rules = require_extra("captum.attr._core.deep_lift", "explain", "the explainer deeplift")

TOLERANCE: Final = 0.01
"""Of the largest change of a logit: more than this missing, and the values are not DeepLIFT's."""


def deeplift(
    model: FrozenModel, game: Game, settings: ExplainSettings, number: int = 0
) -> Attribution:
    """Return DeepLIFT's contributions against `game.without`.

    The values of a class add up to what its logit loses when all players are off.

    Raises:
        ConfigError: timings are players, or the network has parts that DeepLIFT has no rule for.
    """
    refuse_timing(game.players, "deeplift")
    network = RowNetwork(model, game)
    signal, without = ends_of(game)
    name = type(model.network).__name__
    cells = _contributions(network, signal, without, len(model.classes), name)
    logits, off = logits_of(network, torch.cat([signal, without]))
    values = owned(cells, game.players)
    missing = missing_share(values, logits, off)
    if missing > TOLERANCE:
        raise ConfigError(
            f"deeplift has no rule for parts of {name}: its values miss "
            f"{missing:.1%} of the logits' largest change. ReLUs must be nn.ReLU layers, each used "
            "once, and maxima leadlens' layers; or use 'integrated_gradients'"
        )
    n_forwards = 2 * len(model.classes) + 2
    return with_additivity(model, game, values, logits, n_forwards, settings, number)


def _contributions(
    network: RowNetwork,
    signal: Float[Tensor, "1 row time"],
    without: Float[Tensor, "1 row time"],
    n_classes: int,
    name: str,
) -> Float[Tensor, "class row time"]:
    """Return captum's contributions of all samples to all classes."""
    method = captum.DeepLift(network)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting forward, backward hooks")
        try:
            cells = [method.attribute(signal, without, each).detach() for each in range(n_classes)]
        except RuntimeError as error:
            if "more than once" not in str(error):
                raise
            raise ConfigError(
                f"deeplift needs each nn.ReLU layer of {name} to be used once, and one is used "
                "again: give every place its own, or use 'integrated_gradients'"
            ) from error
    return torch.cat(cells)


def _maximum(
    module: nn.Module,
    inputs: Float[Tensor, "both channel time"],
    outputs: Float[Tensor, "both channel *window"],  # noqa: ARG001  (captum's signature)
    grad_input: Float[Tensor, "both channel time"],
    grad_output: Float[Tensor, "both channel *window"],
    eps: float = 1e-10,
) -> Float[Tensor, "both channel time"]:
    """Return the multipliers at the inputs of a maximum over windows.

    `both` is the signal's half, then that of what replaces it. The change of a maximum goes to the
    sample that made the larger of the two: there the input changed at least as much.
    """
    kernel, stride, n_before = inputs.shape[-1], 1, 0
    if isinstance(module, MaxPool):
        kernel, stride = module.kernel, module.stride
        n_before = (kernel - 1) // 2 if module.is_same else 0
        inputs = pad_same(inputs, kernel, value=float("-inf")) if module.is_same else inputs
    top, inside = inputs.unfold(-1, kernel, stride).max(dim=-1)
    at = inside + stride * torch.arange(top.shape[-1], device=top.device)
    (here, other), (at_here, at_other) = top.chunk(2), at.chunk(2)
    where = torch.where(here >= other, at_here, at_other)
    signal, without = inputs.chunk(2)
    change = signal.gather(-1, where) - without.gather(-1, where)
    multiplier = torch.where(change.abs() < eps, 1.0, (here - other) / change)
    gradient = grad_output.reshape(top.shape).chunk(2)[0]
    half = torch.zeros_like(signal).scatter_add(-1, where, gradient * multiplier)
    half = half[..., n_before : n_before + grad_input.shape[-1]]
    return torch.cat([half, half])


# captum's rule for any function of one number also holds for the GELU, which it does not list.
rules.SUPPORTED_NON_LINEAR.update(
    {MaxPool: _maximum, MaxOverTime: _maximum, nn.GELU: rules.nonlinear}
)
