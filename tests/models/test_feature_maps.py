"""Feature maps: where each position lies in the ECG."""

import pytest
import torch

from leadlens.models.registry import build_model
from leadlens.models.settings import (
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    ResNetSettings,
)


def reach(settings: ModelSettings, n_samples: int) -> tuple[torch.Tensor, int]:
    """Return how far before and after its centre each position sees, and the whole field."""
    network = build_model(settings, 1, 1).double().eval()
    for parameter in network.parameters():
        parameter.data.abs_().add_(0.1)  # positive, so that no ReLU hides an input
    centres = network.centres(n_samples)
    ecg = torch.ones(1, 1, n_samples).double()
    one_changed = ecg.repeat(n_samples, 1, 1) + torch.eye(n_samples)[:, None]
    with torch.inference_mode():
        change = (network.features(one_changed) - network.features(ecg)).abs().amax(dim=1)
    assert change.shape[1] == len(centres)
    distance = torch.arange(n_samples)[:, None] - centres
    seen = distance.where(change > 1e-12, 0)
    return torch.stack([-seen.amin(dim=0), seen.amax(dim=0)]), network.receptive_field


@pytest.mark.parametrize("n_samples", [100, 101, 200])
@pytest.mark.parametrize(
    "settings",
    [
        InceptionTimeSettings(depth=4, n_filters=3, kernels=(9, 5)),
        ResNetSettings(n_filters=(4, 4), kernel=5, stride=3),
        ResNetSettings(n_filters=(4, 4), kernel=5, stride=2),
        PaperInceptionSettings(n_filters=4, join="channels"),
    ],
)
def test_a_position_sees_as_far_before_its_centre_as_after(
    settings: ModelSettings, n_samples: int
) -> None:
    (before, after), field = reach(settings, n_samples)
    middle = slice(len(before) // 3, 2 * len(before) // 3)  # clear of the ends
    assert int(before.max()) <= field // 2
    assert int(after.max()) <= field // 2
    assert int((before[middle] - after[middle]).abs().max()) <= 1


@pytest.mark.parametrize("n_samples", [100, 101, 200])
def test_the_published_network_passes_over_the_ecg_sixteen_times(n_samples: int) -> None:
    (before, after), field = reach(PaperInceptionSettings(n_filters=8), n_samples)
    is_clear = (before <= field // 2 + 1) & (after <= field // 2 + 1)
    # Fifteen places where one pass meets the next.
    assert int((~is_clear).sum()) <= 15 * 4
    centres = build_model(PaperInceptionSettings(), 1, 1).centres(n_samples)
    # Each sixteenth of the map runs from the ECG's beginning to its end, in steps of four.
    starts = (centres.diff() < 0).sum() + 1
    assert int(starts) == 16
    assert set(centres.diff()[centres.diff() > 0].tolist()) == {4}
    assert int(centres.min()) <= 4
    assert int(centres.max()) >= n_samples - 5
