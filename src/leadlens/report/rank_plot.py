"""Rank plot: mean ranks of conditions over sources, with bars over those that do not differ.

A critical-difference diagram after Demsar (2006), whose bars are groups of the pairwise tests.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.errors import ConfigError
from leadlens.report.figures import Axes, from_figure, new_figure, write

_LETTER, _LINE, _AXIS, _TOP = 5.3, 16.0, 260.0, 46.0
"""In points: width of a letter, height of a line, length of the axis, what is above it."""
_BAR: Final = 7.0


def critical_difference(
    names: tuple[str, ...],
    ranks: Float[np.ndarray, " n"],
    groups: tuple[tuple[int, ...], ...],
    n_sources: int,
    name: str = "ranks",
) -> str:
    """Return mean ranks on a line as an SVG, best to the left, each with its name.

    Args:
        names: of the conditions.
        ranks: their mean ranks, 1 is the best.
        groups: conditions among which no pair differs; a bar joins them.
        n_sources: that were ranked on.
        name: the SVG's id, the first part of every id in it.

    Raises:
        ConfigError: fewer than two conditions, not as many ranks, a rank that cannot be, or a
            group of conditions that are not there.
    """
    _check(names, ranks, groups)
    n = len(names)
    side = 50 + _LETTER * max(map(len, names))
    bars = _BAR * len(groups) + 8
    width, height = 2 * side + _AXIS, _TOP + bars + _LINE * (n - n // 2) + 10
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-side, _AXIS + side)
    axes.set_ylim(height - _TOP, -_TOP)
    axes.axis("off")

    def place(rank: float) -> float:
        return (rank - 1) / (n - 1) * _AXIS

    _scale(axes, n, place)
    sources = "source" if n_sources == 1 else "sources"
    write(axes, _AXIS / 2, -36, f"mean rank over {n_sources} {sources}, 1 is best", size=8.5)
    at = [place(float(rank)) for rank in ranks]
    _beside(axes, names, ranks, at, bars)
    for number, group in enumerate(groups):
        span = (min(at[i] for i in group) - 4, max(at[i] for i in group) + 4)
        y = 8 + _BAR * number
        axes.plot(span, (y, y), color="#d55e00", linewidth=3.2, gid=f"group-{number}", zorder=4)
    return from_figure(figure, name, "Mean ranks over sources")


def _check(
    names: tuple[str, ...], ranks: Float[np.ndarray, " n"], groups: tuple[tuple[int, ...], ...]
) -> None:
    """Raise ConfigError on what cannot be drawn."""
    n = len(names)
    if ranks.size != n or n < 2:
        raise ConfigError(f"{n} conditions with {ranks.size} ranks: 2 or more are needed")
    if not ((ranks > 1 - 1e-6) & (ranks < n + 1e-6)).all():
        raise ConfigError(f"mean ranks of {n} conditions lie between 1 and {n}: {ranks.tolist()}")
    for group in groups:
        if len(group) < 2 or not set(group) <= set(range(n)):
            raise ConfigError(f"a group joins 2 or more of {n} conditions: {group}")


def _beside(
    axes: Axes, names: tuple[str, ...], ranks: Float[np.ndarray, " n"], at: list[float], bars: float
) -> None:
    """Write the better half to the left and the others to the right, joined to their ranks."""
    n = len(names)
    order = np.argsort(ranks, kind="stable").tolist()
    for line, i in enumerate(order[: n - n // 2]):
        y = bars + _LINE * (line + 0.5)
        _leader(axes, at[i], y, -12, i)
        write(axes, -16, y, f"{names[i]}  {ranks[i]:.2f}", ha="right")
    for line, i in enumerate(reversed(order[n - n // 2 :])):
        y = bars + _LINE * (line + 0.5)
        _leader(axes, at[i], y, _AXIS + 12, i)
        write(axes, _AXIS + 16, y, f"{ranks[i]:.2f}  {names[i]}", ha="left")


def _scale(axes: Axes, n: int, place: Callable[[float], float]) -> None:
    """Draw the axis of ranks."""
    axes.plot((0, _AXIS), (0, 0), color="#000000", linewidth=1)
    for rank in range(1, n + 1):
        x = place(rank)
        axes.plot((x, x), (0, -5), color="#000000", linewidth=1)
        if n <= 10 or rank in (1, n) or rank % 5 == 0:
            write(axes, x, -14, str(rank))


def _leader(axes: Axes, x: float, y: float, end: float, number: int) -> None:
    """Draw the line from a rank down and aside to its name."""
    style = {"color": "#5a5a5a", "linewidth": 0.9, "gid": f"rank-{number}"}
    axes.plot((x, x, end), (0, y, y), **style)
