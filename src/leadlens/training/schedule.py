"""Learning rates, as a function of what has happened: nothing to save, nothing to restore."""

import math

from leadlens.training.settings import TrainingSettings

PUBLISHED_STEPS = (5, 9, 11, 14)
_WARM_UP = 0.3
_START = 1 / 25
_END = 1e-4


def learning_rate(
    settings: TrainingSettings, epoch: int, step: int, n_steps: int, monitored: list[float]
) -> float:
    """Return the learning rate of one step.

    Args:
        settings: names the schedule.
        epoch: counted from 0.
        step: counted from 0 over the whole training.
        n_steps: steps of the whole training.
        monitored: the monitored loss after each epoch so far (for the plateaus).
    """
    peak = settings.learning_rate
    if settings.schedule == "one_cycle":
        return peak * _one_cycle(step / max(n_steps - 1, 1))
    if settings.schedule == "published_steps":
        return peak * 0.1 ** sum(epoch >= at for at in PUBLISHED_STEPS)
    if settings.schedule in ("plateau", "published_plateau"):
        return peak * 0.1 ** _n_plateaus(
            monitored,
            settings.plateau_patience,
            settings.plateau_cooldown,
            settings.plateau_min_delta,
        )
    return peak


def _one_cycle(progress: float) -> float:
    """Return the share of the peak rate: up over the first 30 %, down to almost nothing."""
    if progress < _WARM_UP:
        low, position = _START, progress / _WARM_UP
    else:
        low, position = _END, 1.0 - (progress - _WARM_UP) / (1.0 - _WARM_UP)
    return low + (1.0 - low) * (1.0 - math.cos(math.pi * position)) / 2.0


def _n_plateaus(losses: list[float], patience: int, cooldown: int, min_delta: float = 1e-4) -> int:
    """Return how often the loss has stopped improving, as Keras' ReduceLROnPlateau counts."""
    best, n_bad, waiting, n_plateaus = math.inf, 0, 0, 0
    for loss in losses:
        if waiting > 0:
            waiting -= 1
            n_bad = 0
        if loss < best - min_delta:
            best, n_bad = loss, 0
        elif waiting == 0:
            n_bad += 1
            if n_bad >= max(patience, 1):
                n_plateaus, waiting, n_bad = n_plateaus + 1, cooldown, 0
    return n_plateaus
