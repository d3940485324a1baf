"""Maxima over time against torch's own, in every number format."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from leadlens.models.convolution import pad_same
from leadlens.models.pooling import max_pool

FORMATS = [torch.bfloat16, torch.float16, torch.float32, torch.float64]


def theirs(signal: Tensor, kernel: int, stride: int, is_same: bool) -> Tensor:
    """Return torch's maxima, in double precision."""
    given = signal.double()
    padded = pad_same(given, kernel, value=float("-inf")) if is_same else given
    return nn.functional.max_pool1d(padded, kernel, stride)


@pytest.mark.parametrize("dtype", FORMATS)
@given(
    kernel=st.integers(1, 9),
    stride=st.integers(1, 4),
    spare=st.integers(0, 30),
    is_same=st.booleans(),
    is_rectified=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_maxima_and_their_gradients_are_torchs(
    dtype: torch.dtype,
    kernel: int,
    stride: int,
    spare: int,
    is_same: bool,
    is_rectified: bool,
    seed: int,
) -> None:
    luck = torch.Generator().manual_seed(seed)
    # Few channels and samples that differ: which of equal ones gets the gradient is told below.
    n_samples = kernel + spare
    places = torch.randperm(2 * 3 * n_samples, generator=luck).view(2, 3, n_samples)
    signal = (places - (0 if is_rectified else places.numel() // 2)).to(dtype) / 16
    own, other = signal.clone().requires_grad_(), signal.double().requires_grad_()
    said, wanted = (
        max_pool(own, kernel, stride, is_same=is_same),
        theirs(other, kernel, stride, is_same),
    )
    assert said.dtype is dtype
    assert torch.equal(said.double(), wanted)
    with torch.no_grad():
        assert torch.equal(max_pool(signal, kernel, stride, is_same=is_same), said)
    # Whole numbers: sums of a few are exact in every format.
    weights = torch.randint(-4, 5, wanted.shape, generator=luck)
    (said * weights.to(dtype)).sum().backward()
    (wanted * weights).sum().backward()
    assert own.grad is not None
    assert other.grad is not None
    assert torch.equal(own.grad.double(), other.grad)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("value", [0.0, -2.5, 3.0])
def test_the_gradient_of_a_maximum_of_equals_goes_to_the_first(
    dtype: torch.dtype, value: float
) -> None:
    flat = torch.full((1, 1, 5), value, dtype=dtype, requires_grad=True)
    max_pool(flat, 3, 1).sum().backward()
    assert flat.grad is not None
    assert flat.grad[0, 0].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("around", [-1.0, 1.0])
def test_a_maximum_never_hides_what_is_not_a_number(
    dtype: torch.dtype, sign: float, around: float
) -> None:
    signal = torch.full((1, 1, 9), around, dtype=dtype)
    signal[..., 4] = torch.copysign(torch.tensor(float("nan")), torch.tensor(sign)).to(dtype)
    for asked in (signal, signal.clone().requires_grad_()):
        said = max_pool(asked, 3, 1, is_same=True).detach()
        assert said.isnan()[0, 0].tolist() == [3 <= place <= 5 for place in range(9)]


def test_maxima_of_more_samples_than_fit_into_the_cache_are_those_of_each() -> None:
    signal = torch.randn(7, 64, 900, generator=torch.Generator().manual_seed(1)).bfloat16()
    own = signal.clone().requires_grad_()
    said = max_pool(own, 3, 1, is_same=True)
    said.sum().backward()
    assert own.grad is not None
    for number in range(7):
        one = signal[number : number + 1].clone().requires_grad_()
        alone = max_pool(one, 3, 1, is_same=True)
        alone.sum().backward()
        assert torch.equal(said[number], alone[0])
        assert one.grad is not None
        assert torch.equal(own.grad[number], one.grad[0])
