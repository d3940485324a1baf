"""Bars by lead, wave and timing, and the axis dial."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import numpy as np
import pytest

from leadlens.explain.attribution import Attribution
from leadlens.report.axis_dial import CENTRE, axis_dial, sector_of
from leadlens.report.bars import PLOT, bar_panels

SVG = "{http://www.w3.org/2000/svg}"
BLUE, ORANGE = "#2166ac", "#e66101"
Make = Callable[..., Attribution]


def rows(svg: str) -> dict[str, ET.Element]:
    groups = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("class") == "bar"]
    return {(g.findtext(f"{SVG}title") or "").rpartition(":")[0]: g for g in groups}


def ends(row: ET.Element) -> tuple[float, float]:
    bar = row.find(f"{SVG}rect")
    assert bar is not None
    left = float(bar.get("x", ""))
    return left, left + float(bar.get("width", ""))


def interval(row: ET.Element) -> tuple[float, float] | None:
    path = next((p for p in row.iter(f"{SVG}path") if p.get("class") == "interval"), None)
    if path is None:
        return None
    found = re.fullmatch(r"M([\d.]+) [\d.]+H([\d.]+)", path.get("d", ""))
    assert found is not None
    return float(found.group(1)), float(found.group(2))


def attribution(make: Make, errors: float = 0.1) -> Attribution:
    values = np.zeros(46)
    values[8], values[14], values[40], values[43] = 2.0, -1.0, 0.05, 4.0
    return make(values, errors, timing=True)


def panels(make: Make, kind: str = "estimated", errors: float = 0.1) -> list[dict[str, ET.Element]]:
    return [rows(svg) for svg in bar_panels(attribution(make, errors), 0, kind, 10.0, "x")]


def test_leads_waves_and_timings_have_a_panel_each_on_one_scale(attribution_of: Make) -> None:
    leads, waves, timings = panels(attribution_of)
    assert tuple(leads) == ("frontal plane", "V1", "V2", "V3", "V4", "V5", "V6")
    assert tuple(waves) == ("P", "PR", "QRS", "ST", "T", "TP")
    assert tuple(timings) == ("rate", "regularity", "PR interval", "QT interval")
    middle = sum(PLOT) / 2
    v1, v2, regularity = ends(leads["V1"]), ends(leads["V2"]), ends(timings["regularity"])
    assert (v1[0], v2[1], regularity[0]) == pytest.approx((middle,) * 3, abs=0.02)
    unit = v1[1] - v1[0]
    assert v2[1] - v2[0] == pytest.approx(unit / 2, abs=0.02)
    assert regularity[1] - regularity[0] == pytest.approx(2 * unit, abs=0.03)


def test_the_line_is_the_95_percent_interval_and_stays_within_the_panel(
    attribution_of: Make,
) -> None:
    _, _, timings = panels(attribution_of)
    bar, line = ends(timings["regularity"]), interval(timings["regularity"])
    assert line is not None
    unit = (bar[1] - bar[0]) / 4.0
    assert line[1] - line[0] == pytest.approx(2 * 1.96 * 0.1 * unit, abs=0.03)
    assert PLOT[0] - 0.01 <= line[0] < line[1] <= PLOT[1] + 0.01


def test_a_bar_is_hollow_where_its_interval_contains_zero(attribution_of: Make) -> None:
    leads, _, _ = panels(attribution_of)
    fills = {name: row.find(f"{SVG}rect").get("fill") for name, row in leads.items()}
    assert (fills["V1"], fills["V2"], fills["V6"]) == (ORANGE, BLUE, "#fff")


@pytest.mark.parametrize(("kind", "note"), [("unknown", "no error is known"), ("exact", "exact: ")])
def test_without_standard_errors_no_interval_is_drawn_and_it_is_said_why(
    attribution_of: Make, kind: str, note: str
) -> None:
    svgs = bar_panels(attribution(attribution_of, 0.0), 0, kind, 10.0, "x")
    for svg in svgs:
        assert note in svg
        assert "\u00b1" not in svg
        assert all(interval(row) is None for row in rows(svg).values())


def test_numbered_segments_have_no_panel(attribution_of: Make) -> None:
    made = attribution_of(np.ones(21), pieces="segments", n_segments=3)
    assert len(bar_panels(made, 0, "estimated", 10.0, "x")) == 1


def test_the_lead_panel_says_how_long_the_window_is(attribution_of: Make) -> None:
    lead, *_ = bar_panels(attribution(attribution_of), 0, "estimated", 2.5, "x")
    assert "Evidence by lead, all 2.5 s" in lead


def tip(svg: str) -> tuple[float, float]:
    path = next(p for p in ET.fromstring(svg).iter(f"{SVG}path") if p.get("class") == "axis")
    corners = re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d", ""))
    away = [(float(x) - CENTRE[0], float(y) - CENTRE[1]) for x, y in corners]
    return max(away, key=lambda point: np.hypot(*point))


@pytest.mark.parametrize("axis", [-81.0, -30.0, 0.0, 60.0, 90.0, 170.0, -150.0])
def test_the_arrow_points_at_the_axis_clockwise_from_the_left_of_the_patient(axis: float) -> None:
    x, y = tip(axis_dial(axis, (1.0, 0.2), 2.0, "estimated", "dial"))
    assert np.degrees(np.arctan2(y, x)) == pytest.approx(axis, abs=0.5)


@pytest.mark.parametrize(
    ("axis", "name"),
    [
        (-30.0, "normal"),
        (90.0, "normal"),
        (-30.5, "left axis deviation"),
        (-90.0, "left axis deviation"),
        (90.5, "right axis deviation"),
        (180.0, "right axis deviation"),
        (-90.5, "extreme axis deviation"),
    ],
)
def test_the_axis_is_named_by_its_sector(axis: float, name: str) -> None:
    assert sector_of(axis) == name


def test_the_arrow_is_coloured_by_what_the_frontal_plane_says() -> None:
    for value, colour in ((1.0, ORANGE), (-1.0, BLUE)):
        svg = axis_dial(20.0, (value, 0.2), 2.0, "estimated", "dial")
        arrow = next(p for p in ET.fromstring(svg).iter(f"{SVG}path") if p.get("class") == "axis")
        assert (arrow.get("fill"), arrow.get("fill-opacity")) == (colour, "0.500")
        assert "1.00 \u00b1 0.20 logits" in svg


def test_an_axis_that_is_not_measurable_has_no_arrow() -> None:
    svg = axis_dial(float("nan"), (1.0, 0.2), 2.0, "unknown", "dial")
    assert "QRS axis not measurable" in svg
    assert 'class="axis"' not in svg
    assert "\u00b1" not in svg
