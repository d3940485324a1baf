"""The page of evidence: every diagnosis of every recording, once, in words and on paper."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from leadlens.ecg.diagnoses import diagnoses, diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.errors import ConfigError
from leadlens.report.evidence_figures import measured
from leadlens.report.evidence_page import evidence_page, grouped
from leadlens.simulate import Batch, CohortSettings, evidence_for, programme_batch
from leadlens.simulate.evidence import KINDS
from leadlens.simulate.programme import Truth

SYNONYMS = {"CRBBB": "RBBB", "CLBBB": "LBBB", "SVPB": "PAC", "VPB": "PVC", "LPR": "IAVB"}


def simulated(n: int = 60, **changes: object) -> Batch:
    settings = CohortSettings.model_validate({"n_recordings": n, "seed": 3, "fs": 50.0, **changes})
    return programme_batch(settings, np.arange(n))


@pytest.fixture(scope="module")
def batch() -> Batch:
    return simulated()


def row_with(batch: Batch, *names: str) -> int:
    """Return the first recording of the batch that has all of `names`."""
    return next(row for row, has in enumerate(batch.truth.names) if has.issuperset(names))


class Outline(HTMLParser):
    """What a page consists of: its ids, classes, links, and what it loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's id, and where it leads."""
        given = dict(attrs)
        self.tags.append(tag)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a":
            self.links.append(str(given["href"]))
        elif tag in ("link", "script", "img", "iframe") or "src" in given:
            self.loads.append(tag)


def headings(page: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<h3>(.*?)</h3>", page)]


def facts(page: str) -> list[tuple[str, str]]:
    return [
        (unescape(label), unescape(value))
        for label, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    ]


def test_every_diagnosis_of_every_recording_has_one_sheet_those_that_show_alike_together(
    batch: Batch,
) -> None:
    for row in (row_with(batch, "RBBB"), row_with(batch, "PVC"), row_with(batch, "IAVB")):
        page = evidence_page([(batch, row)])
        wanted = {SYNONYMS.get(name, name) for name in batch.truth.names[row]}
        found = [evidence_for(batch, row, name) for name in wanted]
        shown = {(f.difference.tobytes(), f.mask.tobytes(), f.rule.tobytes()) for f in found}
        assert page.count("<svg") == len(shown) == len(headings(page))
        for name in wanted:
            words = f"{diagnosis(name).name} ({name}"
            assert sum(words in heading for heading in headings(page)) == 1


def test_synonyms_share_a_sheet_that_names_both() -> None:
    names = sorted({item.abbreviation for item in diagnoses()})
    groups = grouped(names)
    assert sorted(name for group in groups for name in group) == names
    assert {group for group in groups if len(group) > 1} == {
        ("RBBB", "CRBBB"), ("LBBB", "CLBBB"), ("PAC", "SVPB"), ("PVC", "VPB"), ("IAVB", "LPR"),
    }  # fmt: skip


def test_a_synonym_alone_keeps_its_own_name() -> None:
    assert grouped(["LPR", "NSR"]) == (("NSR",), ("LPR",))


def test_synonyms_have_the_same_evidence_so_one_sheet_hides_nothing(batch: Batch) -> None:
    for other, name in SYNONYMS.items():
        row = row_with(batch, name, other)
        one, two = (evidence_for(batch, row, item) for item in (name, other))
        for part in ("difference", "mask", "rule"):
            assert np.array_equal(getattr(one, part), getattr(two, part))


def test_the_page_loads_nothing_and_no_id_is_there_twice(batch: Batch) -> None:
    page = evidence_page([(batch, row) for row in range(4)])
    outline = Outline(page)
    assert outline.loads == []
    assert re.findall(r"(?:src|@import|url)\s*[=(]\s*[\"']?(?!#)\S+", page) == []
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.links == [f"#SIM{row:06d}" for row in range(4)]
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)
    assert "not for clinical use" in page.partition("<section")[0]


def test_a_recording_is_described_in_words(batch: Batch) -> None:
    row = row_with(batch, "LBBB")
    said = dict(facts(evidence_page([(batch, row)]).partition("<article>")[0]))
    assert said["age"] == f"{batch.programme.age[row]:.0f} years"
    assert said["sex"] == ("male" if batch.programme.is_male[row] else "female")
    assert "left bundle branch block (LBBB = CLBBB)" in said["labels"]
    assert "bundle branch block, side unspecified (BBB)" in said["labels"]
    assert "criteria met" not in said
    assert "fault" not in said


def test_the_device_and_its_fault_are_named() -> None:
    batch = simulated(30, device="georgia", faults=1.0)
    is_off = batch.devices.lead_off >= 0
    off, exchanged = int(np.argmax(is_off)), int(np.argmin(is_off))
    said = dict(facts(evidence_page([(batch, off)])))
    assert said["fault"] == f"lead off: V{batch.devices.lead_off[off] + 1}"
    assert re.fullmatch(r"georgia, 0\.0?5 to 1[05]0 Hz, steps of 4\.88 \u00b5V", said["device"])
    said = dict(facts(evidence_page([(batch, exchanged)])))
    assert said["fault"] == batch.devices.fault_name(exchanged)
    assert said["fault"].endswith("swap")


def test_what_annotators_left_out_is_shown_and_said() -> None:
    batch = simulated(60, labels="annotator", device="ptb-xl")
    row = row_with(batch, "PVC", "VPB")  # PTB-XL has no code for them
    page = evidence_page([(batch, row)])
    said = dict(facts(page))
    assert "ventricular" not in said["labels"]
    assert "premature ventricular contractions (PVC = VPB)" in said["criteria met"]
    assert "premature ventricular contractions (PVC = VPB)" in headings(page)


def test_what_is_nearly_met_is_said_and_what_is_narrowly_met_is_called_borderline(
    batch: Batch,
) -> None:
    row = row_with(batch, "SB")
    names = batch.truth.names
    near = Truth(names, (frozenset({"SB", "LAD"} - (names[row] - {"SB"})),) * len(names))
    page = evidence_page([(replace(batch, truth=near), row)])
    assert dict(facts(page))["nearly met"] == "left axis deviation (LAD)"
    (subtitle,) = re.findall(r"timing; \d+ beats/min; borderline<", page)
    nothing = Truth(names, (frozenset(),) * len(names))
    page = evidence_page([(replace(batch, truth=nothing), row)])
    assert "borderline" not in page
    assert subtitle.replace("; borderline", "") in page
    assert "nearly met" not in page


def test_the_sheets_figures_are_those_of_the_evidence(batch: Batch) -> None:
    row = row_with(batch, "RBBB")
    found = evidence_for(batch, row, "RBBB")
    page = evidence_page([(batch, row)])
    article = next(
        part
        for part in page.split("<article>")[1:]
        if "(RBBB = CRBBB)" in part.partition("</h3>")[0]
    )
    said = dict(facts(article))
    for label, part, whole in (
        ("mask", found.mask, found.mask.size),
        ("rule", found.rule, found.rule.size),
        ("of it secondary", found.secondary, found.mask.sum()),
    ):
        share = float(said[label].partition(" %")[0])
        assert share == pytest.approx(100 * part.sum() / whole, abs=0.051)
    assert said["rule"].endswith(" %, in I, aVL, V1, V2, V5, V6")
    assert said["full colour from"] == f"{found.scale:.2f} mV"
    assert f"additive; QRS {1000 * batch.programme.beats.qrs_duration[row]:.0f} ms" in article


def test_all_kinds_are_explained_and_named(batch: Batch) -> None:
    page = evidence_page([(batch, row_with(batch, "AF"))])
    said = facts(page)
    assert ("consists in", "additive, absence, timing") in said
    assert {kind for kinds in KINDS.values() for kind in kinds} <= {label for label, _ in said}


_FIGURES = {
    "NSR": r"\d+ beats/min", "SB": r"\d+ beats/min", "STach": r"1\d\d beats/min",
    "Brady": r"[345]\d beats/min|60 beats/min", "SA": r"RR varies by \d+ ms",
    "AF": r"\d+ beats/min, RR varies by \d+ ms", "AFL": r"F waves [23]\d\d/min, \d+ beats/min",
    "PR": r"\d+ paced beats?", "PAC": r"\d+ premature beats?", "SVPB": r"\d+ premature beats?",
    "PVC": r"\d+ premature beats?", "VPB": r"\d+ premature beats?", "IAVB": r"PR [2-4]\d\d ms",
    "LPR": r"PR [2-4]\d\d ms", "RBBB": r"QRS 1[2-9]\d ms", "CRBBB": r"QRS 1[2-9]\d ms",
    "LBBB": r"QRS 1[2-9]\d ms", "CLBBB": r"QRS 1[2-9]\d ms", "BBB": r"QRS 1[2-9]\d ms",
    "IRBBB": r"QRS 1[12]\d ms", "NSIVCB": r"QRS 1[1-9]\d ms", "LAnFB": r"axis \u2212\d+\u00b0",
    "LAD": r"axis \u2212\d+\u00b0", "RAD": r"axis \u2212?\d+\u00b0", "LQT": r"QTc [4-6]\d\d ms",
    "LQRSV": r"(limb|chest) leads up to 0\.\d\d mV.*",
    "QAb": r"Q in (I|II|aVL|aVF|V\d) \d+ ms, \d\.\d\d mV deep", "PRWP": r"R in V3 0\.[0-3]\d mV",
    "TAb": r"T in (I|II|aVL|aVF|V\d) \u2212?0\.\d\d mV( behind an R of \d\.\d mV)?",
    "TInv": r"T in (I|II|aVL|aVF|V\d) \u2212[01]\.\d\d mV",
}  # fmt: skip


def test_each_diagnosis_comes_with_the_value_that_makes_it() -> None:
    many = simulated(200)
    assert set(_FIGURES) == {item.abbreviation for item in diagnoses()}
    for name, pattern in _FIGURES.items():
        rows = [row for row, names in enumerate(many.truth.names) if name in names]
        assert rows
        for row in rows:
            assert re.fullmatch(pattern, measured(many, row, name)), (name, row)


def test_the_lead_named_for_a_low_t_or_a_q_is_one_in_which_the_criterion_is_met() -> None:
    many = simulated(200)
    found = many.programme.beats.measures
    is_low = found.t_wave < np.maximum(0.05, 0.1 * found.r_wave)
    is_q = (found.q_duration >= 0.020) & (found.q_depth >= 0.1)
    for row, names in enumerate(many.truth.names):
        for name, is_met in (("TAb", is_low), ("QAb", is_q)):
            if name in names:
                lead = measured(many, row, name).split()[2]
                assert is_met[row, STANDARD_LEADS.index(lead)], (name, row, lead)


def test_a_recording_with_none_of_the_diagnoses_is_drawn_without_evidence(batch: Batch) -> None:
    nothing = (frozenset[str](),) * len(batch)
    page = evidence_page([(replace(batch, truth=Truth(nothing, nothing)), 0)])
    assert page.count("<svg") == 1
    assert "None of the 30 diagnoses" in page
    assert Outline(page).ids.count("SIM000000") == 1


def test_no_recordings_and_one_that_is_there_twice_are_refused(batch: Batch) -> None:
    with pytest.raises(ConfigError, match="without recordings"):
        evidence_page([])
    with pytest.raises(ConfigError, match="SIM000001 is there twice"):
        evidence_page([(batch, 1), (batch, 1)])
