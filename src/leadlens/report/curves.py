"""Curves: scores by sampling rate, and scores of each class with their intervals."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.errors import ConfigError
from leadlens.report.figures import Axes, Figure, from_figure, new_figure, write

_COLOURS: Final = ("#0072b2", "#d55e00", "#007a5a", "#a8508a", "#7a6000", "#3f3f3f")
_MARKERS: Final = ("o", "s", "^", "v", "P", "X")
_LETTER: Final = 0.58
"""Mean width of a letter in sizes of the type."""
_GREY: Final = "#5a5a5a"
_FOREST: Final = 220.0
"""Width of a forest plot in points; the columns beside it follow."""
_COLUMNS: Final = 166.0


@dataclass(frozen=True)
class ScoreSeries:
    """One line of the drawing: at each sampling rate, the score of each fold."""

    label: str
    fs: tuple[float, ...]
    folds: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Check that each rate has its folds."""
        if len(self.fs) != len(self.folds):
            raise ConfigError(
                f"{self.label}: {len(self.fs)} sampling rates but {len(self.folds)} sets of folds"
            )

    def means(self) -> list[tuple[float, float]]:
        """Return (rate, mean of the folds that have a score), by rate, where there is one."""
        known = [
            (fs, [score for score in folds if np.isfinite(score)])
            for fs, folds in zip(self.fs, self.folds, strict=True)
        ]
        return sorted((fs, float(np.mean(scores))) for fs, scores in known if scores)


def score_by_rate(
    series: tuple[ScoreSeries, ...],
    metric: str,
    floors: dict[str, float],
    published: dict[float, float] | None = None,
    name: str = "rate",
) -> str:
    """Return scores over sampling rates as an SVG: folds as points, their mean as a line.

    Args:
        series: one for each loss or model.
        metric: the name of the score.
        floors: scores that need no skill, drawn as dashed lines with these names.
        published: others' score at each rate, drawn as hollow diamonds.
        name: the SVG's id, the first part of every id in it.
    """
    published = published or {}
    rates = sorted({fs for line in series for fs in line.fs} | set(published))
    if not rates or rates[0] <= 0:
        raise ConfigError(f"sampling rates {rates}: at least one, and all above 0 Hz, are needed")
    names = [*(line.label for line in series), *floors]
    right = 26 + _LETTER * 9 * max((len(text) for text in names), default=0)
    figure = new_figure(340 + right, 300)
    axes = _plot(figure, left=52, right=right, top=26, bottom=40)
    axes.set_xscale("log", base=2)
    axes.set_xlim(rates[0] / 1.18, rates[-1] * 1.18)
    axes.set_xticks(rates, labels=[f"{rate:g}" for rate in rates])
    axes.minorticks_off()
    axes.set_xlabel("sampling rate (Hz)")
    axes.set_ylabel(metric, parse_math=False)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.7)
    _floors(axes, tuple(floors.values()))
    for index, line in enumerate(series):
        _series(axes, line, index, len(series))
    if published:
        _diamonds(axes, sorted(published.items()), "published")
    low, high = axes.get_ylim()
    ends = [(level, label, _GREY) for label, level in floors.items()]
    for index, line in enumerate(series):
        ends += [(mean, line.label, _colour(index)) for _, mean in line.means()[-1:]]
    _end_labels(axes, [((y - low) / (high - low), *rest) for y, *rest in ends])
    _key(axes, bool(published))
    return from_figure(figure, name, f"{metric} by sampling rate")


def per_class(
    names: tuple[str, ...],
    mean: Float[np.ndarray, " class"],
    low: Float[np.ndarray, " class"],
    high: Float[np.ndarray, " class"],
    counts: tuple[int, ...],
    reference: float,
    metric: str,
    name: str = "classes",
    reference_name: str = "chance",
) -> str:
    """Return the score of each class with its interval as an SVG, best on top.

    A class whose mean is NaN is listed last, in grey, as absent.

    Args:
        names: the classes.
        mean: their scores.
        low: lower ends of the intervals.
        high: upper ends of the intervals.
        counts: how many recordings have the class.
        reference: the score of chance, a dashed line.
        metric: the name of the score.
        name: the SVG's id, the first part of every id in it.
        reference_name: what the dashed line is called.
    """
    n_classes = len(names)
    if n_classes == 0 or {mean.size, low.size, high.size, len(counts)} != {n_classes}:
        raise ConfigError(
            f"{n_classes} classes with {mean.size} means, {low.size} and {high.size} ends of "
            f"intervals and {len(counts)} counts"
        )
    left = 14 + _LETTER * 9 * max(len(text) for text in names)
    figure = new_figure(left + _FOREST + _COLUMNS, 72 + 14.0 * n_classes)
    axes = _plot(figure, left=left, right=_COLUMNS, top=32, bottom=40)
    axes.set_ylim(n_classes - 0.4, -0.6)
    axes.set_xlabel(metric, parse_math=False)
    ends = np.concatenate([mean, low, high, [reference]])
    _forest(axes, ends, reference, f"{reference_name} {reference:g}")
    best_first = sorted(range(n_classes), key=lambda i: (bool(np.isnan(mean[i])), -float(mean[i])))
    for row, i in enumerate(best_first):
        interval = (float(mean[i]), float(low[i]), float(high[i]))
        _class_row(axes, row, names[i], interval, counts[i], gid=f"class-{i}")
    return from_figure(figure, name, f"{metric} of each class, with intervals")


def _forest(axes: Axes, ends: Float[np.ndarray, " end"], reference: float, said: str) -> None:
    """Fit the axis to `ends`, draw the line of reference, and head the columns beside the plot."""
    known = ends[np.isfinite(ends)]
    margin = 0.05 * float(np.ptp(known)) or 0.05
    axes.set_xlim(float(known.min()) - margin, float(known.max()) + margin)
    axes.set_yticks([])
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.7)
    axes.axvline(reference, color=_GREY, linewidth=1, dashes=(5, 3), zorder=1, gid="reference")
    above = {"va": "bottom", "size": 8, "color": _GREY}
    write(axes, reference, -0.75, said, **above)
    rows = axes.get_yaxis_transform()
    write(axes, _beside(118), -0.75, "score [interval]", ha="right", transform=rows, **above)
    write(axes, _beside(_COLUMNS - 6), -0.75, "ECGs", ha="right", transform=rows, **above)


def _plot(figure: Figure, left: float, right: float, top: float, bottom: float) -> Axes:
    """Return axes with these margins in points, open at the top and to the right."""
    width, height = (72 * float(inches) for inches in figure.get_size_inches())
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
    axes = figure.add_axes(box)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return axes


def _floors(axes: Axes, levels: tuple[float, ...]) -> None:
    """Draw scores that need no skill as dashed lines."""
    for index, level in enumerate(levels):
        axes.axhline(level, color=_GREY, linewidth=1, dashes=(5, 3), zorder=1, gid=f"floor-{index}")


def _series(axes: Axes, line: ScoreSeries, index: int, n_series: int) -> None:
    """Draw the folds of a series as points and their mean as a line.

    The points stand a little to the side, so that those of several series can be told apart.
    """
    aside = 2.0 ** (0.05 * (index - (n_series - 1) / 2))
    marker = _MARKERS[index % len(_MARKERS)]
    points = [
        (fs * aside, score)
        for fs, folds in zip(line.fs, line.folds, strict=True)
        for score in folds
        if np.isfinite(score)
    ]
    if not points:
        return
    style = {"color": _colour(index), "marker": marker}
    axes.plot(
        *zip(*points, strict=True),
        linestyle="none",
        markersize=4,
        alpha=0.5,
        markeredgewidth=0,
        zorder=3,
        gid=f"folds-{index}",
        **style,
    )
    axes.plot(
        *zip(*line.means(), strict=True),
        linewidth=1.8,
        markersize=5.5,
        zorder=4,
        gid=f"mean-{index}",
        **style,
    )


def _diamonds(axes: Axes, points: list[tuple[float, float]], gid: str) -> None:
    """Draw hollow diamonds."""
    axes.plot(
        *zip(*points, strict=True),
        linestyle="none",
        marker="D",
        markersize=7.5,
        markerfacecolor="none",
        markeredgecolor="black",
        markeredgewidth=1.2,
        zorder=5,
        gid=gid,
    )


def _key(axes: Axes, has_published: bool) -> None:
    """Say above the plot what the marks are."""
    parts = ["line and large marks: mean of folds", "small marks: one fold"]
    parts += ["\u25c7 published"] if has_published else []
    text = "\u2003".join(parts)
    write(
        axes,
        0,
        1.05,
        text,
        size=8.5,
        ha="left",
        va="bottom",
        color=_GREY,
        transform=axes.transAxes,
    )


def _end_labels(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write labels to the right of the plot at these heights (0 to 1), moved apart if need be."""
    ends = sorted(ends)
    box = axes.get_position()
    width, height = axes.figure.get_size_inches() * 72 * (box.width, box.height)
    gap = 12 / height
    places: list[float] = []
    for y, _, _ in ends:
        places.append(max(y, places[-1] + gap) if places else y)
    for i in reversed(range(len(places))):
        ceiling = 1.04 if i == len(places) - 1 else places[i + 1] - gap
        places[i] = min(places[i], ceiling)
    for (y, text, colour), place in zip(ends, places, strict=True):
        axes.plot(
            (1, 1 + 12 / width),
            (y, place),
            color=colour,
            linewidth=0.8,
            clip_on=False,
            transform=axes.transAxes,
        )
        write(axes, 1 + 15 / width, place, text, ha="left", color=colour, transform=axes.transAxes)


def _class_row(
    axes: Axes, row: int, label: str, interval: tuple[float, float, float], count: int, gid: str
) -> None:
    """Draw a class: name, interval, score, count; or its name and "absent" in grey."""
    mean, low, high = interval
    rows = axes.get_yaxis_transform()
    is_absent = not np.isfinite(mean)
    ink = "#808080" if is_absent else "#000000"
    style = "italic" if is_absent else "normal"
    write(axes, -8 / _FOREST, row, label, ha="right", color=ink, style=style, transform=rows)
    write(axes, _beside(_COLUMNS - 6), row, f"{count:,}", ha="right", color=ink, transform=rows)
    if is_absent:
        write(axes, _beside(118), row, "absent", ha="right", color=ink, style=style, transform=rows)
        return
    words = f"{mean:.3f}".replace("-", "\u2212")
    if np.isfinite(low) and np.isfinite(high):
        axes.plot((low, high), (row, row), color=_COLOURS[0], linewidth=1.6, gid=f"{gid}-interval")
        words += f" [{low:.3f}, {high:.3f}]".replace("-", "\u2212")
    axes.plot(mean, row, "o", color=_COLOURS[0], markersize=5, gid=f"{gid}-mean")
    write(axes, _beside(118), row, words, size=8.5, ha="right", transform=rows)


def _beside(points: float) -> float:
    """Return the place this many points to the right of a forest plot, in widths of the plot."""
    return 1 + points / _FOREST


def _colour(index: int) -> str:
    """Return the colour of a series."""
    return _COLOURS[index % len(_COLOURS)]
