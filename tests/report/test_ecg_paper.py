import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadlens.ecg.leads import CHEST_LEADS, LIMB_LEADS, STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.report.ecg_paper import Layout, Overlay, ecg_paper

SVG = "{http://www.w3.org/2000/svg}"
BLUE, ORANGE = "#2166ac", "#e66101"


def flat(fs: float = 100.0, seconds: float = 10.0, **changes: object) -> Recording:
    signal = np.zeros((12, round(fs * seconds)), dtype=np.float32)
    return replace(Recording(signal, fs, STANDARD_LEADS, "r1"), **changes)


def noisy(fs: float, seconds: float = 10.0, seed: int = 0) -> Recording:
    signal = np.random.default_rng(seed).normal(0, 0.3, (12, round(fs * seconds)))
    return flat(fs, seconds, signal=signal.astype(np.float32))


def overlay_of(evidence: np.ndarray, **changes: object) -> Overlay:
    return replace(Overlay(evidence, "evidence for AF", evidence.sum(axis=1)), **changes)


def points(path: str) -> np.ndarray:
    """Return the corners of a trace: a start, then relative steps, all pieces joined."""
    corners = []
    for piece in path.split("M")[1:]:
        start, _, steps = piece.partition("l")
        x, y = (float(number) for number in start.split())
        moves = [float(number) for number in re.findall(r"-?[\d.]+", steps)]
        corners.append([x, y])
        for dx, dy in zip(moves[::2], moves[1::2], strict=True):
            x, y = x + dx, y + dy
            corners.append([x, y])
    return np.array(corners)


def cells(svg: str) -> list[tuple[str, ET.Element]]:
    root = ET.fromstring(svg)
    return [(g.get("data-lead", ""), g) for g in root.iter(f"{SVG}g") if g.get("class") == "cell"]


def trace(svg: str, lead: str, which: int = 0) -> np.ndarray:
    cell = [g for name, g in cells(svg) if name == lead][which]
    return points(next(p.get("d", "") for p in cell if p.get("class") == "trace"))


def bands(svg: str) -> list[ET.Element]:
    root = ET.fromstring(svg)
    legend = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "legend")
    inside = set(legend.iter())
    return [p for p in root.iter(f"{SVG}path") if p.get("class") == "band" and p not in inside]


def bars(svg: str) -> dict[str, ET.Element]:
    groups = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("class") == "bar"]
    named = {(g.findtext(f"{SVG}title") or "").partition(":")[0]: g for g in groups}
    assert len(named) == len(groups)
    return named


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("layout", ["3x4", "12x1"])
@pytest.mark.parametrize("fs", [100.0, 257.0, 500.0])
def test_one_millivolt_is_ten_millimetres_up(fs: float, layout: Layout) -> None:
    recording = flat(fs)
    signal = np.array(recording.signal)
    signal[1, round(fs) : round(1.5 * fs)] = 1.0
    drawn = trace(ecg_paper(replace(recording, signal=signal), layout=layout), "II")
    base, peak = drawn[0, 1], drawn[:, 1].min()
    assert base - peak == pytest.approx(10, abs=0.011)
    assert drawn[:, 1].max() == pytest.approx(base, abs=0.011)


@pytest.mark.parametrize("layout", ["3x4", "12x1"])
@pytest.mark.parametrize("fs", [100.0, 500.0])
def test_one_second_is_twenty_five_millimetres(fs: float, layout: Layout) -> None:
    recording = flat(fs)
    signal = np.array(recording.signal)
    signal[:, [round(0.5 * fs), round(1.5 * fs)]] = 1.0
    drawn = trace(ecg_paper(replace(recording, signal=signal), layout=layout), "I")
    peaks = drawn[drawn[:, 1] < drawn[0, 1] - 9.9, 0]
    assert peaks.max() - peaks.min() == pytest.approx(25, abs=0.02)


def test_the_size_is_in_millimetres_and_so_is_the_view_box() -> None:
    root = ET.fromstring(ecg_paper(flat(), overlay_of(np.ones((12, 1000))), title="t"))
    width, height = root.get("width", ""), root.get("height", "")
    assert root.get("viewBox") == f"0 0 {width.removesuffix('mm')} {height.removesuffix('mm')}"
    assert float(width.removesuffix("mm")) <= 277
    major = next(p for p in root.iter(f"{SVG}path") if p.get("class") == "major").get("d", "")
    lines = sorted(float(x) for x in re.findall(r"M([\d.]+) [\d.]+v", major))
    assert {round(b - a, 2) for a, b in pairwise(lines)} == {5.0}


def test_the_calibration_pulse_is_one_millivolt() -> None:
    root = ET.fromstring(ecg_paper(flat()))
    pulses = [p.get("d", "") for p in root.iter(f"{SVG}path") if p.get("class") == "calibration"]
    assert len(pulses) == 4
    assert all("v-10h4v10" in pulse for pulse in pulses)


def test_three_by_four_has_each_lead_in_its_own_place_and_time() -> None:
    fs, recording = 100, flat(100)
    signal = np.array(recording.signal)
    for row in range(12):
        signal[row, 250 * (row // 3) + 100] = 0.5 + 0.1 * row
    svg = ecg_paper(replace(recording, signal=signal))
    baselines = {}
    for row, lead in enumerate(STANDARD_LEADS):
        drawn = trace(svg, lead)
        top = drawn[drawn[:, 1].argmin()]
        assert top[0] == pytest.approx(5.5 + 62.5 * (row // 3) + 25 * 100 / fs, abs=0.011)
        assert drawn[0, 1] - top[1] == pytest.approx(5 + row, abs=0.011)
        baselines.setdefault(row % 3, set()).add(drawn[0, 1])
    assert all(len(same) == 1 for same in baselines.values())
    rhythm = trace(svg, "II", which=1)
    assert rhythm[0, 1] > max(max(same) for same in baselines.values())
    assert np.ptp(rhythm[:, 0]) == pytest.approx(249.75, abs=0.02)


def test_twelve_by_one_has_every_lead_for_ten_seconds_from_top_to_bottom() -> None:
    svg = ecg_paper(flat(), layout="12x1")
    assert tuple(name for name, _ in cells(svg)) == STANDARD_LEADS
    drawn = [trace(svg, lead) for lead in STANDARD_LEADS]
    assert all(np.ptp(lead[:, 0]) == pytest.approx(249.75, abs=0.02) for lead in drawn)
    assert np.all(np.diff([lead[0, 1] for lead in drawn]) > 0)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_missing_lead_says_not_recorded_and_has_no_trace(is_named: bool) -> None:
    recording = noisy(100)
    signal = np.array(recording.signal)
    signal[7] = np.nan
    keep = [row for row in range(12) if is_named or row != 7]
    names = tuple(STANDARD_LEADS[row] for row in keep)
    svg = ecg_paper(replace(recording, signal=signal[keep], leads=names))
    for name, cell in cells(svg):
        said = "not recorded" in [text.text for text in cell.iter(f"{SVG}text")]
        classes = {path.get("class") for path in cell}
        assert said == ("absent" in classes) == ("trace" not in classes) == (name == "V2")


def test_a_gap_breaks_the_trace_and_is_never_bridged() -> None:
    recording = noisy(100)
    signal = np.array(recording.signal)
    signal[0, 50:150] = np.nan
    drawn = trace(ecg_paper(replace(recording, signal=signal)), "I")
    assert not np.any((drawn[:, 0] > 5.5 + 12.3) & (drawn[:, 0] < 5.5 + 37.4))
    path = next(p for p in cells(ecg_paper(replace(recording, signal=signal)))[0][1])
    assert path.get("d", "").count("M") == 2


def test_a_short_recording_still_shows_its_chest_leads() -> None:
    svg = ecg_paper(noisy(100, seconds=4))
    assert all(trace(svg, lead).size for lead in STANDARD_LEADS)
    assert trace(svg, "V6")[0, 0] == pytest.approx(5.5 + 3 * 62.5)
    assert any("columns of 2.5 s from 0, 1.5, 1.5, 1.5 s" in text for text in texts(svg))


def test_a_long_recording_shows_ten_seconds_and_says_so() -> None:
    svg = ecg_paper(noisy(100, seconds=30), layout="12x1")
    assert np.ptp(trace(svg, "V1")[:, 0]) == pytest.approx(249.75, abs=0.02)
    assert any("first 10 s of 30 s shown" in text for text in texts(svg))


def test_relative_units_claim_no_millivolts_and_fit() -> None:
    recording = noisy(100)
    scales = np.geomspace(1e-3, 1e4, 12).astype(np.float32)[:, None]
    svg = ecg_paper(replace(recording, signal=recording.signal * scales, units="relative"))
    assert "amplitude in relative units" in svg
    assert "mV" not in svg
    assert "calibration" not in svg
    assert all(8 < np.ptp(trace(svg, lead)[:, 1]) <= 20.02 for lead in STANDARD_LEADS)


def test_a_lead_beyond_four_millivolts_is_cut_at_its_row_and_named() -> None:
    recording = flat()
    signal = np.array(recording.signal)
    signal[6, 600] = 50.0
    svg = ecg_paper(replace(recording, signal=signal))
    root = ET.fromstring(svg)
    assert float(root.get("height", "").removesuffix("mm")) < 200
    assert "cut at the row's edge: V1" in texts(svg)[-1]
    used = {p.get("clip-path") for _, g in cells(svg) for p in g if p.get("class") == "trace"}
    known = {f"url(#{path.get('id')})" for path in root.iter(f"{SVG}clipPath")}
    assert used == known


def test_a_large_qrs_makes_its_row_higher_and_is_not_cut() -> None:
    recording = flat()
    signal = np.array(recording.signal)
    signal[6, 600], signal[6, 605] = 3.4, -3.2
    svg = ecg_paper(replace(recording, signal=signal))
    region = next(ET.fromstring(svg).iter(f"{SVG}clipPath"))[0]
    top, height = float(region.get("y", "")), float(region.get("height", ""))
    drawn = trace(svg, "V1")[:, 1]
    assert top <= drawn.min()
    assert drawn.max() <= top + height
    assert "cut at" not in svg


def test_opposite_evidence_has_the_two_colours_at_one_strength() -> None:
    evidence = np.zeros((12, 1000))
    evidence[0, 20:40], evidence[8, 600:620] = 0.3, -0.3
    drawn = bands(ecg_paper(flat(), overlay_of(evidence)))
    assert {(p.get("fill"), p.get("fill-opacity")) for p in drawn} == {
        (BLUE, "0.650"),
        (ORANGE, "0.650"),
    }


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-1, 1), factor=st.floats(1e-6, 1e6))
def test_mirrored_evidence_swaps_the_colours_and_scale_does_not_matter(
    seed: int, shift: float, factor: float
) -> None:
    evidence = np.random.default_rng(seed).normal(shift, 1, (12, 250))
    recording = flat(25)

    def outlines(values: np.ndarray) -> dict[tuple[str | None, str | None], str | None]:
        drawn = bands(ecg_paper(recording, overlay_of(values)))
        return {(p.get("fill"), p.get("fill-opacity")): p.get("d") for p in drawn}

    swap = {BLUE: ORANGE, ORANGE: BLUE}
    straight = outlines(evidence)
    mirrored = outlines(-evidence * factor)
    assert {(swap[fill or ""], opacity): d for (fill, opacity), d in mirrored.items()} == straight


def test_bands_lie_under_the_evidence_behind_the_trace_in_one_scale() -> None:
    evidence = np.zeros((12, 1000))
    evidence[0, 20:40], evidence[9, 800:820] = 1.0, 0.1
    svg = ecg_paper(flat(), overlay_of(evidence))
    strong, weak = sorted(bands(svg), key=lambda p: -float(p.get("fill-opacity", "")))
    assert float(weak.get("fill-opacity", "")) == pytest.approx(0.065)
    assert (strong.get("d") or "").startswith("M10.5 ")
    assert "H15.5" in (strong.get("d") or "")
    assert (weak.get("d") or "").startswith(f"M{5.5 + 187.5 + 12.5:g} ")
    order = [e.get("class") for e in ET.fromstring(svg).iter()]
    assert order.index("band") < order.index("major") < order.index("trace")


def test_no_evidence_draws_no_band_and_says_zero() -> None:
    svg = ecg_paper(flat(), overlay_of(np.zeros((12, 1000))))
    assert bands(svg) == []
    assert any("all zero" in text for text in texts(svg))


def test_unknown_evidence_counts_as_none() -> None:
    evidence = np.full((12, 1000), np.nan)
    assert bands(ecg_paper(flat(), overlay_of(evidence))) == []


def test_the_legend_names_both_directions() -> None:
    words = texts(ecg_paper(flat(), overlay_of(np.ones((12, 1000)))))
    assert {"for", "against"} <= set(words)
    assert any(word.startswith("evidence for AF") for word in words)


def test_bars_are_signed_and_share_one_scale() -> None:
    totals = np.linspace(-2.0, 2.0, 12)
    svg = ecg_paper(flat(), overlay_of(np.ones((12, 1000)), lead_totals=totals))
    drawn = bars(svg)
    assert tuple(drawn) == STANDARD_LEADS
    middle = 255.5 + 1 + 19.5 / 2
    for lead, total in zip(STANDARD_LEADS, totals, strict=True):
        bar = drawn[lead].find(f"{SVG}rect")
        assert bar is not None
        left, width = float(bar.get("x", "")), float(bar.get("width", ""))
        assert bar.get("fill") == (ORANGE if total > 0 else BLUE)
        assert width == pytest.approx(9.75 * abs(total) / 2, abs=0.011)
        assert (left if total > 0 else left + width) == pytest.approx(middle, abs=0.011)


@pytest.mark.parametrize("layout", ["3x4", "12x1"])
def test_tied_leads_share_one_bar_with_their_sum(layout: Layout) -> None:
    totals = np.array([1.0, 2, -0.5, 0.5, 0, 0, 1, 1, 1, 1, 1, 1])
    overlay = overlay_of(np.ones((12, 1000)), lead_totals=totals, tied_leads=(LIMB_LEADS,))
    drawn = bars(ecg_paper(flat(), overlay, layout=layout))
    assert tuple(drawn) == ("frontal plane", *CHEST_LEADS)
    widths = {name: float(bar.find(f"{SVG}rect").get("width")) for name, bar in drawn.items()}
    assert widths["frontal plane"] == pytest.approx(3 * widths["V1"], abs=0.02)
    assert len(drawn["frontal plane"].findall(f"{SVG}rect")) == 1


def test_an_overlay_of_another_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(ConfigError, match=r"\(12, 999\).*\(12, 1000\)"):
        ecg_paper(flat(), overlay_of(np.ones((12, 999))))


@pytest.mark.parametrize("tied", [(("I", "V9"),), (("I", "II"), ("II", "III"))])
def test_tied_leads_that_are_unknown_or_twice_are_refused(
    tied: tuple[tuple[str, ...], ...],
) -> None:
    with pytest.raises(ConfigError, match=r"V9|'II'"):
        ecg_paper(flat(), overlay_of(np.ones((12, 1000)), tied_leads=tied))


@settings(max_examples=25, deadline=None)
@example(text="\x08\ufffe\u4e2d")
@given(text=st.text(max_size=30))
def test_any_text_gives_valid_xml_that_reads_the_same(text: str) -> None:
    overlay = replace(overlay_of(np.ones((12, 250))), label=text)
    svg = ecg_paper(flat(25, record_id=f"<&>{text}"), overlay, title=f"]]>{text}")
    drawn = "".join(texts(svg))
    assert "<&>" in drawn
    if text.isprintable():
        assert f"record <&>{text}" in drawn
        assert f"]]>{text}" in drawn


@settings(max_examples=8, deadline=None)
@given(
    fs=st.floats(20, 1100),
    seconds=st.floats(0.1, 13),
    layout=st.sampled_from(["3x4", "12x1"]),
    seed=st.integers(0, 99),
)
def test_any_rate_and_length_gives_valid_xml_inside_the_paper(
    fs: float, seconds: float, layout: Layout, seed: int
) -> None:
    n_samples = max(1, round(fs * seconds))
    rng = np.random.default_rng(seed)
    signal = rng.normal(0, 1, (12, n_samples)).astype(np.float32)
    signal[rng.random(signal.shape) < 0.05] = np.nan
    recording = Recording(signal, fs, STANDARD_LEADS, "r")
    svg = ecg_paper(recording, overlay_of(np.nan_to_num(signal)), layout=layout)
    for _, cell in cells(svg):
        for path in cell:
            if path.get("class") == "trace":
                x = points(path.get("d", ""))[:, 0]
                assert x.min() > 5.49
                assert x.max() < 255.51


def test_the_peaks_of_a_fast_recording_survive_thinning() -> None:
    recording = noisy(1000)
    drawn = trace(ecg_paper(recording, layout="12x1"), "V3")[:, 1]
    assert np.ptp(drawn) == pytest.approx(10 * np.ptp(recording.signal[8]), abs=0.03)
    assert len(drawn) < 2600


@pytest.mark.parametrize("layout", ["3x4", "12x1"])
def test_ten_seconds_at_500_hz_with_an_overlay_stay_below_400_kb(layout: Layout) -> None:
    recording = noisy(500)
    evidence = np.random.default_rng(1).normal(size=(12, 5000))
    assert len(ecg_paper(recording, overlay_of(evidence), layout=layout)) < 400_000


def test_the_same_recording_gives_the_same_svg() -> None:
    overlay = overlay_of(np.ones((12, 1000)))
    assert ecg_paper(noisy(100), overlay) == ecg_paper(noisy(100), overlay)


def test_two_names_share_no_id_and_every_rule_is_limited_to_its_drawing() -> None:
    first, second = (ecg_paper(noisy(100), name=name) for name in ("one", "two"))
    ids = [set(re.findall(r' id="([^"]*)"', svg)) for svg in (first, second)]
    assert ids[0].isdisjoint(ids[1])
    assert "url(#two" not in first
    style = ET.fromstring(first).findtext(f"{SVG}style") or ""
    selectors = re.findall(r"(?:^|[{}])([^{}@]+)\{", style)
    assert selectors
    assert all(selector.startswith("#one") for s in selectors for selector in s.split(","))


@pytest.mark.parametrize("name", ["", "1a", "a b", 'a"b', "a\n"])
def test_a_name_that_cannot_be_an_id_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="becomes an id"):
        ecg_paper(flat(), name=name)


def test_an_unknown_layout_is_refused_with_those_allowed() -> None:
    with pytest.raises(Exception, match="6x2"):
        ecg_paper(flat(), layout="6x2")


def test_a_screen_reader_hears_the_title() -> None:
    root = ET.fromstring(ecg_paper(flat(), title="Sinus rhythm", name="x"))
    title = root.find(f"{SVG}title")
    assert title is not None
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == title.get("id")
    assert title.text == "Sinus rhythm"


def strips(svg: str) -> list[ET.Element]:
    root = ET.fromstring(svg)
    legend = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "legend")
    inside = set(legend.iter())
    return [p for p in root.iter(f"{SVG}path") if p.get("class") == "strip" and p not in inside]


def test_in_grey_print_a_strip_above_says_for_and_one_below_says_against() -> None:
    evidence = np.zeros((12, 1000))
    evidence[0, 20:40], evidence[0, 100:120], evidence[0, 60:80] = 1.0, -1.0, 0.1
    svg = ecg_paper(flat(), overlay_of(evidence))
    against, for_ = sorted(strips(svg), key=lambda p: p.get("stroke", ""))
    assert (against.get("stroke"), for_.get("stroke")) == (BLUE, ORANGE)
    heights = [
        float(re.match(r"M[\d.]+ ([\d.]+)", p.get("d", "")).group(1)) for p in (for_, against)
    ]
    region = next(ET.fromstring(svg).iter(f"{SVG}clipPath"))[0]
    top, height = float(region.get("y", "")), float(region.get("height", ""))
    assert heights == pytest.approx([top + 1.4, top + height - 1.4], abs=0.01)
    assert for_.get("d", "").count("M") == 1  # the weak band has none


def test_full_colour_is_for_the_given_scale_so_that_noise_alone_stays_pale() -> None:
    evidence = np.zeros((12, 1000))
    evidence[0, 20:40] = 0.2
    (band,) = bands(ecg_paper(flat(), overlay_of(evidence, scale=2.0)))
    assert band.get("fill-opacity") == "0.065"
    assert "full colour: \u00b12)" in ecg_paper(flat(), overlay_of(evidence, scale=2.0))


def test_without_evidence_over_time_there_are_bars_and_no_bands() -> None:
    overlay = Overlay(None, "evidence for AF", np.ones(12))
    svg = ecg_paper(flat(), overlay)
    assert bands(svg) == []
    assert tuple(bars(svg)) == STANDARD_LEADS
    assert "evidence for AF: see the bars" in texts(svg)


def test_bars_have_their_interval_and_are_hollow_where_it_contains_zero() -> None:
    totals = np.full(12, 2.0)
    halves = np.where(np.arange(12) == 3, 3.0, 0.5)
    overlay = overlay_of(np.ones((12, 1000)), lead_totals=totals, half_widths=halves)
    drawn = bars(ecg_paper(flat(), overlay))
    fills = {lead: bar.find(f"{SVG}rect").get("fill") for lead, bar in drawn.items()}
    assert fills == {lead: "#fff" if lead == "aVR" else ORANGE for lead in STANDARD_LEADS}
    lines = {}
    for lead, bar in drawn.items():
        path = next(p for p in bar.iter(f"{SVG}path") if p.get("class") == "interval")
        left, right = map(float, re.fullmatch(r"M([\d.]+) .*H([\d.]+)", path.get("d")).groups())
        lines[lead] = right - left
    assert lines["aVR"] == pytest.approx(6 * lines["V1"], abs=0.1)
    assert 'class="interval"' not in ecg_paper(flat(), overlay_of(np.ones((12, 1000))))


def test_tied_leads_have_the_interval_of_their_group() -> None:
    halves = np.where(np.arange(12) < 6, 3.0, 0.5)
    overlay = overlay_of(
        np.ones((12, 1000)), lead_totals=np.ones(12), half_widths=halves, tied_leads=(LIMB_LEADS,)
    )
    drawn = bars(ecg_paper(flat(), overlay))
    assert drawn["frontal plane"].find(f"{SVG}rect").get("fill") == ORANGE
    path = next(p for p in drawn["frontal plane"] if p.get("class") == "interval").get("d", "")
    left, right = map(float, re.fullmatch(r"M([\d.]+) .*H([\d.]+)", path).groups())
    assert right - left == pytest.approx(9.75 * 6 / 9, abs=0.02)


@pytest.mark.parametrize("layout", ["3x4", "12x1", "median"])
def test_cabrera_goes_round_the_plane_with_avr_upside_down(layout: Layout) -> None:
    recording = flat()
    signal = np.array(recording.signal)
    signal[3, 10:20], signal[3, 300:310] = -1.0, -1.0
    evidence = np.zeros((12, 1000))
    evidence[3, 20:24] = 1.0
    overlay = overlay_of(evidence, tied_leads=(LIMB_LEADS,))
    svg = ecg_paper(replace(recording, signal=signal), overlay, layout, order="cabrera")
    names = [name for name, _ in cells(svg)][:12]
    assert names == ["aVL", "I", "-aVR", "II", "aVF", "III", *CHEST_LEADS]
    drawn = trace(svg, "-aVR")[:, 1]
    assert np.median(drawn) - drawn.min() == pytest.approx(10, abs=0.02)
    assert "frontal plane" in bars(svg)
    assert len(bands(svg)) == 1


def test_an_unknown_order_is_refused_with_those_allowed() -> None:
    with pytest.raises(Exception, match="alphabetical"):
        ecg_paper(flat(), order="alphabetical")


def test_the_median_layout_has_limb_leads_above_chest_leads_at_the_same_scale() -> None:
    recording = flat(500, 1.12)
    signal = np.array(recording.signal)
    signal[:, 100:110], signal[:, 350:360] = 1.0, 1.0
    svg = ecg_paper(replace(recording, signal=signal), layout="median")
    drawn = {lead: trace(svg, lead) for lead in STANDARD_LEADS}
    assert tuple(name for name, _ in cells(svg)) == STANDARD_LEADS
    for lead in STANDARD_LEADS:
        base = np.median(drawn[lead][:, 1])
        peaks = drawn[lead][drawn[lead][:, 1] < base - 9.9, 0]
        assert base - drawn[lead][:, 1].min() == pytest.approx(10, abs=0.02)
        assert peaks.max() - peaks.min() == pytest.approx(25 * 259 / 500, abs=0.25)
    assert drawn["I"][0, 1] == drawn["aVF"][0, 1] < drawn["V1"][0, 1] == drawn["V6"][0, 1]
    assert drawn["II"][0, 0] - drawn["I"][0, 0] == pytest.approx(40, abs=0.01)


def test_a_note_is_printed_below_and_the_square_is_explained() -> None:
    words = texts(ecg_paper(flat(), note="Not a medical device."))
    assert words[-1] == "Not a medical device."
    assert any("small square 40 ms, 0.1 mV" in word for word in words)
