"""Strips: a few leads of one or two recordings over some seconds, small enough for a list."""

import math
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.ecg.recording import Recording
from leadlens.report.svg import FOR, drawing, element, label, number

__all__ = ["strips_svg"]

SECONDS: Final = 5.0
WIDTH: Final = 150.0
LEFT: Final = 16.0
ROW: Final = 18.0
_POINTS_PER_SECOND: Final = 125
_SECOND_COLOUR: Final = FOR

Array = np.ndarray


def strips_svg(
    recordings: tuple[Recording, ...], leads: tuple[str, ...], title: str, name: str
) -> str:
    """Return leads one below the other, the second recording in orange over the first.

    Every row has a scale of its own, written at its left: the millivolts it is high. Two recordings
    of other units or gains are each stretched to the row.

    Args:
        recordings: one or two of one rate, with the leads as rows.
        leads: which to draw, at least one.
        title: for screen readers.
        name: the SVG's id.
    """
    parts = [element("rect", width=WIDTH, height=ROW * len(leads) + 7, fill="#fff")]
    seconds = min(SECONDS, max(recording.duration for recording in recordings))
    for row, lead in enumerate(leads):
        top = ROW * row + 1.0
        parts.append(_frame(top, seconds))
        parts.append(label(1, top + 4.4, lead, 4.2, font_weight="bold"))
        spans = []
        for place, recording in enumerate(recordings[:2]):
            path, span = _trace(recording, lead, top, seconds)
            spans.append(span)
            if path:
                parts.append(_line(path, place))
        parts += _scale(spans, recordings, top)
    foot = ROW * len(leads) + 5.2
    parts.append(label(LEFT, foot, f"{seconds:.3g} s", 3.6, fill="#5b636e"))
    for place, recording in enumerate(recordings[:2]):
        colour = _SECOND_COLOUR if place else "#000"
        key = f"{recording.source}/{recording.record_id}"
        parts.append(label(LEFT + 14 + 60 * place, foot, key, 3.6, fill=colour))
    size = (WIDTH, ROW * len(leads) + 7)
    return drawing(name, title, "".join(parts), size, "mm")


def _frame(top: float, seconds: float) -> str:
    """Return the ground of a row, with a line every half second."""
    n_lines = math.floor(2 * seconds + 1e-6) + 1
    step = (WIDTH - LEFT - 1) / (2 * seconds)
    lines = "".join(f"M{number(LEFT + step * i)} {number(top)}v{ROW - 2}" for i in range(n_lines))
    return element("path", d=lines, fill="none", stroke="#f0c4c8", stroke_width=0.15)


def _line(path: str, place: int) -> str:
    """Return a trace: black, or orange and thinner over it."""
    return element(
        "path",
        d=path,
        fill="none",
        stroke=_SECOND_COLOUR if place else "#000",
        stroke_width=0.25 if place else 0.4,
        stroke_linejoin="round",
    )


def _trace(recording: Recording, lead: str, top: float, seconds: float) -> tuple[str, float]:
    """Return the path of a lead stretched to its row, and how high the row is in its unit."""
    values = _shown(recording, lead, seconds)
    known = values[~np.isnan(values)]
    if not known.size:
        return "", math.nan
    span = float(np.ptp(known))
    middle = (float(known.max()) + float(known.min())) / 2
    scale = (ROW - 3) / span if span > 0 else 0.0
    y = top + (ROW - 2) / 2 - (values - middle) * scale
    x = LEFT + np.arange(values.size) / recording.fs * (WIDTH - LEFT - 1) / seconds
    pieces, is_down = [], False
    step = max(1, round(recording.fs / _POINTS_PER_SECOND))
    for i in range(0, values.size, step):
        if np.isnan(y[i]):
            is_down = False
            continue
        pieces.append(f"{'L' if is_down else 'M'}{number(x[i])} {number(y[i])}")
        is_down = True
    return "".join(pieces), span


def _shown(recording: Recording, lead: str, seconds: float) -> Float[Array, " time"]:
    """Return the first seconds of a lead; or those around its farthest sample, if that is later."""
    n_shown = round(seconds * recording.fs)
    values = recording.signal[recording.leads.index(lead)].astype(np.float64)
    if np.isnan(values).all():
        return values[:n_shown]
    farthest = int(np.nanargmax(np.abs(values - np.nanmedian(values))))
    is_spike = abs(values[farthest] - np.nanmedian(values)) > 10.0
    start = max(0, min(farthest - n_shown // 2, values.size - n_shown)) if is_spike else 0
    return values[start : start + n_shown]


def _scale(spans: list[float], recordings: tuple[Recording, ...], top: float) -> list[str]:
    """Return how high the row is for each recording, at its left."""
    said = []
    for place, (span, recording) in enumerate(zip(spans, recordings, strict=False)):
        unit = " mV" if recording.units == "mV" else ""
        text = "not rec." if math.isnan(span) else f"{span:.2g}{unit}"
        colour = _SECOND_COLOUR if place else "#5b636e"
        said.append(label(1, top + 9.0 + 4.2 * place, text, 3.6, fill=colour))
    return said
