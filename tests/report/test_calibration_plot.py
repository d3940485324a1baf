"""Calibration plots: where bins lie, to which scale, and that titles can be read."""

import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest
from drawn import by_id, corners, marks, said, size, words

from leadlens.evaluation.reliability import ReliabilityCurve
from leadlens.report.calibration_plot import calibration_plot

CURVE = ReliabilityCurve(
    np.array([0.1, 0.3]),
    np.array([0.2, 0.25]),
    np.array([0.15, 0.2]),
    np.array([0.3, 0.4]),
    np.array([50, 50]),
)


def scaled(factor: float) -> ReliabilityCurve:
    said, found, low, high = (
        part * factor for part in (CURVE.probability, CURVE.frequency, CURVE.low, CURVE.high)
    )
    return ReliabilityCurve(said, found, low, high, CURVE.n_known)


def test_bins_and_intervals_lie_where_they_are_beside_the_dashed_line() -> None:
    root = ET.fromstring(calibration_plot({"AF": CURVE}, "c"))
    start, end = corners(root, "c-panel-0-ideal")
    place = lambda points: (points - start) / (end - start) * 0.4  # noqa: E731
    expected = np.column_stack([CURVE.probability, CURVE.frequency])
    np.testing.assert_allclose(place(marks(root, "c-panel-0")), expected, atol=1e-3)
    ends = place(corners(root, "c-panel-0-intervals")).reshape(2, 2, 2)
    np.testing.assert_allclose(
        ends[:, :, 0], np.repeat(CURVE.probability[:, None], 2, 1), atol=1e-3
    )
    np.testing.assert_allclose(ends[:, :, 1], np.column_stack([CURVE.low, CURVE.high]), atol=1e-3)
    ideal = ET.tostring(by_id(root, "c-panel-0-ideal"), encoding="unicode")
    assert "stroke-dasharray" in ideal


@pytest.mark.parametrize(
    ("highest", "limit"),
    [(0.0004, "0.001"), (0.0055, "0.006"), (0.07, "0.08"), (0.2, "0.2"), (0.41, "0.6"), (0.9, "1")],
)
def test_a_panel_ends_at_the_next_round_number(highest: float, limit: str) -> None:
    drawn = said(ET.fromstring(calibration_plot({"AF": scaled(highest / 0.4)})))
    numbers = {text for text in drawn if text not in ("AF", "said", "found")}
    assert max(numbers, key=float) == limit


def test_twelve_panels_are_three_rows_of_four() -> None:
    curves = {f"D{i}": CURVE for i in range(12)}
    root = ET.fromstring(calibration_plot(curves, "c"))
    starts = [corners(root, f"c-panel-{i}-ideal")[0].round(2).tolist() for i in range(12)]
    assert len({x for x, _ in starts}) == 4
    assert len({y for _, y in starts}) == 3
    assert [x for x, _ in starts[:4]] == sorted(x for x, _ in starts[:4])


@pytest.mark.parametrize("factor", [0.002, 1.0])
def test_long_titles_stay_in_the_drawing_and_apart(factor: float) -> None:
    titles = [f"incomplete right bundle branch block, number {i}" for i in range(5)]
    root = ET.fromstring(calibration_plot(dict.fromkeys(titles, scaled(factor))))
    placed, (width, height) = words(root), size(root)
    assert " ".join(said(root)).count("incomplete") == 5
    assert all(word.left >= 0 and word.right <= width for word in placed)
    assert all(word.size <= word.y <= height for word in placed)
    assert not any(one.overlaps(other) for one, other in combinations(placed, 2))
