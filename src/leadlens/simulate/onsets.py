"""Onsets: beat times from RR intervals, with the mean and the spread wanted in a recording."""

import numpy as np
from jaxtyping import Bool, Float

Array = np.ndarray


def is_within(onset: Float[Array, "*shape"], duration: float) -> Bool[Array, "*shape"]:
    """Return which beats begin within the recording."""
    return (onset >= 0.0) & (onset < duration)


def reaches_into(onset: Float[Array, "*shape"], duration: float) -> Bool[Array, "*shape"]:
    """Return which beats have a wave that may reach into the recording."""
    return (onset > -1.5) & (onset < duration + 1.0)


def place_beats(
    start: Float[Array, " n"],
    interval: Float[Array, "n beat"],
    mean: Float[Array, " n"],
    spread: Float[Array, " n"],
    ceiling: Float[Array, " n"],
    duration: float,
) -> Float[Array, "n beat"]:
    """Return beat times; the RR intervals within the recording keep their mean and spread.

    The spread (longest less shortest RR, s) is set where it is given, else kept below `ceiling`;
    where that is NaN, the intervals stay as they are. So they do where fewer than two lie within
    the recording. A short recording may cut off what must vary; then it begins elsewhere.
    """
    onset, start = _placed(start, interval, mean, spread, ceiling, duration), start.copy()
    for _ in range(4):
        rows = np.flatnonzero(regularity(onset, duration)[1] < spread - 0.005)
        if len(rows) == 0:
            break
        start[rows] -= 0.37 * mean[rows]
        onset[rows] = _placed(
            start[rows], interval[rows], mean[rows], spread[rows], ceiling[rows], duration
        )
    return onset


def _placed(
    start: Float[Array, " n"],
    interval: Float[Array, "n beat"],
    mean: Float[Array, " n"],
    spread: Float[Array, " n"],
    ceiling: Float[Array, " n"],
    duration: float,
) -> Float[Array, "n beat"]:
    """Return the beat times of recordings that begin at `start`; see `place_beats`."""
    is_set = ~np.isnan(ceiling)
    deviation = interval - mean[:, None]
    largest = np.where(np.isfinite(ceiling), 0.5, 3.0) * mean
    for _ in range(12):
        onset = start[:, None] + np.cumsum(mean[:, None] + deviation, axis=1)
        counted = counted_beats(onset, duration)
        n_counted = counted.sum(axis=1)
        is_enough = is_set & (n_counted >= 2)
        middle = np.where(counted, deviation, 0.0).sum(axis=1) / np.maximum(n_counted, 1)
        centred = deviation - middle[:, None]
        found = _range(centred, counted)
        wanted = np.where(np.isnan(spread), np.minimum(found, ceiling), spread)
        gain = np.minimum(wanted / np.maximum(found, 1e-6), 4.0)
        # a chance likeness of the few intervals within must not throw those outside far off
        fitted = np.clip(centred * gain[:, None], -largest[:, None], largest[:, None])
        deviation = np.where(is_enough[:, None], fitted, deviation)
    return start[:, None] + np.cumsum(np.maximum(mean[:, None] + deviation, 0.28), axis=1)


def counted_beats(onset: Float[Array, "n beat"], duration: float) -> Bool[Array, "n beat"]:
    """Return at which beats an RR interval ends that lies within the recording."""
    inside = is_within(onset, duration)
    counted = inside & np.roll(inside, 1, axis=1)
    counted[:, 0] = False
    return counted


def _range(values: Float[Array, "n beat"], counted: Bool[Array, "n beat"]) -> Float[Array, " n"]:
    """Return the largest less the smallest of the counted values; 0 where there is none."""
    largest = np.where(counted, values, -np.inf).max(axis=1)
    smallest = np.where(counted, values, np.inf).min(axis=1)
    return np.where(counted.any(axis=1), largest - smallest, 0.0)


def regularity(
    onset: Float[Array, "n beat"], duration: float
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Return the mean rate and the range of the RR intervals within the recording."""
    counted = counted_beats(onset, duration)
    interval = np.diff(onset, axis=1, prepend=onset[:, :1])
    total = np.where(counted, interval, 0.0).sum(axis=1)
    return 60.0 * counted.sum(axis=1) / np.maximum(total, 1e-9), _range(interval, counted)
