"""Drawings as PNG and PDF: the same marks in the same places as in the SVG."""

import re
from pathlib import Path

import numpy as np
import pytest

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.report.ecg_paper import Overlay, ecg_paper
from leadlens.report.raster import DPI, outline, save_drawing
from leadlens.report.svg import drawing, element, label

MM = DPI / 25.4


def pixels(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return imread(path)[:, :, :3]


def test_a_rectangle_lies_where_the_svg_says_in_its_colour(tmp_path: Path) -> None:
    body = element("rect", width=40, height=20, fill="#fff")
    body += element("rect", x=10, y=5, width=20, height=4, fill="#e66101")
    save_drawing(drawing("a", "t", body, (40, 20), "mm"), tmp_path / "a.png")
    image = pixels(tmp_path / "a.png")
    assert image.shape[:2] == pytest.approx((20 * MM, 40 * MM), abs=1)
    is_orange = np.abs(image - np.array([0xE6, 0x61, 0x01]) / 255).max(axis=2) < 0.02
    rows, columns = np.flatnonzero(is_orange.any(axis=1)), np.flatnonzero(is_orange.any(axis=0))
    assert (rows[0], rows[-1]) == pytest.approx((5 * MM, 9 * MM), abs=1.5)
    assert (columns[0], columns[-1]) == pytest.approx((10 * MM, 30 * MM), abs=1.5)


def test_one_millivolt_is_ten_millimetres_in_the_png(tmp_path: Path) -> None:
    signal = np.zeros((12, 1000), dtype=np.float32)
    signal[1, 300:350] = 1.0
    paper = ecg_paper(Recording(signal, 100.0, STANDARD_LEADS, "r"))
    save_drawing(paper, tmp_path / "ecg.png")
    is_black = pixels(tmp_path / "ecg.png").max(axis=2) < 0.25
    # Lead II of the rhythm strip: its pulse stands 12 s * 25 mm right of zero, the last row.
    above_caption = is_black[: round(0.9 * len(is_black))]
    bottom, baseline = (above_caption[:, round((5.5 + 25 * at) * MM)] for at in (3.25, 4.0))
    height = np.flatnonzero(baseline)[-1] - np.flatnonzero(bottom)[-1]
    assert height == pytest.approx(10 * MM, abs=2)


def test_a_trace_is_cut_at_its_row(tmp_path: Path) -> None:
    signal = np.zeros((12, 1000), dtype=np.float32)
    signal[0, 100:150] = 50.0
    save_drawing(ecg_paper(Recording(signal, 100.0, STANDARD_LEADS, "r")), tmp_path / "ecg.png")
    is_black = pixels(tmp_path / "ecg.png").max(axis=2) < 0.25
    assert not is_black[:2].any()


def test_an_overlay_is_drawn_under_the_trace(tmp_path: Path) -> None:
    evidence = np.ones((12, 1000))
    recording = Recording(np.zeros((12, 1000), np.float32), 100.0, STANDARD_LEADS, "r")
    save_drawing(ecg_paper(recording, Overlay(evidence, "e", np.ones(12))), tmp_path / "e.png")
    image = pixels(tmp_path / "e.png")
    is_orange = (image[:, :, 0] > 0.8) & (image[:, :, 2] < 0.65)
    assert is_orange.mean() > 0.5
    assert (image.max(axis=2) < 0.2).any()


def test_pdf_is_in_true_millimetres_and_the_same_each_time(tmp_path: Path) -> None:
    paper = ecg_paper(Recording(np.zeros((12, 500), np.float32), 50.0, STANDARD_LEADS, "r"))
    for name in ("one.pdf", "two.pdf"):
        save_drawing(paper, tmp_path / name)
    one = (tmp_path / "one.pdf").read_bytes()
    assert one == (tmp_path / "two.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", one)
    width = float(re.search(r'width="([\d.]+)mm"', paper).group(1))
    assert float(box.group(1)) == pytest.approx(width * 72 / 25.4, abs=0.01)


def test_svg_is_kept_as_it_is(tmp_path: Path) -> None:
    svg = drawing("a", "t", label(1, 1, "\u00b5V", 3), (10, 10), "mm")
    save_drawing(svg, tmp_path / "deep" / "a.svg")
    assert (tmp_path / "deep" / "a.svg").read_text(encoding="utf-8") == svg


def test_relative_and_absolute_steps_lead_to_the_same_corners() -> None:
    corners, codes = outline("M1 2l3 4-1-1H10v-5h.5V0z")
    assert corners == [(1, 2), (4, 6), (3, 5), (10, 5), (10, 0), (10.5, 0), (10.5, 0), (1, 2)]
    assert codes == [1, 2, 2, 2, 2, 2, 2, 79]


@pytest.mark.parametrize("path", ["M0 0C1 1 2 2 3 3", "M0 0a1 1 0 0 0 1 1"])
def test_curves_are_refused_not_drawn_wrong(path: str) -> None:
    with pytest.raises(ConfigError, match="curves"):
        outline(path)


def test_another_suffix_or_unit_is_refused_with_those_allowed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.svg, \.png, \.pdf"):
        save_drawing(drawing("a", "t", "", (10, 10), "mm"), tmp_path / "a.gif")
    with pytest.raises(ConfigError, match="only those in mm"):
        save_drawing(drawing("a", "t", "", (10, 10), "pt"), tmp_path / "a.png")
