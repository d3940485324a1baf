"""Where training runs and in which number format: one code path for CPU and GPU."""

import platform
from importlib import metadata

import torch

import leadlens
from leadlens.errors import ConfigError


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


def uses_bfloat16(device: torch.device, precision: str) -> bool:
    """Return whether training with this precision computes in bfloat16 on this device."""
    return precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which forward passes run."""
    is_enabled = uses_bfloat16(device, precision)
    return torch.autocast(device.type, torch.bfloat16, enabled=is_enabled)


def versions() -> dict[str, str]:
    """Return the versions that a training's figures depend on."""
    packages = ("torch", "numpy", "scipy", "scikit-learn")
    return {
        "leadlens": leadlens.__version__,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **{package: metadata.version(package) for package in packages},
    }
