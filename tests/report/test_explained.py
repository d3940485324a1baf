"""One explained ECG: what stands on the paper and beside it."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import numpy as np
import pytest
from plain_settings import plain_settings

from leadlens.bundle import HeldOut
from leadlens.ecg.leads import LIMB_FROM_I_II, STANDARD_LEADS
from leadlens.ecg.measurements import measure
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, SignalError
from leadlens.evaluation.skill import Skill
from leadlens.explain.attribution import Attribution
from leadlens.explain.waves import WAVES
from leadlens.report.explained import ExplainedEcg, explained_ecg
from leadlens.report.median_beat import median_beat

SVG = "{http://www.w3.org/2000/svg}"
Make = Callable[..., Attribution]
AF = "164889003"


def ecg(rr: float = 1.0, axis: float = 0.0) -> Recording:
    """Return 6 s of plain beats at 500 Hz: P 160 ms before a QRS, T 260 ms after it."""
    time = np.arange(round(500 * rr)) / 500.0
    shape = np.zeros(len(time))
    for at, width, height in ((0.2, 0.02, 0.15), (0.36, 0.012, 1.0), (0.62, 0.05, 0.3)):
        shape += height * np.exp(-0.5 * ((time - at) / width) ** 2)
    one = np.resize(shape, 3000)
    angle = np.radians(axis)
    avf = np.sin(angle) * np.sqrt(3.0) / 2.0
    lead_i = np.cos(angle)
    limb = LIMB_FROM_I_II @ np.stack([lead_i * one, (avf + lead_i / 2.0) * one])
    chest = np.linspace(-0.6, 1.2, 6)[:, None] * one
    return Recording(np.concatenate([limb, chest]).astype(np.float32), 500.0, STANDARD_LEADS, "r")


def explain(
    attribution: Attribution,
    layout: str = "3x4",
    held_out: HeldOut | None = None,
    **settings: object,
) -> ExplainedEcg:
    made = plain_settings(**{"pieces": "waves", **settings})
    return explained_ecg(ecg(), attribution, AF, 0.5, made, layout=layout, held_out=held_out)


def band_count(svg: str) -> int:
    legend = svg.index("</g>")
    return len(re.findall('class="band"', svg[legend:]))


def test_only_parts_whose_interval_excludes_zero_are_coloured(attribution_of: Make) -> None:
    values = np.full(42, 0.1)
    assert band_count(explain(attribution_of(values, 0.2), "12x1").svg) == 0
    values[8] = 3.0
    said = explain(attribution_of(values, 0.2), "12x1").svg
    assert band_count(said) == 1
    assert "no colour where the 95 % interval contains 0" in said


def test_without_a_known_error_everything_is_coloured_and_no_interval_is_drawn(
    attribution_of: Make,
) -> None:
    said = explain(attribution_of(np.linspace(-1, 1.5, 42), 0.0), method="mine:gradients")
    assert band_count(said.svg) > 2
    assert "interval" not in said.svg
    assert dict(said.facts)["standard error"] == "not known for this method"


def test_a_strong_timing_makes_weak_shapes_pale(attribution_of: Make) -> None:
    values = np.append(np.zeros(42), [10.0, 0.0, 0.0, 0.0])
    values[8] = 1.0
    said = explain(attribution_of(values, 0.01, timing=True), "12x1", timing=True)
    assert "full colour: \u00b110)" in said.svg
    opacities = set(
        re.findall(r'fill-opacity="([\d.]+)"[^>]*class="band"', said.svg.split("</g>", 1)[1])
    )
    assert opacities == {"0.065"}


def test_a_withheld_explanation_has_its_reason_on_the_paper_and_no_panels(
    attribution_of: Make,
) -> None:
    said = explain(attribution_of(np.ones(42), r2=0.2))
    assert said.is_withheld
    assert said.panels == ()
    assert "Explanation withheld: the surrogate gives 20%" in said.svg
    assert dict(said.facts)["gates"].startswith("closed: the surrogate gives 20%")
    assert band_count(said.svg) == 0


@pytest.mark.parametrize(
    ("auroc", "p", "n", "is_withheld", "said"),
    [
        (0.95, 1e-6, 20, False, "AUROC 0.950 (20 with it, 300 without), on 320 others"),
        (0.55, 0.2, 20, True, "AUROC 0.550 (20 with it, 300 without), on 320 others"),
        (0.95, 0.02, 3, False, "not known: too few recordings (3 with it, 300 without) among"),
        (None, None, 0, False, "not known: too few recordings (0 with it, 300 without) among"),
    ],
)
def test_skill_on_unseen_ecgs_is_said_and_withholds_where_there_is_none(
    attribution_of: Make,
    auroc: float | None,
    p: float | None,
    n: int,
    is_withheld: bool,
    said: str,
) -> None:
    skill = Skill(n_positive=n, n_negative=300, auroc=auroc, p=p)
    shown = explain(attribution_of(np.ones(42)), held_out=HeldOut(on="320 others", skills=(skill,)))
    assert shown.is_withheld == is_withheld
    assert dict(shown.facts)["skill on unseen ECGs"].startswith(said)
    assert ("does not tell it from chance (AUROC 0.55)" in shown.sentence) == is_withheld


def test_a_model_that_was_not_tested_is_shown_with_its_skill_unknown(attribution_of: Make) -> None:
    shown = explain(attribution_of(np.ones(42)))
    assert not shown.is_withheld
    assert dict(shown.facts)["skill on unseen ECGs"].startswith("not known: the model was not")


def test_the_median_beat_is_coloured_where_its_waves_are(attribution_of: Make) -> None:
    values = np.zeros(42)
    values[6 * 2 + WAVES.index("QRS")] = 2.0
    said = explain(attribution_of(values, 0.1), layout="median")
    root = ET.fromstring(said.svg)
    legend = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "legend")
    inside = set(legend.iter())
    (band,) = [p for p in root.iter(f"{SVG}path") if p.get("class") == "band" and p not in inside]
    left, right = map(float, re.match(r"M([\d.]+) [\d.]+H([\d.]+)", band.get("d", "")).groups())
    cell = 5.5 + 40.0  # V2 is the second of its row
    # The QRS begins 0.46 s into the beat: 11.5 mm.
    assert left - cell == pytest.approx(11.5, abs=0.4)
    assert 1.0 < right - left < 3.5
    assert "Median of 6 beats" in said.svg or "Median of 5 beats" in said.svg


def test_a_median_beat_needs_waves_and_beats(attribution_of: Make) -> None:
    segments = attribution_of(np.ones(21), pieces="segments", n_segments=3)
    with pytest.raises(ConfigError, match="pieces=waves"):
        explain(segments, layout="median", pieces="segments")
    flat = Recording(np.zeros((12, 3000), np.float32), 500.0, STANDARD_LEADS, "r")
    with pytest.raises(SignalError, match="no median beat"):
        median_beat(flat, measure(flat))


def test_the_median_beat_ends_where_its_neighbours_begin() -> None:
    recording = ecg(rr=0.8)
    beat = median_beat(recording, measure(recording))
    known = np.flatnonzero(~np.isnan(beat.recording.signal[1])) / 500.0 - 0.46
    assert known[0] < -0.2
    # The P of the next beat begins about 0.2 s before its QRS.
    assert 0.5 < known[-1] < 0.64
    waves = [WAVES[i] for i in np.unique(beat.wave_of)]
    assert waves == list(WAVES)


def test_a_beat_without_p_has_none_in_the_median() -> None:
    recording = ecg()
    beat = median_beat(recording, measure(recording), has_p=False)
    assert WAVES.index("P") not in beat.wave_of
    assert WAVES.index("QRS") in beat.wave_of


@pytest.mark.parametrize("axis", [-60.0, 20.0, 130.0])
def test_the_dial_shows_the_measured_axis(attribution_of: Make, axis: float) -> None:
    settings = plain_settings(pieces="waves")
    said = explained_ecg(ecg(axis=axis), attribution_of(np.ones(42)), AF, 0.5, settings)
    found = re.search(r"QRS axis ([\u2212\d]+)\u00b0", said.panels[-1])
    assert found is not None
    assert float(found.group(1).replace("\u2212", "-")) == pytest.approx(axis, abs=6)


def test_players_that_follow_from_others_have_no_bar_value(attribution_of: Make) -> None:
    made = attribution_of(np.ones(48), lead_groups="independent")
    root = ET.fromstring(explain(made, lead_groups="independent").svg)
    titles = [
        g.findtext(f"{SVG}title") or "" for g in root.iter(f"{SVG}g") if g.get("class") == "bar"
    ]
    assert "III: \u2013" in titles
    assert "V1: +6.0" in titles


def test_the_facts_name_the_conditioning_and_the_way_it_was_made(attribution_of: Make) -> None:
    facts = dict(explain(attribution_of(np.ones(42))).facts)
    # All leads of this ECG are one signal.
    assert "infinite" in facts["conditioning"] or "nearly redundant" in facts["conditioning"]
    assert facts["limb-lead equations"] == "kept"
    assert facts["replacement"] == "isoelectric"
    assert facts["gates"].startswith("passed: surrogate R\u00b2 0.90")
