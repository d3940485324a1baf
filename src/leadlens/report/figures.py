"""Figures: matplotlib without its global state, written as SVG that is fit for a page."""

import io
import re
import warnings
from typing import Any, TypeAlias

from leadlens.errors import require_extra
from leadlens.report.svg import FONT, drawing, legible

Figure: TypeAlias = Any
Axes: TypeAlias = Any
"""matplotlib is an extra, so its types cannot be named here."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty matplotlib figure of this size in points, without pyplot's global state."""
    figure = require_extra("matplotlib.figure", "report", "drawing figures")
    return figure.Figure(figsize=(width / 72, height / 72))


def from_figure(figure: Figure, name: str, title: str) -> str:
    """Return a matplotlib figure as an SVG whose text is text and whose ids begin with `name`."""
    matplotlib = require_extra("matplotlib", "report", "drawing figures")
    buffer = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A reader's browser has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = legible(buffer.getvalue())
    inner = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    for unwanted in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<!--.*?-->"):
        inner = re.sub(unwanted, "", inner, flags=re.DOTALL)
    inner = re.sub(r"<[^>]*>", lambda tag: _with_prefix(tag.group(), name), inner)
    width, height = (72 * float(inches) for inches in figure.get_size_inches())
    style = "#self *{stroke-linejoin:round;stroke-linecap:butt}"
    return drawing(name, title, inner.strip(), (width, height), "pt", style=style)


def write(axes: Axes, x: float, y: float, text: str, **style: object) -> None:
    """Write `text` at (x, y), centred unless told otherwise, never read as mathematics."""
    settings = {"size": 9.0, "ha": "center", "va": "center", "parse_math": False, **style}
    axes.text(x, y, text, **settings)


def _with_prefix(tag: str, name: str) -> str:
    """Return `tag` with its ids and what points at them prefixed, and its fonts replaced."""
    tag = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", tag)
    tag = re.sub(r"(font: [^;\"]*?\d(?:px|pt)) [^;\"]*", rf"\g<1> {FONT}", tag)
    return re.sub(r"font-family: [^;\"]*", f"font-family: {FONT}", tag)
