"""Layers against torch's own."""

import pytest
import torch

from leadlens.models.convolution import pad_same


@pytest.mark.parametrize("kernel", [1, 2, 3, 10, 39, 40])
def test_padding_keeps_the_length_with_the_odd_sample_at_the_end(kernel: int) -> None:
    padded = pad_same(torch.ones(1, 1, 50), kernel, value=-1.0)[0, 0]
    assert len(padded) - kernel + 1 == 50
    before = int((padded[:25] < 0).sum())
    after = int((padded[-25:] < 0).sum())
    assert after - before == (kernel + 1) % 2
