"""The interval map: dots where the values are, lines as long as the intervals."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from leadlens.errors import ConfigError
from leadlens.report.interval_map import CELL, interval_map

SVG = "{http://www.w3.org/2000/svg}"
COLUMNS = ("frontal plane", "V1")
CLASSES = ("AF", "LBBB")


def drawn(values: np.ndarray, widths: np.ndarray, **withheld: str) -> ET.Element:
    return ET.fromstring(interval_map(values, widths, CLASSES, COLUMNS, (5, 1200), withheld))


def ids(root: ET.Element) -> set[str]:
    return {each.get("id", "").removeprefix("intervals-") for each in root.iter()}


def place(root: ET.Element, gid: str) -> tuple[float, float]:
    """Return where a dot lies, in points."""
    group = next(each for each in root.iter() if each.get("id") == f"intervals-{gid}")
    use = next(group.iter(f"{SVG}use"))
    return float(use.get("x", "")), float(use.get("y", ""))


def length(root: ET.Element, gid: str) -> float:
    group = next(each for each in root.iter() if each.get("id") == f"intervals-{gid}-interval")
    xs = re.findall(r"[ML] ?([\d.]+) [\d.]+", next(group.iter(f"{SVG}path")).get("d", ""))
    return float(xs[-1]) - float(xs[0])


VALUES = np.array([[2.0, -1.0], [0.5, 4.0]])
WIDTHS = np.array([[0.5, 0.5], [0.75, 1.0]])


def test_dots_lie_at_their_values_on_one_scale_for_all_columns() -> None:
    root = drawn(VALUES, WIDTHS)
    two, minus = place(root, "dot-0-0-clear")[0], place(root, "dot-0-1-clear")[0] - CELL
    half, four = place(root, "dot-1-0-unclear")[0], place(root, "dot-1-1-clear")[0] - CELL
    unit = (four - minus) / 5.0
    assert two == pytest.approx(minus + 3 * unit, abs=0.01)
    assert half == pytest.approx(minus + 1.5 * unit, abs=0.01)
    assert length(root, "dot-0-0") == pytest.approx(unit, abs=0.01)


def test_a_dot_is_hollow_where_its_interval_contains_zero_or_is_not_known() -> None:
    found = ids(drawn(VALUES, np.array([[0.5, np.nan], [0.75, 1.0]])))
    assert {"dot-0-0-clear", "dot-0-1-unclear", "dot-1-0-unclear", "dot-1-1-clear"} <= found
    assert "dot-0-1-interval" not in found


def test_an_interval_beyond_the_scale_ends_in_an_arrow() -> None:
    found = ids(drawn(VALUES, np.array([[9.0, 0.5], [0.75, 0.1]])))
    assert {"dot-0-0-beyond-low", "dot-0-0-beyond-high"} <= found
    assert not any(each.startswith("dot-1-1-beyond") for each in found)


def test_the_interval_over_folds_is_a_line_of_its_own_where_it_is_known() -> None:
    folds = np.array([[1.0, np.nan], [9.0, 0.25]])
    svg = interval_map(VALUES, WIDTHS, CLASSES, COLUMNS, (5, 1200), {}, fold_half_width=folds)
    root = ET.fromstring(svg)
    assert length(root, "dot-0-0-folds") == pytest.approx(2 * length(root, "dot-0-0"), abs=0.01)
    assert {"dot-1-0-folds-beyond-low", "dot-1-1-folds-interval"} <= ids(root)
    assert "dot-0-1-folds-interval" not in ids(root)
    # Whether a value is clear is asked of the recordings.
    assert "dot-0-0-clear" in ids(root)
    assert "thin: the interval over folds" in svg
    assert "thin:" not in interval_map(VALUES, WIDTHS, CLASSES, COLUMNS, (5, 1200), {})


def test_a_withheld_row_shows_its_reason_and_does_not_stretch_the_scale() -> None:
    values = np.array([[2.0, -1.0], [500.0, 400.0]])
    root = drawn(values, WIDTHS, LBBB="the model does not tell it from chance")
    words = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    assert "does not tell it from" in words
    assert not any(each.startswith("dot-1") for each in ids(root))
    assert "500" not in words
    assert place(root, "dot-0-0-clear")[0] - place(root, "dot-0-1-clear")[0] + CELL > CELL / 2


def test_a_value_that_is_not_there_is_a_dash() -> None:
    root = drawn(np.array([[np.nan, 1.0], [1.0, 1.0]]), WIDTHS)
    assert not any(each.startswith("dot-0-0") for each in ids(root))
    assert "\u2013" in [text.text for text in root.iter(f"{SVG}text")]


def test_a_map_of_zeros_has_hollow_dots_on_the_zero_line() -> None:
    root = drawn(np.zeros((2, 2)), np.zeros((2, 2)))
    hollow = {f"dot-{row}-{column}-unclear" for row in (0, 1) for column in (0, 1)}
    assert hollow <= {each.removeprefix("intervals-") for each in ids(root)}
    assert not any(each.endswith("-clear") for each in ids(root))


def test_a_map_without_one_known_value_has_dashes_alone() -> None:
    root = drawn(np.full((2, 2), np.nan), np.full((2, 2), np.nan))
    assert not any("dot-" in each for each in ids(root))
    assert [text.text for text in root.iter(f"{SVG}text")].count("\u2013") == 4


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="1 counts"):
        interval_map(VALUES, WIDTHS, CLASSES, COLUMNS, (5,), {})
