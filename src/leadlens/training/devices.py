"""Where training runs and in which number format: one code path for CPU and GPU."""

from typing import Literal

import torch

from leadlens.errors import ConfigError

DeviceName = Literal["auto", "cpu", "cuda"]


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; "auto" is a GPU where there is one.

    Raises:
        ConfigError: a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    if name == "cuda" and not has_gpu:
        raise ConfigError("device 'cuda' was asked for, but PyTorch sees no GPU: use 'cpu'")
    if name not in ("cpu", "cuda"):
        raise ConfigError(f"unknown device {name!r}: allowed values are auto, cpu, cuda")
    return torch.device(name)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the hardware multiplies in bfloat16, not only stores it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # PyTorch has no public question for this; without an answer float32 is always right.
    questions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in questions)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which forward passes run."""
    use_bfloat16 = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=use_bfloat16)
