import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from recordings import make_recording

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.report.ecg_paper import Layout, ecg_paper
from leadlens.report.evidence_sheet import evidence_svg

SVG = "{http://www.w3.org/2000/svg}"
TITLE, SUBTITLE = "SIM000012: right bundle branch block", "additive; QRS 148 ms"
COLUMN = {lead: index // 3 for index, lead in enumerate(STANDARD_LEADS)}


def flat(fs: float = 500.0, seconds: float = 10.0) -> Recording:
    signal = np.zeros((12, round(fs * seconds)), dtype=np.float32)
    return Recording(signal, fs, STANDARD_LEADS, "SIM000012")


def drawn(
    recording: Recording,
    difference: np.ndarray | None = None,
    rule: np.ndarray | None = None,
    **changes: object,
) -> ET.Element:
    """Return the sheet, with nothing marked where nothing is given."""
    nothing = np.zeros(recording.signal.shape)
    texts = {"title": TITLE, "subtitle": SUBTITLE, **changes}
    return ET.fromstring(
        evidence_svg(
            recording,
            nothing if difference is None else difference,
            nothing.astype(bool) if rule is None else rule,
            **texts,
        )
    )


def marks(lead: str, start: float, end: float, recording: Recording) -> np.ndarray:
    """Return ones in a lead from `start` to `end` s, else zeros."""
    values = np.zeros(recording.signal.shape)
    values[STANDARD_LEADS.index(lead), round(start * recording.fs) : round(end * recording.fs)] = 1
    return values


def outlines(root: ET.Element, kind: str) -> list[ET.Element]:
    """Return the paths of a class that are not in the legend."""
    legend = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "legend")
    inside = set(legend.iter())
    return [p for p in root.iter(f"{SVG}path") if p.get("class") == kind and p not in inside]


def bands(root: ET.Element) -> list[tuple[float, float, float, float, float]]:
    """Return left, right, top, bottom and opacity of each band."""
    found = []
    for path in outlines(root, "band"):
        for box in path.get("d", "").split("M")[1:]:
            left, top, right, bottom, _ = (float(n) for n in re.findall(r"[\d.]+", box))
            found.append((left, right, top, bottom, float(path.get("fill-opacity", ""))))
    return found


def brackets(root: ET.Element) -> list[tuple[float, float, float, bool, bool]]:
    """Return left, right and bottom of each bracket, and whether it is closed on either side."""
    found = []
    for path in outlines(root, "bracket"):
        for line in path.get("d", "").split("M")[1:]:
            left, top, bottom, right, *end = (float(n) for n in re.findall(r"[\d.]+", line))
            found.append((left, right, bottom, top < bottom, bool(end)))
    return found


def words(root: ET.Element) -> str:
    return "\n".join(text.text or "" for text in root.iter(f"{SVG}text"))


def rows(root: ET.Element) -> list[tuple[float, float]]:
    """Return top and bottom of each row, from the regions that cut its traces."""
    boxes = [clip[0] for clip in root.iter(f"{SVG}clipPath")]
    return [(float(b.get("y", "")), float(b.get("y", "")) + float(b.get("height", "")))
            for b in boxes]  # fmt: skip


@pytest.mark.parametrize("fs", [100.0, 500.0])
@pytest.mark.parametrize("lead", ["I", "aVF", "V1", "V6"])
def test_a_change_is_an_orange_band_behind_its_lead_at_its_time(fs: float, lead: str) -> None:
    recording, start = flat(fs), 2.5 * COLUMN[lead] + 1.0
    root = drawn(recording, marks(lead, start, start + 0.14, recording))
    ((left, right, top, bottom, _),) = bands(root)
    assert (left, right) == (pytest.approx(5.5 + 25 * start), pytest.approx(left + 3.5))
    row_top, row_bottom = rows(root)[STANDARD_LEADS.index(lead) % 3]
    assert row_top < top < bottom < row_bottom
    assert {path.get("fill") for path in outlines(root, "band")} == {"#e66101"}


def test_a_change_in_lead_ii_is_in_its_column_and_in_the_rhythm_strip() -> None:
    recording = flat()
    early, late = (bands(drawn(recording, marks("II", t, t + 0.1, recording))) for t in (1.0, 8.0))
    assert [band[0] for band in early] == [30.5, 30.5]
    assert [band[0] for band in late] == [205.5]


def test_the_band_is_the_fuller_the_larger_the_change() -> None:
    recording = flat()
    parts = [marks("V1", 5.2 + step, 5.4 + step, recording) for step in (0.0, 0.4, 0.8)]
    found = bands(drawn(recording, 0.2 * parts[0] + 0.6 * parts[1] + 1.0 * parts[2]))
    opacities = [band[4] for band in sorted(found)]
    assert opacities == [pytest.approx(opacities[2] * share, abs=0.001) for share in (0.2, 0.6, 1)]


def test_colour_is_absolute_so_half_is_half_without_a_larger_one_beside_it() -> None:
    recording = flat()
    part = marks("V1", 5.2, 5.4, recording)
    (half,), (full,) = (bands(drawn(recording, share * part)) for share in (0.5, 1.0))
    assert half[4] == pytest.approx(full[4] / 2, abs=0.001)


def test_a_single_changed_sample_has_a_band_in_full_colour() -> None:
    recording = flat()
    spike = np.zeros(recording.signal.shape)
    spike[6, round(5.5 * 500)] = 1.0
    (band,), (wide,) = (bands(drawn(recording, part))
                        for part in (spike, marks("V1", 5.2, 5.4, recording)))  # fmt: skip
    assert band[4] == wide[4]
    assert 0.45 <= band[1] - band[0] <= 0.55


def test_bands_lie_behind_grid_and_traces_and_brackets_before_them() -> None:
    recording = flat()
    part = marks("V1", 5.2, 5.4, recording)
    root = drawn(recording, part, part > 0)
    order = list(root.iter(f"{SVG}path"))
    (band,), (bracket,) = (outlines(root, kind) for kind in ("band", "bracket"))
    traces = [order.index(path) for path in outlines(root, "trace")]
    assert order.index(band) < order.index(outlines(root, "minor")[0]) < min(traces)
    assert order.index(bracket) > max(traces)


@pytest.mark.parametrize("fs", [250.0, 500.0])
@pytest.mark.parametrize("lead", ["I", "V1", "V6"])
def test_a_rule_is_a_closed_bracket_at_the_foot_of_its_row(fs: float, lead: str) -> None:
    recording, start = flat(fs), 2.5 * COLUMN[lead] + 1.0
    root = drawn(recording, rule=marks(lead, start, start + 0.148, recording) > 0)
    ((left, right, bottom, begins, ends),) = brackets(root)
    assert left == pytest.approx(5.5 + 25 * start)
    assert right - left == pytest.approx(25 * 0.148, abs=0.01)
    row = rows(root)[STANDARD_LEADS.index(lead) % 3]
    assert row[1] - 1 < bottom < row[1]
    assert begins
    assert ends


def test_a_bracket_that_goes_on_beyond_its_column_is_open_there() -> None:
    recording = flat()
    found = brackets(drawn(recording, rule=marks("V1", 4.0, 9.0, recording) > 0))
    assert [bracket[:2] + bracket[3:] for bracket in found] == [(130.5, 193.0, False, False)]
    found = brackets(drawn(recording, rule=marks("I", 0.0, 10.0, recording) > 0))
    assert [bracket[:2] + bracket[3:] for bracket in found] == [(5.5, 68.0, True, False)]


def test_no_trace_reaches_a_bracket() -> None:
    recording = make_recording()
    root = drawn(recording, rule=np.ones(recording.signal.shape, bool))
    lowest = {row: bottom for row, (_, bottom) in enumerate(rows(root))}
    plain = ET.fromstring(ecg_paper(recording))
    assert len(rows(plain)) == len(lowest) == 4
    for cell in (g for g in root.iter(f"{SVG}g") if g.get("class") == "cell"):
        path = next(p for p in cell if p.get("class") == "trace")
        start, _, steps = path.get("d", "M0 0l").partition("l")
        moves = [float(n) for n in re.findall(r"-?[\d.]+", steps)]
        deepest = float(start.split()[1]) + max(0.0, np.cumsum(moves[1::2]).max())
        row = int(path.get("clip-path", "").rstrip(")").rpartition("-")[2])
        assert deepest <= lowest[row] - 0.9


def test_the_traces_are_those_of_the_ecg_paper() -> None:
    recording = make_recording()
    steps = [[path.get("d", "").partition("l")[2] for path in root.iter(f"{SVG}path")
              if path.get("class") == "trace"]
             for root in (drawn(recording), ET.fromstring(ecg_paper(recording)))]  # fmt: skip
    assert len(steps[0]) == 13
    assert steps[0] == steps[1]


def test_twelve_rows_show_each_lead_for_ten_seconds() -> None:
    recording = flat()
    layout: Layout = "12x1"
    part = marks("V6", 1.0, 1.1, recording)
    root = drawn(recording, part, part > 0, layout=layout)
    assert len(rows(root)) == 12
    assert [band[0] for band in bands(root)] == [bracket[0] for bracket in brackets(root)] == [30.5]


def test_the_words_say_what_is_shown_and_that_it_is_simulated() -> None:
    recording = flat()
    part = marks("V1", 5.2, 5.4, recording)
    root = drawn(recording, part, part > 0)
    for text in (TITLE, SUBTITLE, "simulated: not for clinical use", "what the diagnosis changes",
                 "where its rule is read", "25 mm/s", "SIM000012"):  # fmt: skip
        assert text in words(root)
    spoken = root.findtext(f"{SVG}title") or ""
    assert TITLE in spoken
    assert "not for clinical use" in spoken


def test_a_sheet_with_nothing_to_mark_says_so_and_marks_nothing() -> None:
    root = drawn(flat())
    assert bands(root) == brackets(root) == []
    assert "the diagnosis changes nothing" in words(root)
    assert "its rule is read nowhere" in words(root)
    assert "simulated: not for clinical use" in words(root)


def test_markup_in_title_and_subtitle_stays_text() -> None:
    root = drawn(flat(), title="<b>&A</b>", subtitle='x < 3 & "y"')
    assert "<b>&A</b>" in words(root)
    assert 'x < 3 & "y"' in words(root)


def test_two_sheets_on_a_page_share_no_id() -> None:
    one, other = (
        {element.get("id") for element in drawn(flat(), name=name).iter()} - {None}
        for name in ("a", "b")
    )
    assert one
    assert not one & other


def test_the_ground_is_white_everywhere() -> None:
    root = drawn(flat())
    ground = next(root.iter(f"{SVG}rect"))
    width, height = (float(root.get(side, "").removesuffix("mm")) for side in ("width", "height"))
    assert (float(ground.get("width", "")), float(ground.get("height", ""))) == (width, height)
    assert ground.get("fill") == "#fff"


def test_a_busy_sheet_at_500_hz_is_small_enough_for_the_documentation() -> None:
    recording = make_recording()
    changes = np.repeat(np.random.default_rng(0).uniform(size=(12, 250)), 20, axis=1)
    rule = np.broadcast_to(np.arange(5000) % 400 < 60, (12, 5000))
    assert len(evidence_svg(recording, changes, rule, TITLE, SUBTITLE).encode()) < 140_000
    beats = np.where(rule, changes, 0.0)
    assert len(evidence_svg(recording, beats, rule, TITLE, SUBTITLE).encode()) < 120_000


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_difference_outside_0_to_1_is_refused(value: float) -> None:
    recording = flat()
    difference = np.zeros(recording.signal.shape)
    difference[3, 7] = value
    with pytest.raises(ConfigError, match=rf"difference holds {value:g} for SIM000012"):
        drawn(recording, difference)


def test_arrays_of_another_length_than_the_recording_are_refused() -> None:
    longer = np.zeros((12, 6000))
    with pytest.raises(ConfigError, match=r"difference of shape \(12, 6000\) for SIM000012"):
        drawn(flat(), longer, longer > 0)
