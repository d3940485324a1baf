"""A model whose scale is frozen: what it says of windows that differ from one by masks alone.

Statistics taken again after masking would undo the mask, so those of the unmasked window serve all.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadlens.bundle import Bundle
from leadlens.ecg.preprocess import scale_of
from leadlens.models.convolution import at_once


@dataclass(frozen=True, eq=False)
class FrozenModel:
    """Windows in mV in, logits out.

    Attributes:
        network: (window, lead, time), scaled, to (window, class).
        classes: what the columns are.
        offset, gain: (lead, 1), of the unmasked window.
        precision: of the network's arithmetic where it is lower than that of its weights.
    """

    network: nn.Module
    classes: tuple[str, ...]
    offset: Float[Tensor, "lead 1"]
    gain: Float[Tensor, "lead 1"]
    precision: Literal["float32", "bfloat16"] = "float32"

    @property
    def like(self) -> Tensor:
        """A tensor of the device and type of the network's input."""
        return next(self.network.parameters()).detach()

    def scaled(
        self, windows: Float[Tensor, "window lead time"]
    ) -> Float[Tensor, "window lead time"]:
        """Return what the network is shown: scaled, and 0 where nothing was recorded."""
        return ((windows - self.offset) * self.gain).nan_to_num(nan=0.0)

    def logits(
        self, windows: Float[Tensor, "window lead time"]
    ) -> Float[np.ndarray, "window class"]:
        """Return the logits of windows in mV (or relative units), NaN where missing."""
        with torch.inference_mode(), self.arithmetic():
            pieces = [
                self.network(self.scaled(piece)).double().cpu()
                for piece in torch.split(windows, at_once(windows.device))
            ]
        return torch.cat(pieces).numpy()

    def arithmetic(self) -> AbstractContextManager[object]:
        """Return the context in which the network runs."""
        if self.precision == "bfloat16":
            return torch.autocast(self.like.device.type, torch.bfloat16)
        return nullcontext()


def freeze(
    bundle: Bundle,
    signal: Float[np.ndarray, "lead time"],
    precision: Literal["float32", "bfloat16"] = "float32",
) -> FrozenModel:
    """Return `bundle`'s model with the scale of an unmasked window in mV, NaN where missing."""
    scale = scale_of(signal[None], bundle.config.normalisation)
    like = next(bundle.model.parameters())
    offset, gain = (torch.as_tensor(part[0]).to(like) for part in (scale.offset, scale.gain))
    return FrozenModel(bundle.model, bundle.config.classes, offset, gain, precision)
