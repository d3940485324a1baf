"""Tables of scores in colours, calibration, confusion, and ranks: what is drawn where."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from leadlens.errors import ConfigError
from leadlens.evaluation.confusion import Confusion
from leadlens.evaluation.reliability import ReliabilityCurve
from leadlens.report.calibration_plot import calibration_plot
from leadlens.report.confusion_plot import confusion_plot
from leadlens.report.rank_plot import critical_difference
from leadlens.report.score_grid import score_grid

SVG = "{http://www.w3.org/2000/svg}"
MEAN = np.array([[0.70, 0.80], [0.90, np.nan]])
SPREAD = np.array([[0.01, np.nan], [0.02, 0.5]])


def grid(mean: np.ndarray = MEAN) -> ET.Element:
    rows, columns = ("25 Hz", "75 Hz"), ("0.3 s", "1.5 s")
    spread = SPREAD[: len(mean)]
    return ET.fromstring(score_grid(rows, columns, mean, spread, "AUROC", ("rate", "field"), "g"))


def words(root: ET.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def element(root: ET.Element, gid: str) -> ET.Element | None:
    return next((each for each in root.iter() if each.get("id") == gid), None)


def corners(root: ET.Element, gid: str) -> np.ndarray:
    found = element(root, gid)
    assert found is not None
    path = next(found.iter(f"{SVG}path")).get("d", "")
    return np.array(re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path), dtype=float)


def brightness(root: ET.Element, gid: str) -> int:
    found = element(root, gid)
    assert found is not None
    colour = re.search(r"fill: #([0-9a-f]{6})", ET.tostring(found, encoding="unicode"))
    assert colour is not None
    return sum(bytes.fromhex(colour.group(1)))


def test_each_square_of_a_score_grid_says_its_mean_and_spread() -> None:
    said = words(grid())
    assert {"0.700", "0.800", "0.900", "\u00b1 0.010", "\u00b1 0.020", "rate", "field"} <= set(said)
    assert said.count("\u2013") == 1
    assert "\u00b1 0.500" not in said


def test_higher_scores_are_darker_and_the_best_is_outlined() -> None:
    root = grid()
    shades = [brightness(root, f"g-cell-{place}") for place in ("0-0", "0-1", "1-0")]
    assert shades == sorted(shades, reverse=True)
    outline, best = corners(root, "g-marked"), corners(root, "g-cell-1-0")
    np.testing.assert_allclose(
        [outline.min(0), outline.max(0)], [best.min(0), best.max(0)], atol=0.01
    )


def test_a_combination_that_is_not_there_is_hatched() -> None:
    hatched = element(grid(), "g-cell-1-1")
    assert hatched is not None
    assert "url(#" in ET.tostring(hatched, encoding="unicode")
    assert element(grid(np.full((2, 2), np.nan)), "g-marked") is None


def test_a_grid_whose_names_and_scores_are_not_as_many_is_refused() -> None:
    with pytest.raises(ConfigError, match="a grid of 2 rows and 2 columns"):
        grid(MEAN[:1])


def test_a_confusion_leaves_out_rows_that_nobody_has() -> None:
    given = np.array([[0.5, 0.25, 0.25], [np.nan] * 3])
    n = np.array([[8, 4, 8], [0, 0, 0]])
    said = words(ET.fromstring(confusion_plot(Confusion(("AF", "AFL"), given, n), "c")))
    assert said.count("AF") == 2
    assert said.count("AFL") == 1
    assert {"50 %", "25 %", "of 8", "of 4", "none"} <= set(said)


def curve(n: int = 4, limit: float = 1.0) -> ReliabilityCurve:
    said = np.linspace(0.1, 0.9, n) * limit
    return ReliabilityCurve(said, said, said * 0.8, said * 1.1, np.full(n, 50))


def test_calibration_has_a_panel_for_each_diagnosis_to_its_own_scale() -> None:
    root = ET.fromstring(calibration_plot({"AF": curve(), "PR": curve(limit=0.03)}, "cal"))
    said = words(root)
    assert {"AF", "PR", "1", "0.04"} <= set(said)
    for number in range(2):
        panel = element(root, f"cal-panel-{number}")
        assert panel is not None
        assert len(list(panel.iter(f"{SVG}use"))) == 4


@pytest.mark.parametrize("n", [0, 13])
def test_more_calibration_curves_than_can_be_read_are_refused(n: int) -> None:
    with pytest.raises(ConfigError, match=f"{n} calibration curves"):
        calibration_plot({f"D{i}": curve() for i in range(n)})


def test_ranks_lie_where_they_are_and_a_bar_joins_what_does_not_differ() -> None:
    ranks = np.array([2.5, 1.0, 2.5])
    drawn = critical_difference(("one", "two", "three"), ranks, ((0, 2),), 7, "r")
    root = ET.fromstring(drawn)
    at = [corners(root, f"r-rank-{i}")[0, 0] for i in range(3)]
    assert at[0] == at[2] > at[1]
    bar = corners(root, "r-group-0")[:, 0]
    assert bar.min() < at[0] < bar.max()
    assert not bar.min() < at[1] < bar.max()
    said = words(root)
    assert {"two  1.00", "mean rank over 7 sources, 1 is best"} <= set(said)


def test_one_condition_has_no_rank() -> None:
    with pytest.raises(ConfigError, match="1 conditions with 1 ranks"):
        critical_difference(("one",), np.array([1.0]), (), 7)
