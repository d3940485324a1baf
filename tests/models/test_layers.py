"""Layers against torch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from leadlens.models.layers import pad_same
from leadlens.models.pooling import max_pool


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 30), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_pooling_over_views_is_torchs_pooling(
    kernel: int, stride: int, spare: int, seed: int
) -> None:
    signal = torch.randn(2, 3, kernel + spare, generator=torch.Generator().manual_seed(seed))
    expected = functional.max_pool1d(signal, kernel, stride)
    assert torch.equal(max_pool(signal, kernel, stride), expected)


@pytest.mark.parametrize("kernel", [1, 2, 3, 10, 39, 40])
def test_padding_keeps_the_length_with_the_odd_sample_at_the_end(kernel: int) -> None:
    padded = pad_same(torch.ones(1, 1, 50), kernel, value=-1.0)[0, 0]
    assert len(padded) - kernel + 1 == 50
    before = int((padded[:25] < 0).sum())
    after = int((padded[-25:] < 0).sum())
    assert after - before == (kernel + 1) % 2
