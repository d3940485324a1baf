"""Receptive fields: what gradients reach, and kernels for a field in seconds."""

import subprocess
import sys

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from leadlens.errors import ConfigError
from leadlens.models.receptive_field import receptive_field
from leadlens.models.registry import build_model, seconds_seen
from leadlens.models.settings import (
    ImportedSettings,
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    ResNetSettings,
    StateSpaceSettings,
    XResNetSettings,
)

FS = 100.0
BOUNDED = [
    PaperInceptionSettings(n_filters=2, join="channels"),
    PaperInceptionSettings(n_filters=2, join="channels", receptive_field=0.23),
    PaperInceptionSettings(n_filters=2, join="channels", receptive_field=0.7),
    InceptionTimeSettings(depth=4, n_filters=2, kernels=(9, 4)),
    InceptionTimeSettings(depth=1, n_filters=2, kernels=(2,)),
    InceptionTimeSettings(depth=3, n_filters=2, receptive_field=0.07),
    InceptionTimeSettings(depth=3, n_filters=2, receptive_field=0.5),
    ResNetSettings(n_filters=(2, 2), kernel=5, stride=3),
    XResNetSettings(depth=18, n_filters=(2, 2, 2, 2)),
    XResNetSettings(depth=18, n_filters=(2, 2, 2, 2), kernel=7),
    XResNetSettings(depth=50, n_filters=(2, 2, 2, 2), kernel=3),
]
UNBOUNDED = [
    InceptionTimeSettings(depth=1, n_filters=2, kernels=(3,), squeeze=2),
    StateSpaceSettings(depth=1, n_filters=2, n_states=2),
]
rates = st.floats(20.0, 1000.0)


def seen(settings: ModelSettings, n_samples: int) -> tuple[list[int], int]:
    """Return the samples that the middle of the feature map sees, and its centre."""
    network = build_model(settings, 1, 1, fs=FS).double().eval()
    for parameter in network.parameters():
        parameter.data.abs_().add_(0.1)  # positive, so that no ReLU hides an input
    # Once rising, once falling: a maximum looks at one end only.
    rising = 1 + torch.arange(n_samples).double() / n_samples
    samples: set[int] = set()
    for ramp in (rising, rising.flip(0)):
        signal = ramp[None, None].clone().requires_grad_()
        features = network.features(signal)
        middle = features.shape[-1] // 2
        features[0, :, middle].sum().backward()
        assert signal.grad is not None
        samples |= set(signal.grad[0, 0].nonzero().flatten().tolist())
    return sorted(samples), int(network.centres(n_samples)[middle])


@pytest.mark.parametrize("settings", BOUNDED, ids=repr)
def test_a_network_sees_as_far_as_it_says_on_both_sides(settings: ModelSettings) -> None:
    network = build_model(settings, 1, 1, fs=FS)
    field = receptive_field(settings, FS)
    samples, centre = seen(settings, 2 * network.receptive_field + 101)
    assert samples[-1] - samples[0] + 1 == network.receptive_field == field.n_samples
    assert abs((samples[0] + samples[-1]) / 2 - centre) <= 1
    assert field.seconds(FS) == seconds_seen(network, FS) == network.receptive_field / FS


@pytest.mark.parametrize("settings", UNBOUNDED, ids=lambda each: each.name)
def test_a_network_without_a_bound_sees_all_of_its_input(settings: ModelSettings) -> None:
    network = build_model(settings, 1, 1, fs=FS)
    assert network.receptive_field is None
    assert seconds_seen(network, FS) is None
    assert receptive_field(settings, FS).seconds(FS) is None
    assert seen(settings, 301) == (list(range(301)), 150)


def test_what_an_own_network_sees_is_not_known_before_it_is_built() -> None:
    assert receptive_field(ImportedSettings(name="a.b:C"), FS).n_samples is None


@given(rates)
def test_the_published_field_in_seconds_gives_the_published_kernels(fs: float) -> None:
    plain = receptive_field(PaperInceptionSettings())
    assert (plain.kernels, plain.n_samples) == ((7, 3, 5), 37)
    assert receptive_field(PaperInceptionSettings(receptive_field=37 / fs), fs) == plain
    plain = receptive_field(InceptionTimeSettings())
    assert (plain.kernels, plain.n_samples) == ((40, 20, 10), 235)
    assert receptive_field(InceptionTimeSettings(receptive_field=235 / fs), fs) == plain


@given(st.floats(0.01, 5.0), rates)
def test_the_paper_network_meets_a_field_in_seconds_within_a_sample(
    seconds: float, fs: float
) -> None:
    assume(seconds * fs >= 23)
    field = receptive_field(PaperInceptionSettings(receptive_field=seconds), fs)
    assert field.n_samples is not None
    assert abs(field.n_samples - seconds * fs) <= 1 + 1e-9
    assert all(kernel % 2 == 1 and kernel >= 1 for kernel in field.kernels)
    # In the proportions that were published, as far as whole samples go.
    stem, three, five = ((kernel - 1) / 2 for kernel in field.kernels)
    scale = (field.n_samples - 15) / 22
    assert abs(three - scale) <= 0.5
    assert abs(five - 2 * scale) <= 0.5
    assert abs(stem - 3 * scale) <= 2 + 1e-9


@given(st.floats(0.01, 5.0), rates, st.integers(1, 9))
def test_inception_time_meets_a_field_in_seconds_within_half_its_depth(
    seconds: float, fs: float, depth: int
) -> None:
    assume(seconds * fs >= 1 + 2 * depth)
    settings = InceptionTimeSettings(depth=depth, receptive_field=seconds)
    field = receptive_field(settings, fs)
    assert field.n_samples is not None
    assert abs(field.n_samples - seconds * fs) <= depth / 2 + 1e-9
    longest, middle, shortest = field.kernels
    assert abs(middle - longest / 2) <= 0.5
    assert abs(shortest - longest / 4) <= 0.5 or shortest == 1


@given(st.floats(1e-4, 0.9), rates, st.integers(1, 9), st.booleans())
def test_a_field_below_what_pooling_sees_is_refused_with_the_smallest_that_works(
    share: float, fs: float, depth: int, is_paper: bool
) -> None:
    kind = PaperInceptionSettings if is_paper else InceptionTimeSettings
    given = {} if is_paper else {"depth": depth}
    least = 23 if is_paper else 1 + 2 * depth
    assume(share * least < least - 1)
    asked = kind(receptive_field=share * least / fs, **given)
    with pytest.raises(ConfigError, match=f"{asked.name} cannot.*pooling alone sees {least} ") as e:
        receptive_field(asked, fs)
    smallest = float(str(e.value).split(" so ")[1].split(" s ")[0])
    assert receptive_field(kind(receptive_field=smallest, **given), fs).n_samples == least


def test_at_25_hz_the_paper_network_cannot_see_less_than_0_92_seconds() -> None:
    with pytest.raises(
        ConfigError, match=r"0\.5 s at 25 Hz.*23 samples, so 0\.92 s is the smallest"
    ):
        build_model(PaperInceptionSettings(receptive_field=0.5), 12, 3, fs=25.0)
    network = build_model(PaperInceptionSettings(receptive_field=0.92), 12, 3, fs=25.0)
    assert seconds_seen(network, 25.0) == 0.92


@pytest.mark.parametrize("kind", [PaperInceptionSettings, InceptionTimeSettings])
def test_a_field_in_seconds_needs_the_rate(kind: type) -> None:
    with pytest.raises(ConfigError, match=r"0\.5 s needs the input's sampling rate: give fs"):
        build_model(kind(receptive_field=0.5), 12, 3)


def test_a_field_in_seconds_and_a_view_of_everything_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"squeeze 8 .* receptive_field of 0\.5 s"):
        InceptionTimeSettings(squeeze=8, receptive_field=0.5)


def test_a_plan_asks_for_fields_without_importing_torch() -> None:
    code = "import sys, leadlens.models.receptive_field; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
