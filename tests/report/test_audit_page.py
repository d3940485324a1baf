"""The datasheet: one file, every finding in words, the worst as pictures."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from recordings import make_recording

from leadlens.data.audit import Audit, Finding
from leadlens.data.store import Store, open_store
from leadlens.ecg.recording import Recording
from leadlens.report.audit_page import LISTED, audit_page
from leadlens.report.audit_strips import strips_svg


def page_of(store: Store, *findings: Finding) -> str:
    return audit_page(Audit(store, findings, None, 1.0))


def test_a_page_without_findings_says_so_and_holds_the_datasheet(small_store: Store) -> None:
    page = page_of(small_store)
    assert "Nothing was found." in page
    assert "96 recordings" in page
    assert "not a medical device" in page
    assert "leakage was not looked for" in page
    for word in ("how collected", "preprocessing", "licence, citation", "uses", "limits"):
        assert word in page


def test_the_page_needs_no_other_file(small_store: Store) -> None:
    finding = Finding("flat lead", "warning", (small_store.keys[0],), "V2 is flat", leads=("V2",))
    page = page_of(small_store, finding)
    assert "<script" not in page
    assert "<link" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)


def test_the_worst_findings_have_pictures_and_the_others_a_line(small_store: Store) -> None:
    findings = [
        Finding("gain", "error", (key,), f"{key} is <large>") for key in small_store.keys[:5]
    ]
    page = page_of(small_store, *findings)
    assert page.count("<figure>") == 4
    assert page.count("<li>") == 1
    assert page.count("is &lt;large&gt;</figcaption>") == 4


def test_of_many_findings_the_page_says_how_many_more_there_are(small_store: Store) -> None:
    findings = [
        Finding("rhythms", "warning", (small_store.keys[0],), f"number {i}")
        for i in range(LISTED + 7)
    ]
    assert "And 7 more" in page_of(small_store, *findings)


def test_a_strip_is_valid_svg_with_both_recordings_and_their_scales() -> None:
    one = make_recording(fs=100)
    other = replace(make_recording(fs=100), record_id="OTHER", units="relative")
    svg = strips_svg((one, other), ("II", "V2"), "two copies", "pair")
    root = ElementTree.fromstring(svg)
    text = " ".join(root.itertext())
    assert root.get("id") == "pair"
    assert "test/R00000" in text
    assert "test/OTHER" in text
    assert text.count(" mV") == 2


@pytest.mark.parametrize("value", [np.nan, 0.25])
def test_a_lead_that_is_missing_or_flat_can_be_drawn(value: float) -> None:
    recording: Recording = make_recording(fs=100)
    signal = np.array(recording.signal)
    signal[7] = value
    svg = strips_svg((replace(recording, signal=signal),), ("V2",), "V2", "one")
    assert ("not rec." in svg) == np.isnan(value)


def test_a_page_is_the_same_for_a_store_wherever_it_lies(
    small_store: Store, tmp_path: Path
) -> None:
    elsewhere = open_store(shutil.copytree(small_store.path, tmp_path / small_store.path.name))
    shown = page_of(elsewhere).replace(str(elsewhere.path), str(small_store.path))
    assert shown == page_of(small_store)
