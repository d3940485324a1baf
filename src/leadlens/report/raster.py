"""Raster: drawings of `leadlens.report.svg` as PNG, or as PDF in true millimetres.

matplotlib, which the extra "report" has anyway, draws the few elements that our drawings are made
of: paths of straight lines, rectangles, circles and text, each as the SVG says. There is no other
renderer to install.
"""

import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from leadlens.errors import ConfigError, require_extra
from leadlens.files import written_beside
from leadlens.report.figures import Axes, new_figure
from leadlens.report.svg import escape

FORMATS: Final = (".svg", ".png", ".pdf")
DPI: Final = 300
_FONTS: Final = ("Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")
_SVG: Final = "{http://www.w3.org/2000/svg}"
_POINTS_PER_MM: Final = 72 / 25.4
_STEP: Final = re.compile(r"([MLHVlhvz])|(-?(?:\d+\.?\d*|\.\d+))")
_N_NUMBERS: Final = {"M": 2, "L": 2, "l": 2, "H": 1, "h": 1, "V": 1, "v": 1, "z": 0}

Point = tuple[float, float]


def save_drawing(svg: str, path: Path) -> None:
    """Write a drawing in millimetres as .svg, .png (300 dots an inch) or .pdf.

    Raises:
        ConfigError: another suffix, or a drawing in another unit.
        MissingExtraError: matplotlib is not installed, for .png and .pdf.
    """
    if path.suffix not in FORMATS:
        raise ConfigError(f"figure {path}: its name ends in {', '.join(FORMATS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_beside(path) as beside:
        if path.suffix == ".svg":
            beside.write_text(svg, encoding="utf-8")
            return
        figure = _figure(svg)
        metadata: dict[str, Any] = {"CreationDate": None} if path.suffix == ".pdf" else {}
        matplotlib = require_extra("matplotlib", "report", "drawing figures")
        with matplotlib.rc_context({"pdf.fonttype": 42}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(beside, format=path.suffix[1:], dpi=DPI, metadata=metadata)


def _figure(svg: str) -> Any:
    """Return the drawing as a matplotlib figure of the same size."""
    root = ET.fromstring(svg)
    width, height = root.get("width", ""), root.get("height", "")
    if not (width.endswith("mm") and height.endswith("mm")):
        raise ConfigError(f"a drawing of {width} by {height}: only those in mm can be saved so")
    size = float(width.removesuffix("mm")), float(height.removesuffix("mm"))
    figure = new_figure(size[0] * _POINTS_PER_MM, size[1] * _POINTS_PER_MM)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")
    regions = {
        f"url(#{each.get('id')})": _numbers(next(iter(each)), "x", "y", "width", "height")
        for each in root.iter(f"{_SVG}clipPath")
    }
    for order, item in enumerate(_shown(root)):
        _draw(axes, item, regions, order)
    return figure


def _shown(parent: ET.Element) -> Iterator[ET.Element]:
    """Yield what is drawn, back to front."""
    for child in parent:
        if child.tag == f"{_SVG}g":
            yield from _shown(child)
        elif child.tag not in (f"{_SVG}clipPath", f"{_SVG}style", f"{_SVG}title"):
            yield child


def _draw(axes: Axes, item: ET.Element, regions: dict[str, tuple[float, ...]], order: int) -> None:
    """Draw one element."""
    kind = item.tag.removeprefix(_SVG)
    if kind == "text":
        _write(axes, item, order)
        return
    patches = require_extra("matplotlib.patches", "report", "drawing figures")
    if kind == "path":
        paths = require_extra("matplotlib.path", "report", "drawing figures")
        vertices, codes = outline(item.get("d", ""))
        shape = patches.PathPatch(paths.Path(vertices, codes))
    elif kind == "rect":
        x, y, width, height = _numbers(item, "x", "y", "width", "height")
        shape = patches.Rectangle((x, y), width, height)
    elif kind == "circle":
        x, y, radius = _numbers(item, "cx", "cy", "r")
        shape = patches.Circle((x, y), radius)
    else:
        raise ConfigError(f"a drawing with <{escape(kind)}> cannot be saved so: save it as .svg")
    shape.set(**_style(item), zorder=order)
    axes.add_patch(shape)
    if item.get("clip-path"):
        x, y, width, height = regions[item.get("clip-path", "")]
        shape.set_clip_path(patches.Rectangle((x, y), width, height, transform=axes.transData))


def _style(item: ET.Element) -> dict[str, Any]:
    """Return matplotlib's words for an element's colours and lines; SVG's defaults hold."""
    fill, stroke = item.get("fill", "#000"), item.get("stroke", "none")
    colours = require_extra("matplotlib.colors", "report", "drawing figures")
    opacity = float(item.get("fill-opacity", 1))
    style: dict[str, Any] = {
        "facecolor": "none" if fill == "none" else colours.to_rgba(fill, opacity),
        "edgecolor": stroke,
        "linewidth": float(item.get("stroke-width", 1)) * _POINTS_PER_MM if stroke != "none" else 0,
        "joinstyle": item.get("stroke-linejoin", "miter"),
        "capstyle": item.get("stroke-linecap", "butt"),
    }
    if item.get("stroke-dasharray"):
        width = float(item.get("stroke-width", 1))
        gaps = [float(part) / width for part in item.get("stroke-dasharray", "").split()]
        style["linestyle"] = (0, gaps)
    return style


def _write(axes: Axes, item: ET.Element, order: int) -> None:
    """Write one text, with a white rim where it has a halo."""
    effects = require_extra("matplotlib.patheffects", "report", "drawing figures")
    x, y, size = _numbers(item, "x", "y", "font-size")
    is_haloed = "halo" in item.get("class", "").split()
    rim = [effects.withStroke(linewidth=0.9 * _POINTS_PER_MM, foreground="white")]
    axes.text(
        x,
        y,
        item.text or "",
        size=size * _POINTS_PER_MM,
        color=item.get("fill", "#000"),
        weight=item.get("font-weight", "normal"),
        family=_font(),
        ha={"middle": "center", "end": "right"}.get(item.get("text-anchor", ""), "left"),
        va="baseline",
        parse_math=False,
        path_effects=rim if is_haloed else [],
        zorder=order,
    )


@cache
def _font() -> str:
    """Return the first font of a page's that is here; matplotlib brings the last one along."""
    fonts = require_extra("matplotlib.font_manager", "report", "drawing figures")
    here = set(fonts.fontManager.get_font_names())
    return next(name for name in _FONTS if name in here)


def _numbers(item: ET.Element, *names: str) -> tuple[float, ...]:
    """Return attributes as numbers, 0 where they are not given."""
    return tuple(float(item.get(name, 0)) for name in names)


def outline(path: str) -> tuple[list[Point], list[int]]:
    """Return the corners of a path of straight lines, and matplotlib's code for each.

    Raises:
        ConfigError: the path has curves.
    """
    corners: list[Point] = []
    codes: list[int] = []
    command, numbers = "", list[float]()
    x = y = 0.0
    start = (0.0, 0.0)
    if re.search(r"[^MLHVlhvz\d\s.,-]", path):
        raise ConfigError(f"a path with curves cannot be saved so: {path[:40]!r}")
    for letter, digits in _STEP.findall(path):
        if letter:
            command, numbers = letter, []
        else:
            numbers.append(float(digits))
        if len(numbers) < _N_NUMBERS[command]:
            continue
        if command == "z":
            (x, y), code = start, 79
        else:
            x, y = _moved((x, y), command, numbers)
            code = 1 if command == "M" else 2
            start = (x, y) if command == "M" else start
        corners.append((x, y))
        codes.append(code)
        numbers = []
        command = "L" if command == "M" else command
    return corners, codes


def _moved(at: Point, command: str, numbers: list[float]) -> Point:
    """Return where one step of a path leads."""
    x, y = at
    if command in "hl":
        x += numbers[0]
    elif command != "v" and command != "V":
        x = numbers[0]
    if command in "vl":
        y += numbers[-1]
    elif command != "h" and command != "H":
        y = numbers[-1]
    return x, y
