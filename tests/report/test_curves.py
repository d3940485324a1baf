import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadlens.errors import ConfigError
from leadlens.report.curves import ScoreSeries, per_class, score_by_rate

SVG = "{http://www.w3.org/2000/svg}"
RATES = (50.0, 100.0, 200.0)
SERIES = (
    ScoreSeries("bce", RATES, ((0.4, 0.5), (0.5, 0.6), (0.6, 0.7))),
    ScoreSeries("soft_f1", RATES, ((0.5, 0.5), (0.6, 0.6), (0.7, float("nan")))),
)


def by_id(root: ET.Element, gid: str) -> ET.Element:
    return next(element for element in root.iter() if element.get("id") == gid)


def ids(root: ET.Element) -> set[str]:
    return {element.get("id", "") for element in root.iter()}


def marks(root: ET.Element, gid: str) -> np.ndarray:
    used = by_id(root, gid).iter(f"{SVG}use")
    return np.array([[float(use.get("x", "")), float(use.get("y", ""))] for use in used])


def corners(root: ET.Element, gid: str) -> np.ndarray:
    path = next(by_id(root, gid).iter(f"{SVG}path")).get("d", "")
    return np.array(re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path), dtype=float)


def height(text: ET.Element) -> float:
    moved = re.match(r"translate\([\d.-]+ ([\d.-]+)\)", text.get("transform", ""))
    return float(moved.group(1)) if moved else float(text.get("y", ""))


def words(root: ET.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def forest(
    mean: list[float], half: float = 0.05, reference: float = 0.5, name: str = "classes"
) -> ET.Element:
    middle = np.array(mean)
    names = tuple(f"class{i}" for i in range(len(mean)))
    counts = tuple(1000 + i for i in range(len(mean)))
    return ET.fromstring(
        per_class(names, middle, middle - half, middle + half, counts, reference, "AUROC", name)
    )


def test_each_fold_is_a_point_and_the_line_is_their_mean() -> None:
    root = ET.fromstring(score_by_rate(SERIES, "score", {}))
    folds, line = marks(root, "rate-folds-0"), marks(root, "rate-mean-0")
    assert len(folds) == 6
    assert len(line) == 3
    assert line[:, 1] == pytest.approx(folds[:, 1].reshape(3, 2).mean(axis=1), abs=0.01)
    assert len(marks(root, "rate-folds-1")) == 5
    assert np.all(np.diff(corners(root, "rate-mean-1")[:, 1]) < 0)


def test_each_doubling_of_the_rate_is_as_wide_and_rates_are_the_ticks() -> None:
    root = ET.fromstring(score_by_rate(SERIES, "score", {}))
    x = marks(root, "rate-mean-0")[:, 0]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.01)
    assert {"50", "100", "200", "sampling rate (Hz)", "score"} <= set(words(root))


def test_rates_in_any_order_give_the_same_line() -> None:
    line = SERIES[0]
    turned = ScoreSeries("bce", line.fs[::-1], line.folds[::-1])
    first, second = (
        corners(ET.fromstring(score_by_rate((series,), "score", {})), "rate-mean-0")
        for series in (line, turned)
    )
    assert first == pytest.approx(second)


def test_floors_are_dashed_lines_with_their_names() -> None:
    root = ET.fromstring(score_by_rate(SERIES, "score", {"all normal": 0.3, "chance": 0.31}))
    assert {"all normal", "chance", "bce", "soft_f1"} <= set(words(root))
    path = next(by_id(root, "rate-floor-0").iter(f"{SVG}path"))
    assert "stroke-dasharray" in path.get("style", "")
    assert corners(root, "rate-floor-0")[0, 1] > corners(root, "rate-floor-1")[0, 1]


@settings(max_examples=5, deadline=None)
@given(levels=st.lists(st.floats(0.3, 0.34), min_size=2, max_size=6))
@example(levels=[0.7] * 6)
def test_labels_beside_the_plot_never_overlap(levels: list[float]) -> None:
    floors = {f"floor {i}": level for i, level in enumerate(levels)}
    root = ET.fromstring(score_by_rate(SERIES, "score", floors))
    names = {*floors, "bce", "soft_f1"}
    heights = [height(text) for text in root.iter(f"{SVG}text") if text.text in names]
    ticks = [height(text) for text in root.iter(f"{SVG}text") if text.text == "50"]
    assert len(heights) == len(names)
    assert min(np.diff(sorted(heights))) > 9
    assert min(heights) > 0
    assert max(heights) < ticks[0] - 8


def test_published_scores_are_hollow_diamonds_at_their_rate() -> None:
    root = ET.fromstring(score_by_rate(SERIES, "score", {}, {100.0: 0.55, 400.0: 0.6}))
    points, line = marks(root, "rate-published"), marks(root, "rate-mean-0")
    assert points[0] == pytest.approx(line[1], abs=0.01)
    use = next(by_id(root, "rate-published").iter(f"{SVG}use"))
    assert "fill: none" in use.get("style", "") or "fill-opacity: 0" in use.get("style", "")
    assert "400" in words(root)


def test_a_series_whose_folds_do_not_fit_its_rates_is_refused() -> None:
    with pytest.raises(ConfigError, match="bce: 2 sampling rates but 1"):
        ScoreSeries("bce", (50.0, 100.0), ((0.5,),))


@pytest.mark.parametrize("fs", [(), (0.0,)])
def test_no_rate_or_a_rate_of_zero_is_refused(fs: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="at least one"):
        score_by_rate((ScoreSeries("bce", fs, ((0.5,),) * len(fs)),), "score", {})


def test_classes_are_sorted_by_their_mean_best_on_top() -> None:
    mean = [0.7, 0.95, 0.8]
    root = forest(mean)
    places = np.array([marks(root, f"classes-class-{i}-mean")[0] for i in range(3)])
    assert list(np.argsort(places[:, 1])) == [1, 2, 0]
    assert list(np.argsort(places[:, 0])) == [0, 2, 1]
    left, right = sorted(corners(root, "classes-class-0-interval")[:, 0])
    assert (left + right) / 2 == pytest.approx(places[0, 0], abs=0.02)
    per_score = (places[1, 0] - places[0, 0]) / 0.25
    assert right - left == pytest.approx(0.1 * per_score, abs=0.02)


def test_absent_classes_are_listed_last_as_absent_and_never_drawn() -> None:
    root = forest([0.7, float("nan"), 0.8, float("nan")])
    for i in (1, 3):
        assert not any(gid.startswith(f"classes-class-{i}-") for gid in ids(root))
    assert words(root).count("absent") == 2
    order = [word for word in words(root) if word.startswith("class")]
    assert order == ["class2", "class0", "class1", "class3"]
    assert "nan" not in "".join(words(root)).lower()
    assert "0.000" not in "".join(words(root))


def test_when_all_classes_are_absent_nothing_is_drawn_but_their_names() -> None:
    root = forest([float("nan")] * 3)
    assert words(root).count("absent") == 3
    assert not any(gid.endswith("-mean") for gid in ids(root))


def test_an_unknown_interval_leaves_the_mean_alone() -> None:
    root = forest([0.7, 0.8], half=float("nan"))
    assert not any(gid.endswith("-interval") for gid in ids(root))
    assert {"0.700", "0.800"} <= set(words(root))


def test_chance_is_a_dashed_line_at_its_score() -> None:
    root = forest([0.5, 0.9], reference=0.5)
    chance = corners(root, "classes-reference")
    assert chance[:, 0] == pytest.approx(marks(root, "classes-class-0-mean")[0, 0], abs=0.02)
    assert "chance 0.5" in words(root)
    style = next(by_id(root, "classes-reference").iter(f"{SVG}path")).get("style", "")
    assert "stroke-dasharray" in style


def test_means_and_counts_of_other_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"2 classes with 2 means.*1 counts"):
        per_class(("a", "b"), np.ones(2), np.ones(2), np.ones(2), (1,), 0.5, "AUROC")


@settings(max_examples=5, deadline=None)
@example(text="\x08\ufffe\u4e2d")
@given(text=st.text(min_size=1, max_size=15))
def test_any_text_gives_valid_xml_that_reads_the_same(text: str) -> None:
    label = f"<&>$x${text}"
    series = (ScoreSeries(label, (50.0,), ((0.5,),)),)
    one = np.ones(1)
    for svg in (
        score_by_rate(series, label, {f"{label}!": 0.2}),
        per_class((label,), one, one, one, (3,), 0.5, label),
    ):
        drawn = words(ET.fromstring(svg))
        assert any(word.startswith("<&>$x$") for word in drawn)
        if text.isprintable() and text == text.strip():
            assert drawn.count(label) == 2


def test_the_same_scores_give_the_same_svg_and_two_names_share_no_id() -> None:
    one, again, two = (score_by_rate(SERIES, "s", {"f": 0.3}, name=n) for n in ("a", "a", "b"))
    assert one == again
    assert ids(ET.fromstring(one)) & ids(ET.fromstring(two)) == {""}
    assert ids(forest([0.5, 0.7], name="x")) & ids(forest([0.5, 0.7], name="y")) == {""}


def test_a_screen_reader_hears_what_is_drawn() -> None:
    for root in (forest([0.7]), ET.fromstring(score_by_rate(SERIES, "AUROC", {}))):
        title = root.find(f"{SVG}title")
        assert title is not None
        assert (root.get("role"), root.get("aria-labelledby")) == ("img", title.get("id"))
        assert "AUROC" in (title.text or "")


def test_matplotlib_is_imported_only_to_draw_and_never_its_global_state() -> None:
    code = (
        "import sys; from leadlens.report import curves, ecg_paper, maps;"
        "assert 'matplotlib' not in sys.modules;"
        "curves.score_by_rate((curves.ScoreSeries('a', (50.0,), ((0.5,),)),), 's', {});"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
