"""Learning rates as a function of what has happened."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.training.schedule import PUBLISHED_STEPS, learning_rate
from leadlens.training.settings import Schedule, TrainingSettings


def rates(schedule: Schedule, n_epochs: int, n_per_epoch: int, peak: float = 2.0) -> np.ndarray:
    chosen = TrainingSettings(schedule=schedule, learning_rate=peak, epochs=n_epochs)
    n_steps = n_epochs * n_per_epoch
    return np.array(
        [learning_rate(chosen, s // n_per_epoch, s, n_steps, []) for s in range(n_steps)]
    )


def plateau_rates(losses: list[float], patience: int, cooldown: int) -> list[float]:
    """Return the rate of the epoch after each loss."""
    chosen = TrainingSettings(
        schedule="published_plateau",
        learning_rate=1.0,
        plateau_patience=patience,
        plateau_cooldown=cooldown,
    )
    return [
        learning_rate(chosen, epoch, epoch, len(losses), losses[: epoch + 1])
        for epoch in range(len(losses))
    ]


def test_the_constant_schedule_never_changes() -> None:
    assert (rates("constant", 5, 7) == 2.0).all()


@given(st.integers(1, 20), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_one_cycle_stays_above_zero_and_never_above_its_peak(
    n_epochs: int, n_per_epoch: int
) -> None:
    values = rates("one_cycle", n_epochs, n_per_epoch)
    assert (values > 0).all()
    assert (values <= 2.0).all()


def test_one_cycle_rises_from_a_25th_to_the_peak_at_30_percent_and_falls_to_almost_nothing() -> (
    None
):
    values = rates("one_cycle", 10, 100)
    top = int(values.argmax())
    assert values[0] == pytest.approx(2.0 / 25)
    assert values[top] == pytest.approx(2.0, rel=1e-4)
    assert top / 999 == pytest.approx(0.3, abs=0.002)
    assert (np.diff(values[: top + 1]) > 0).all()
    assert (np.diff(values[top:]) < 0).all()
    assert values[-1] == pytest.approx(2.0e-4)


def test_one_cycle_has_the_shape_of_torchs() -> None:
    n = 200
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2.0, n, div_factor=25, final_div_factor=400, cycle_momentum=False
    )
    expected = []
    for _ in range(n):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    # Torch puts the peak one step earlier; apart from that the curves are one.
    np.testing.assert_allclose(rates("one_cycle", 1, n), expected, atol=2.0 * 0.03)


def test_the_published_steps_are_a_tenth_after_epochs_5_9_11_and_14() -> None:
    by_hand = [1.0] * 5 + [0.1] * 4 + [0.01] * 2 + [0.001] * 3 + [0.0001]
    np.testing.assert_allclose(rates("published_steps", 15, 3, 1.0)[::3], by_hand, rtol=1e-12)
    assert PUBLISHED_STEPS == (5, 9, 11, 14)


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=25),
    st.integers(1, 4),
    st.integers(0, 4),
)
@settings(max_examples=200, deadline=None)
def test_the_plateau_schedule_acts_when_torchs_does(
    losses: list[int], patience: int, cooldown: int
) -> None:
    # Keras acts on the patience-th bad epoch, torch on the one after; Keras' cooldown ends with
    # its last epoch, which already counts, torch's after it.
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, patience=patience - 1, cooldown=max(cooldown - 1, 0), threshold=0.0, eps=0.0
    )
    expected = []
    for loss in losses:
        schedule.step(float(loss))
        expected.append(optimizer.param_groups[0]["lr"])
    ours = plateau_rates([float(loss) for loss in losses], patience, cooldown)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


def keras_rates(losses: list[float], patience: int, cooldown: int) -> list[float]:
    """Return the rates of Keras' ReduceLROnPlateau, its loop written out (min_delta 0)."""
    rate, best, wait, counter, said = 1.0, np.inf, 0, 0, []
    for loss in losses:
        if counter > 0:
            counter -= 1
            wait = 0
        if loss < best:
            best, wait = loss, 0
        elif not counter > 0:
            wait += 1
            if wait >= patience:
                rate, counter, wait = rate * 0.1, cooldown, 0
        said.append(rate)
    return said


@given(st.lists(st.integers(0, 6), min_size=1, max_size=25), st.integers(0, 4), st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_the_plateau_schedule_counts_as_keras_does(
    losses: list[int], patience: int, cooldown: int
) -> None:
    values = [float(loss) for loss in losses]
    np.testing.assert_allclose(
        plateau_rates(values, patience, cooldown), keras_rates(values, patience, cooldown)
    )


@pytest.mark.parametrize(("decrease", "rate"), [(0.9e-4, 0.1), (1.1e-4, 1.0)])
def test_less_than_keras_smallest_decrease_is_no_improvement(decrease: float, rate: float) -> None:
    assert plateau_rates([1.0, 1.0 - decrease], patience=1, cooldown=2)[-1] == pytest.approx(rate)


def test_the_plateau_schedule_with_the_published_cooldown_by_hand() -> None:
    losses = [1.0, 0.9, 0.95, 0.95, 0.95, 0.8, 0.8]
    # Bad at 2: act, wait 2 epochs (3 passes, 4 counts again): act; 5 is better; 6 is bad: act,
    # as the second waiting epoch has passed with 6.
    by_hand = [1.0, 1.0, 0.1, 0.1, 0.01, 0.01, 0.001]
    np.testing.assert_allclose(plateau_rates(losses, patience=1, cooldown=2), by_hand, rtol=1e-12)
