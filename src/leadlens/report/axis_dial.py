"""Axis dial: the frontal plane in degrees, the measured QRS axis, and what its leads say."""

import math
from typing import Final

from leadlens.report.sentence import ErrorKind
from leadlens.report.svg import AGAINST, FOR, drawing, element, label, number, signed

SIZE, RADIUS = (74.0, 82.0), 24.0
CENTRE: Final = (37.0, 37.5)
LEADS: Final = {"I": 0, "II": 60, "aVF": 90, "III": 120, "aVR": -150, "aVL": -30}
"""Where each lead points, degrees clockwise from the patient's left (Einthoven, Goldberger)."""
SECTORS: Final = {
    "normal": (-30, 90, 30),
    "left": (-90, -30, -60),
    "right": (90, 180, 145),
    "extreme": (-180, -90, -115),
}
"""From and to, and where the name is written, degrees."""


def axis_dial(
    axis: float, evidence: tuple[float, float], scale: float, kind: ErrorKind, name: str
) -> str:
    """Return the hexaxial dial as an SVG in mm.

    Args:
        axis: of the QRS, degrees from -180 to 180; NaN where it is not measurable.
        evidence: of the frontal plane for the diagnosis, and half its 95 % interval, logits.
        scale: the evidence that gets the full colour.
        kind: what is known of the error.
        name: the SVG's id.
    """
    value, spread = evidence
    parts = [
        element("rect", width=SIZE[0], height=SIZE[1], fill="#fff"),
        label(0.5, 4, "Frontal plane", 3.6, font_weight="bold"),
        *(_sector(sector) for sector in SECTORS),
        element("circle", cx=CENTRE[0], cy=CENTRE[1], r=RADIUS, fill="none", stroke="#555",
                stroke_width=0.25),
        *(_lead(lead) for lead in LEADS),
    ]  # fmt: skip
    colour = FOR if value > 0 else AGAINST
    strength = min(abs(value) / scale, 1.0)
    if not math.isnan(axis):
        parts.append(_arrow(axis, colour, strength))
    words = "QRS axis not measurable" if math.isnan(axis) else f"QRS axis {_degrees(axis)}, "
    words += "" if math.isnan(axis) else sector_of(axis)
    said = f"its six leads: {signed(value, 0.1)}"
    said += f" \u00b1 {spread:.2f} logits" if kind == "estimated" else " logits"
    parts.append(label(CENTRE[0], SIZE[1] - 6, words, 3.2, text_anchor="middle"))
    parts.append(label(CENTRE[0], SIZE[1] - 1.5, said, 3.2, text_anchor="middle"))
    return drawing(name, f"Frontal plane: {words}; {said}", "".join(parts), SIZE, "mm")


def sector_of(axis: float) -> str:
    """Return what an axis in degrees is called."""
    for name, (low, high, _) in SECTORS.items():
        if low <= axis < high or (name == "normal" and axis == high):
            return "normal" if name == "normal" else f"{name} axis deviation"
    return "right axis deviation"


def _point(degrees: float, radius: float) -> tuple[float, float]:
    """Return the point at an angle and distance from the centre; degrees run clockwise."""
    angle = math.radians(degrees)
    return CENTRE[0] + radius * math.cos(angle), CENTRE[1] + radius * math.sin(angle)


def _xy(degrees: float, radius: float) -> str:
    """Return that point as part of a path."""
    return " ".join(number(value) for value in _point(degrees, radius))


def _sector(name: str) -> str:
    """Return a sector: the normal one shaded and named with its limits."""
    low, high, at = SECTORS[name]
    path = f"M{number(CENTRE[0])} {number(CENTRE[1])}L{_xy(low, RADIUS)}"
    steps = max(2, (high - low) // 5)
    path += "".join(f"L{_xy(low + (high - low) * i / steps, RADIUS)}" for i in range(1, steps + 1))
    x, y = _point(at, RADIUS + 2.5)
    side = "start" if abs(at) < 90 else "end"
    fill = "#e4e9e4" if name == "normal" else "#fff"
    shape = element(
        "path", d=path + "z", class_="sector", fill=fill, stroke="#aaa", stroke_width=0.2
    )
    return shape + label(x, y + 1, name, 2.8, text_anchor=side, fill="#555")


def _lead(name: str) -> str:
    """Return the tick, name and angle of a lead at the rim."""
    angle = LEADS[name]
    x, y = _point(angle, RADIUS + 6.5)
    tick = f"M{_xy(angle, RADIUS - 1.2)}L{_xy(angle, RADIUS + 1.2)}"
    return (
        element("path", d=tick, stroke="#333", stroke_width=0.3)
        + label(x, y, name, 3.2, text_anchor="middle", font_weight="bold")
        + label(x, y + 3, _degrees(angle), 2.6, text_anchor="middle", fill="#444")
    )


def _arrow(axis: float, colour: str, strength: float) -> str:
    """Return the axis as an arrow, outlined in black, filled by how much the plane says."""
    tip, neck = RADIUS - 1.5, RADIUS - 7
    side = math.degrees(math.atan2(1.1, neck))
    wing = math.degrees(math.atan2(2.8, neck))
    path = (
        f"M{_xy(axis - 90, 1.1)}L{_xy(axis - side, neck)}L{_xy(axis - wing, neck)}"
        f"L{_xy(axis, tip)}L{_xy(axis + wing, neck)}L{_xy(axis + side, neck)}"
        f"L{_xy(axis + 90, 1.1)}z"
    )
    white = element("path", d=path, fill="#fff", stroke="#000", stroke_width=0.35)
    return white + element(
        "path", d=path, class_="axis", fill=colour, fill_opacity=f"{strength:.3f}"
    )


def _degrees(angle: float) -> str:
    """Return an angle with its sign, in whole degrees."""
    return f"{angle:.0f}\u00b0".replace("-0\u00b0", "0\u00b0").replace("-", "\u2212")
