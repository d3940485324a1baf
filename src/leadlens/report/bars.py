"""Bars: what each lead, wave and timing says for or against a diagnosis, side by side on one scale.

A bar is full where its 95 % interval excludes zero, hollow where it does not: that can be read
in a print without colours too.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from leadlens.explain.attribution import Attribution, Summed
from leadlens.report.sentence import NAMES, ErrorKind, Z
from leadlens.report.svg import AGAINST, FOR, drawing, element, escape, label, number, signed

WIDTH, PLOT, ROW, TOP = 74.0, (21.0, 54.0), 6.0, 12.0
"""Of a panel, in mm: its width, where the bars lie, a row's height, and what is above."""
TITLES = {
    "lead": "by lead, all 10 s",
    "piece": "by wave, all beats and leads",
    "timing": "by timing, shapes kept",
}
NOTES: dict[ErrorKind, str] = {
    "estimated": "line: 95 % interval; hollow: it contains 0",
    "exact": "exact: no sampling error",
    "unknown": "no error is known",
}


def bar_panels(
    attribution: Attribution, column: int, kind: ErrorKind, seconds: float, name: str
) -> tuple[str, ...]:
    """Return an SVG for each of the attribution's sums that is not of numbered segments.

    Args:
        attribution: of the window.
        column: the class.
        kind: what is known of the errors.
        seconds: length of the window.
        name: first part of every SVG's id.
    """
    shown = {
        key: each
        for key, each in attribution.sums.items()
        if key != "piece" or set(each.names) <= set(NAMES)
    }
    if "piece" in shown:
        there = set(attribution.players.piece_of.tolist())
        waves = shown["piece"]
        names = (f"{wave} (none)" * (i not in there) or wave for i, wave in enumerate(waves.names))
        shown["piece"] = replace(waves, names=tuple(names))
    scale = scale_of(
        [(each.values[column], each.standard_error[column]) for each in shown.values()]
    )
    return tuple(
        _panel(
            TITLES.get(key, key).replace("10 s", f"{seconds:.3g} s"),
            each,
            column,
            kind,
            scale,
            f"{name}-{key}",
        )
        for key, each in shown.items()
    )


def scale_of(
    pairs: list[tuple[Float[np.ndarray, " _"], Float[np.ndarray, " _"]]],
) -> float:
    """Return the value that reaches the edge: the furthest end of any interval."""
    ends = [np.abs(values) + Z * np.nan_to_num(errors) for values, errors in pairs]
    return float(np.nan_to_num(np.concatenate(ends)).max(initial=0.0)) or 1.0


def _panel(title: str, sums: Summed, column: int, kind: ErrorKind, scale: float, name: str) -> str:
    """Return one panel of bars."""
    left, right = PLOT
    middle, bottom = (left + right) / 2, TOP + ROW * len(sums.names)
    parts = [
        element("rect", width=WIDTH, height=bottom + 13, fill="#fff"),
        label(0.5, 4, f"Evidence {title}", 3.6, font_weight="bold"),
        label(middle - 1.5, 9.5, "against", 3, text_anchor="end", fill=AGAINST),
        label(middle + 1.5, 9.5, "for", 3, fill="#b34c00"),
        element(
            "path",
            d=f"M{number(middle)} {number(TOP - 1)}V{number(bottom)}",
            stroke="#555",
            stroke_width=0.2,
        ),
    ]
    for row, each in enumerate(sums.names):
        pair = float(sums.values[column, row]), Z * float(sums.standard_error[column, row])
        parts.append(_row(each, pair, kind, scale, TOP + ROW * row))
    parts.append(_axis(scale, bottom))
    parts.append(label(middle, bottom + 11.5, NOTES[kind], 2.8, text_anchor="middle", fill="#444"))
    size = (WIDTH, bottom + 13)
    return drawing(name, f"Evidence {title}", "".join(parts), size, "mm")


def _row(name: str, pair: tuple[float, float], kind: ErrorKind, scale: float, top: float) -> str:
    """Return one bar with its name, interval and value."""
    (value, spread), (left, right) = pair, PLOT
    middle, half = (left + right) / 2, (right - left) / 2
    y, is_clear = top + ROW / 2, kind != "estimated" or abs(value) > spread
    start, end = (middle + half * side / scale for side in sorted((0.0, value)))
    colour = FOR if value > 0 else AGAINST
    text = signed(value, 0.1)
    text += f" \u00b1 {spread:.2f}" if kind == "estimated" else ""
    bar = element(
        "rect",
        x=start,
        y=y - 1.6,
        width=end - start,
        height=3.2,
        fill=colour if is_clear else "#fff",
        stroke=colour,
        stroke_width=0.25,
    )
    line = ""
    if kind == "estimated":
        ends = [middle + half * (value + side * spread) / scale for side in (-1, 1)]
        path = f"M{number(ends[0])} {number(y)}H{number(ends[1])}"
        line = element("path", d=path, class_="interval", stroke="#000", stroke_width=0.3)
    return element(
        "g",
        element("title", escape(f"{name}: {text} logits")),
        label(left - 1.5, y + 1.1, name, 3.2, text_anchor="end"),
        bar,
        line,
        label(right + 1, y + 1.1, text, 2.8, fill="#222"),
        class_="bar",
    )


def _axis(scale: float, y: float) -> str:
    """Return the axis below the bars: its ends, zero, and the unit."""
    left, right = PLOT
    parts = [
        element(
            "path",
            d=f"M{number(left)} {number(y)}H{number(right)}",
            stroke="#555",
            stroke_width=0.2,
        )
    ]
    for place, value in ((left, -scale), ((left + right) / 2, 0.0), (right, scale)):
        parts.append(label(place, y + 3.6, signed(value, 0.1), 2.8, text_anchor="middle"))
    parts.append(label((left + right) / 2, y + 7.4, "logits", 2.8, text_anchor="middle"))
    return "".join(parts)
