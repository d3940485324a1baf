"""Averages of weights against their formulas."""

import pytest
import torch
from torch import nn

from leadlens.training.average import averaged, follow, make_average
from leadlens.training.settings import TrainingSettings


def settings(**changes: object) -> TrainingSettings:
    return TrainingSettings.model_validate({"epochs": 8, **changes})


def network(value: float) -> nn.Module:
    made = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    for parameter in (*made.parameters(), made[1].running_mean):
        nn.init.constant_(parameter, value)
    return made


def walk(chosen: TrainingSettings, values: list[float], epoch: int = 7) -> nn.Module:
    """Return the averaged network after its weights were `values`, one step an epoch's end."""
    moving = network(0.0)
    average = make_average(moving, chosen)
    for value in values:
        moving.load_state_dict(network(value).state_dict())
        follow(average, moving, chosen, epoch, is_last_step=True)
    return averaged(average, moving)


def test_without_an_average_the_network_is_shown_as_it_is() -> None:
    moving = network(1.0)
    assert make_average(moving, settings()) is None
    assert averaged(None, moving) is moving


def test_the_exponential_mean_forgets_as_its_decay_says() -> None:
    mean = values = None
    steps = [1.0, 5.0, 2.0, 8.0, 3.0] * 20
    for number, value in enumerate(steps):
        keeps = min(0.9, (1 + number) / (10 + number))
        mean = value if mean is None else keeps * mean + (1 - keeps) * value
    values = walk(settings(average="ema", ema_decay=0.9), steps).state_dict()
    assert values["0.weight"].flatten()[0] == pytest.approx(mean, rel=1e-5)
    assert values["1.running_mean"][0] == pytest.approx(mean, rel=1e-5)


def test_the_plain_mean_is_over_the_last_quarter_of_the_epochs() -> None:
    chosen = settings(average="swa")
    moving = network(0.0)
    average = make_average(moving, chosen)
    for epoch in range(8):
        moving.load_state_dict(network(float(epoch)).state_dict())
        follow(average, moving, chosen, epoch, is_last_step=False)
        follow(average, moving, chosen, epoch, is_last_step=True)
        if epoch < 6:
            assert averaged(average, moving) is moving
    assert averaged(average, moving).state_dict()["0.bias"][0] == 6.5


def test_the_average_leaves_the_network_that_is_trained_alone() -> None:
    moving = network(1.0)
    average = make_average(moving, settings(average="ema"))
    follow(average, moving, settings(average="ema"), 0, is_last_step=False)
    with torch.no_grad():
        averaged(average, moving).state_dict()["0.weight"].fill_(9.0)
    assert moving.state_dict()["0.weight"].max() == 1.0
