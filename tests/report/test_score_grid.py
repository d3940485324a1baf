"""Score grids: what can be read, of long names and of every colour."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest
from drawn import SVG, by_id, fill, luminance, said, size, slanted_ends, words

from leadlens.report.score_grid import score_grid


def grid(
    mean: np.ndarray,
    columns: tuple[str, ...] | None = None,
    axes: tuple[str, str] = ("rate", "field"),
) -> ET.Element:
    rows = tuple(f"row {i}" for i in range(len(mean)))
    columns = columns or tuple(f"c{i}" for i in range(mean.shape[1]))
    spread = np.full(mean.shape, 0.01)
    return ET.fromstring(score_grid(rows, columns, mean, spread, "AUROC", axes, "g"))


def test_scores_below_zero_have_a_minus_sign_and_zero_has_none() -> None:
    drawn = said(grid(np.array([[-0.25, -0.0001]])))
    assert {"\u22120.250", "0.000"} <= set(drawn)
    assert not any("-" in text for text in drawn)


def test_equal_steps_of_score_are_equal_steps_of_lightness() -> None:
    root = grid(np.linspace(0.2, 0.9, 8)[None])
    bright = np.array([luminance(fill(root, f"g-cell-0-{i}")) for i in range(8)])
    steps = np.diff(116 * np.cbrt(bright) - 16)
    assert steps.max() < 0
    assert steps.min() / steps.max() < 1.2


def test_words_stand_out_from_every_colour() -> None:
    root = grid(np.linspace(0, 1, 20)[None])
    inside = [text.get("style", "") for text in root.iter(f"{SVG}text")][:40]
    for square in range(20):
        behind = luminance(fill(root, f"g-cell-0-{square}"))
        for style in inside[2 * square : 2 * square + 2]:
            ink = 1.0 if "fill: #ffffff" in style else 0.0
            assert (max(behind, ink) + 0.05) / (min(behind, ink) + 0.05) > 4.3


def test_the_hatch_of_what_is_not_there_can_be_seen() -> None:
    root = grid(np.array([[0.5, np.nan]]))
    assert "url(#" in ET.tostring(by_id(root, "g-cell-0-1"), encoding="unicode")
    pattern = next(root.iter(f"{SVG}pattern"))
    stroke = re.search(r"stroke: #([0-9a-f]{6})", ET.tostring(pattern, encoding="unicode"))
    assert stroke is not None
    assert luminance(np.frombuffer(bytes.fromhex(stroke[1]), np.uint8) / 255) < 0.6


@pytest.mark.parametrize(
    "columns",
    [("b",), ("a column with quite a long name of 60 letters, more or less", "b"), ("a" * 12, "b")],
)
def test_long_names_stay_in_the_drawing_and_apart(columns: tuple[str, ...]) -> None:
    axes = ("what the rows are, at length", "what the columns are, at length")
    root = grid(np.full((2, len(columns)), 0.5), columns, axes)
    width, _ = size(root)
    placed = words(root)
    assert {*axes} <= {word.text for word in placed}
    assert all(word.left >= 0 and word.right <= width for word in placed)
    assert not any(one.overlaps(other) for one, other in combinations(placed, 2))
    for x, y in slanted_ends(root):
        assert x <= width
        assert y >= 0


def test_spreads_of_another_shape_are_refused() -> None:
    # The shapes in signatures are checked before under pytest, so that it is tried without.
    code = (
        "import numpy as np; from leadlens.errors import ConfigError;"
        "from leadlens.report.score_grid import score_grid as grid\n"
        "try: grid(('a', 'b'), ('c', 'd'), np.ones((2, 2)), np.ones((2, 1)), 's', ('x', 'y'))\n"
        "except ConfigError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "scores (2, 2) but spreads (2, 1)" in run.stdout
