import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadlens.errors import ConfigError
from leadlens.report.maps import lead_map

SVG = "{http://www.w3.org/2000/svg}"
GROUPS = ("frontal plane", "V1", "V2")
CLASSES = ("AF", "LBBB")
WIDTHS = np.full((2, 3), 0.1)


def drawn(
    values: np.ndarray, widths: np.ndarray = WIDTHS, withheld: dict[str, str] | None = None
) -> ET.Element:
    return ET.fromstring(lead_map(values, widths, CLASSES, GROUPS, (120, 4500), withheld or {}))


def by_id(root: ET.Element, gid: str) -> ET.Element:
    return next(element for element in root.iter() if element.get("id") == f"map-{gid}")


def ids(root: ET.Element) -> set[str]:
    return {element.get("id", "") for element in root.iter()}


def fill(root: ET.Element, gid: str) -> tuple[int, ...]:
    path = next(by_id(root, gid).iter(f"{SVG}path"))
    colour = re.search(r"fill: #(\w{6})", path.get("style", ""))
    # matplotlib leaves out the fill that is SVG's own default
    return tuple(bytes.fromhex(colour.group(1))) if colour else (0, 0, 0)


def words(root: ET.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_each_cell_prints_its_value_with_its_sign() -> None:
    root = drawn(np.array([[1.5, -0.25, 0.8], [-3.0, 0.5, 2.0]]))
    cell = by_id(root, "cell-0-1-clear")
    assert [text.text for text in cell.iter(f"{SVG}text")] == ["\u22120.25"]
    assert "+1.50" in words(root)
    assert {"AF", "LBBB", "V1", "V2", "120", "4,500"} <= set(words(root))


def test_colours_are_zero_centred_and_one_scale_serves_both_signs() -> None:
    root = drawn(np.array([[2.0, -2.0, 0.0], [1.0, -1.0, 0.0]]))
    white = np.array([255, 255, 255])
    assert fill(root, "cell-0-0") == (0xE6, 0x61, 0x01)
    assert fill(root, "cell-0-1") == (0x21, 0x66, 0xAC)
    assert fill(root, "cell-0-2") == tuple(white)
    for half, full in (("cell-1-0", "cell-0-0"), ("cell-1-1", "cell-0-1")):
        middle = (white + np.array(fill(root, full))) / 2
        assert np.abs(np.array(fill(root, half)) - middle).max() <= 1


def test_a_value_whose_interval_contains_zero_is_grey_and_italic() -> None:
    root = drawn(
        np.array([[1.0, 0.3, -0.3], [1.0, 1.0, np.nan]]),
        np.array([[0.9, 0.31, 0.31], [1.1, np.nan, 0.1]]),
    )
    unclear = {gid for gid in ids(root) if gid.endswith("-unclear")}
    assert unclear == {f"map-cell-{place}-unclear" for place in ("0-1", "0-2", "1-0", "1-1", "1-2")}
    text = next(by_id(root, "cell-0-1-unclear").iter(f"{SVG}text"))
    assert "italic" in text.get("style", "")
    assert "#5a5a5a" in text.get("style", "")
    clear = next(by_id(root, "cell-0-0-clear").iter(f"{SVG}text"))
    assert "italic" not in clear.get("style", "")


def test_a_withheld_row_shows_its_reason_and_no_value() -> None:
    values = np.array([[77.0, -88.0, 99.0], [1.0, -0.5, 0.2]])
    root = drawn(values, withheld={"AF": "explanation not reliable"})
    assert "explanation not reliable" in words(root)
    assert not any(number in word for word in words(root) for number in ("77", "88", "99"))
    assert not any(gid.startswith("map-cell-0") for gid in ids(root))
    assert fill(root, "cell-1-0") == (0xE6, 0x61, 0x01)
    assert root.find(f".//{SVG}pattern") is not None


def test_a_long_reason_is_printed_whole() -> None:
    reason = " ".join(f"word{i}" for i in range(40))
    root = drawn(np.ones((2, 3)), withheld={"LBBB": reason})
    assert reason in " ".join(words(root))


def test_an_unknown_value_is_a_dash_and_white() -> None:
    root = drawn(np.array([[np.nan, 1.0, 1.0], [1.0, 1.0, 1.0]]))
    assert fill(root, "cell-0-0") == (255, 255, 255)
    assert "\u2013" in words(root)
    assert "nan" not in "".join(words(root)).lower()


@pytest.mark.parametrize("fill_value", [0.0, np.nan])
def test_a_map_without_evidence_is_white(fill_value: float) -> None:
    root = drawn(np.full((2, 3), fill_value))
    assert fill(root, "cell-1-2") == (255, 255, 255)


def test_the_colour_bar_says_what_it_measures() -> None:
    root = drawn(np.array([[2.0, -1.0, 0.0], [1.0, -1.0, 0.0]]))
    assert "logit evidence (for +, against \u2212)" in words(root)
    assert {"+2.00", "\u22122.00"} <= set(words(root))
    assert fill(root, "scale-0") == (0x21, 0x66, 0xAC)
    assert fill(root, "scale-20") == (255, 255, 255)
    assert fill(root, "scale-40") == (0xE6, 0x61, 0x01)


def test_thirty_rows_by_seven_columns_stay_within_900_pixels() -> None:
    names = tuple(f"NSIVCB{i:02}" for i in range(30))
    groups = ("frontal plane", "V1", "V2", "V3", "V4", "V5", "V6")
    values = np.random.default_rng(0).normal(size=(30, 7))
    root = ET.fromstring(lead_map(values, np.abs(values), names, groups, (9,) * 30, {}))
    assert float(root.get("width", "").removesuffix("pt")) * 96 / 72 < 900


@settings(max_examples=5, deadline=None)
@example(text="\x08\ufffe\u4e2d")
@given(text=st.text(min_size=1, max_size=20))
def test_any_text_gives_valid_xml_that_reads_the_same(text: str) -> None:
    label = f"<&>$x${text}"
    svg = lead_map(np.ones((1, 1)), np.ones((1, 1)), (label,), ("V1",), (5,), {}, title=label)
    drawn_words = words(ET.fromstring(svg))
    assert any(word.startswith("<&>$x$") for word in drawn_words)
    if text.isprintable() and text == text.strip():
        assert drawn_words.count(label) == 2


def test_an_attribute_in_a_text_is_left_as_it_is() -> None:
    label = 'id="a" url(#b) href="#c"'
    svg = lead_map(np.ones((1, 1)), np.ones((1, 1)), (label,), ("V1",), (5,), {})
    assert label in words(ET.fromstring(svg))


def test_the_same_values_give_the_same_svg_and_two_names_share_no_id() -> None:
    one, again, two = (
        lead_map(
            np.ones((2, 3)), WIDTHS, CLASSES, GROUPS, (1, 2), {"AF": "few"}, name=name
        )
        for name in ("one", "one", "two")
    )  # fmt: skip
    assert one == again
    assert ids(ET.fromstring(one)) - {""} != set()
    assert (ids(ET.fromstring(one)) & ids(ET.fromstring(two))) == {""}
    pointed = set(re.findall(r"(?:url\(|href=\")#([\w-]+)", one))
    assert pointed
    assert pointed <= ids(ET.fromstring(one))


def test_a_drawing_styles_nothing_but_itself_and_has_no_date() -> None:
    svg = lead_map(np.ones((2, 3)), WIDTHS, CLASSES, GROUPS, (1, 2), {})
    styles = re.findall(r"<style[^>]*>(.*?)</style>", svg)
    assert len(styles) == 1
    assert all(rule.startswith("#map") for rule in re.findall(r"(?:^|})([^{}]+)\{", styles[0]))
    assert "<?xml" not in svg
    assert "<!DOCTYPE" not in svg
    assert "metadata" not in svg


def test_a_screen_reader_hears_the_title() -> None:
    root = ET.fromstring(
        lead_map(np.ones((2, 3)), WIDTHS, CLASSES, GROUPS, (1, 2), {}, title="Map")
    )
    title = root.find(f"{SVG}title")
    assert title is not None
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", title.get("id"))
    assert title.text == "Map"


def test_names_that_do_not_fit_the_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="3 classes by 3 groups"):
        lead_map(np.ones((2, 3)), WIDTHS, (*CLASSES, "PVC"), GROUPS, (1, 2), {})
    with pytest.raises(ConfigError, match="1 counts"):
        lead_map(np.ones((2, 3)), WIDTHS, CLASSES, GROUPS, (1,), {})
    with pytest.raises(ConfigError, match="PVC"):
        lead_map(np.ones((2, 3)), WIDTHS, CLASSES, GROUPS, (1, 2), {"PVC": "few"})
