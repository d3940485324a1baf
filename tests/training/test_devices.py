"""Where training runs, and in which number format."""

import pytest
import torch

from leadlens.errors import ConfigError
from leadlens.training.devices import autocast, choose_device


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="'cuda' was asked for"):
        choose_device("cuda")


@pytest.mark.parametrize(("has_gpu", "kind"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, kind: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert choose_device("auto").type == kind


def test_an_unknown_device_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'tpu'.*auto, cpu, cuda"):
        choose_device("tpu")


@pytest.mark.parametrize(
    ("precision", "hardware", "dtype"),
    [
        ("bfloat16", False, torch.bfloat16),
        ("float32", True, torch.float32),
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
    ],
)
def test_a_network_computes_in_the_precision_asked_for(
    monkeypatch: pytest.MonkeyPatch, precision: str, hardware: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr("leadlens.training.devices.has_bfloat16", lambda _device: hardware)
    with autocast(torch.device("cpu"), precision):
        assert torch.nn.Linear(3, 2)(torch.ones(1, 3)).dtype == dtype
