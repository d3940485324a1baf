"""Calibration plot: how often each diagnosis is there, against how probable it was said to be."""

from typing import Final

from leadlens.errors import ConfigError
from leadlens.evaluation.reliability import ReliabilityCurve
from leadlens.report.figures import Axes, from_figure, new_figure, write

MOST: Final = 12
_SIDE, _GAP, _LEFT, _TOP, _BOTTOM, _ROW = 118.0, 44.0, 44.0, 24.0, 36.0, 4
"""Of panels, in points: side, space between, margins; and panels in a row."""


def calibration_plot(curves: dict[str, ReliabilityCurve], name: str = "calibration") -> str:
    """Return a panel for each curve as an SVG, each to a scale of its own.

    Points are bins with the 95 % interval of their frequency; on the dashed line, what is said is
    found.

    Args:
        curves: by the names of the diagnoses.
        name: the SVG's id, the first part of every id in it.

    Raises:
        ConfigError: no curve, or more than can be shown.
    """
    if not 1 <= len(curves) <= MOST:
        raise ConfigError(f"{len(curves)} calibration curves: 1 to {MOST} can be shown")
    n_columns = min(len(curves), _ROW)
    n_rows = -(-len(curves) // _ROW)
    width = _LEFT + n_columns * (_SIDE + _GAP)
    height = n_rows * (_TOP + _SIDE + _BOTTOM)
    figure = new_figure(width, height)
    for number, (title, curve) in enumerate(curves.items()):
        row, column = divmod(number, _ROW)
        left = _LEFT + column * (_SIDE + _GAP)
        below = height - row * (_TOP + _SIDE + _BOTTOM) - _TOP - _SIDE
        box = left / width, below / height, _SIDE / width, _SIDE / height
        _panel(figure.add_axes(box), title, curve, f"panel-{number}")
    return from_figure(figure, name, "Frequency of diagnoses by the probability said")


def _panel(axes: Axes, title: str, curve: ReliabilityCurve, gid: str) -> None:
    """Draw one diagnosis: bins, intervals, and the line on which what is said is found."""
    limit = _rounded(max(float(curve.high.max()), float(curve.probability.max())))
    axes.set_xlim(0, limit)
    axes.set_ylim(0, limit)
    ticks = (0.0, limit / 2, limit)
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot((0, limit), (0, limit), color="#5a5a5a", linewidth=0.9, dashes=(5, 3))
    axes.vlines(curve.probability, curve.low, curve.high, color="#0072b2", linewidth=1.1)
    style = {"color": "#0072b2", "markersize": 4.5, "clip_on": False, "zorder": 4}
    axes.plot(curve.probability, curve.frequency, "o", gid=gid, **style)
    write(axes, limit / 2, 1.08 * limit, title, va="bottom", weight="bold")
    axes.set_xlabel("said", fontsize=8, labelpad=1)
    axes.set_ylabel("found", fontsize=8, labelpad=1)


def _rounded(value: float) -> float:
    """Return the next of 1, 2, 4, 6, 8 times a power of ten that is not below, at most 1."""
    for limit in (0.002, 0.004, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.4, 0.6, 0.8):
        if value <= limit:
            return limit
    return 1.0
