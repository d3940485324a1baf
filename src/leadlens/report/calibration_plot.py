"""Calibration plot: how often each diagnosis is there, against how probable it was said to be."""

import math
import textwrap
from typing import Final

from leadlens.errors import ConfigError
from leadlens.evaluation.reliability import ReliabilityCurve
from leadlens.report.figures import Axes, from_figure, new_figure, write

MOST: Final = 12
_SIDE, _GAP, _LEFT, _TOP, _BOTTOM, _ROW = 118.0, 52.0, 46.0, 12.0, 36.0, 4
"""Of panels, in points: side, space between, margins; and panels in a row."""
_LINE, _TITLE = 11.0, 24
"""Points a line of a title takes, and letters that fit into one."""
_IDEAL: Final = {"color": "#5a5a5a", "linewidth": 0.9, "dashes": (5, 3)}


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
    titles = [textwrap.wrap(title, _TITLE) for title in curves]
    top = _TOP + _LINE * max(map(len, titles))
    width = _LEFT + n_columns * (_SIDE + _GAP)
    height = n_rows * (top + _SIDE + _BOTTOM)
    figure = new_figure(width, height)
    for number, (lines, curve) in enumerate(zip(titles, curves.values(), strict=True)):
        row, column = divmod(number, _ROW)
        left = _LEFT + column * (_SIDE + _GAP)
        below = height - row * (top + _SIDE + _BOTTOM) - top - _SIDE
        box = left / width, below / height, _SIDE / width, _SIDE / height
        _panel(figure.add_axes(box), lines, curve, f"panel-{number}")
    return from_figure(figure, name, "Frequency of diagnoses by the probability said")


def _panel(axes: Axes, title: list[str], curve: ReliabilityCurve, gid: str) -> None:
    """Draw one diagnosis: bins, intervals, and the line on which what is said is found."""
    limit = _rounded(max(float(curve.high.max()), float(curve.probability.max())))
    axes.set_xlim(0, limit)
    axes.set_ylim(0, limit)
    ticks = (0.0, limit / 2, limit)
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot((0, limit), (0, limit), gid=f"{gid}-ideal", **_IDEAL)
    intervals = {"color": "#0072b2", "linewidth": 1.1, "gid": f"{gid}-intervals"}
    axes.vlines(curve.probability, curve.low, curve.high, **intervals)
    style = {"color": "#0072b2", "markersize": 4.5, "clip_on": False, "zorder": 4}
    axes.plot(curve.probability, curve.frequency, "o", gid=gid, **style)
    for line, text in enumerate(reversed(title)):
        height = limit * (1 + (7 + _LINE * line) / _SIDE)
        write(axes, limit / 2, height, text, va="bottom", weight="bold")
    axes.set_xlabel("said", fontsize=8, labelpad=1)
    axes.set_ylabel("found", fontsize=8, labelpad=3)


def _rounded(value: float) -> float:
    """Return the least of 1, 2, 4, 6, 8 times a power of ten that is not below, 0.001 to 1."""
    value = min(max(value, 0.001), 1.0)
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        limit
        for limit in (round(step * power, 12) for step in (1, 2, 4, 6, 8, 10))
        if limit >= value * (1 - 1e-9)
    )
