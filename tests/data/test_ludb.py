"""LUDB: labels from words."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leadlens.data.sources import find_sources, kind_of
from leadlens.data.sources.ludb import labels_of
from leadlens.ecg.diagnoses import diagnosis
from leadlens.io import read

Write = Callable[..., Path]
UNDESCRIBED = {"LQT", "QAb", "TAb", "LPR", "LQRSV", "PRWP", "Brady", "TInv", "BBB"}


def names(codes: tuple[str, ...] | None) -> set[str]:
    return {diagnosis(code).abbreviation for code in codes or ()}


def test_a_record_has_what_its_header_says(write_record: Write, tmp_path: Path) -> None:
    comments = ("#<age>: 51", "#<sex>: F", "#<diagnoses>:", "#Rhythm: Sinus bradycardia.",
                "#Electric axis of the heart: left axis deviation. ",
                "#Left ventricular hypertrophy. ")  # fmt: skip
    header = write_record("1", folder=tmp_path / "lu" / "data", comments=comments)
    (tmp_path / "lu" / "ludb.csv").write_text("ID,Sex,Age\n")
    source = find_sources([tmp_path / "lu"])
    recording = source.load(0)
    assert (recording.source, recording.record_id, recording.patient) == ("ludb", "1", "1")
    assert (recording.age, recording.sex, recording.units) == (51.0, "female", "relative")
    assert names(recording.codes) == {"SB", "LAD"}
    assert names(recording.not_annotated) == UNDESCRIBED
    np.testing.assert_array_equal(recording.signal, read(header).signal)


def test_records_come_by_number(write_record: Write, tmp_path: Path) -> None:
    for name in ("10", "9", "100"):
        write_record(name, folder=tmp_path / "in")
    source = find_sources([tmp_path / "in"], "ludb")
    assert [source.key(i)[1] for i in range(3)] == ["9", "10", "100"]


def test_a_folder_with_delineations_is_ludb(write_record: Write, tmp_path: Path) -> None:
    folder = write_record("1").parent
    assert kind_of(folder) == "wfdb"
    (tmp_path / "1.avf").write_bytes(b"")
    assert kind_of(folder) == "ludb"


@pytest.mark.parametrize(
    ("lines", "given", "unknown"),
    [(["i degree av block"], {"IAVB"}, set()),
     (["iii degree av-block", "unipolar ventricular pacing"], {"PR"}, set()),
     (["incomplete right bundle branch block"], {"IRBBB"}, set()),
     (["incomplete left bundle branch block"], set(), set()),
     (["atrial extrasystole, type: single pac", "atrial extrasystole: undefined"], {"PAC"}, set()),
     (["ventricular extrasystole, localisation: lv"], {"VPB"}, set()),
     (["rhythm: atrial flutter, typical"], {"AFL"}, set())],
)  # fmt: skip
def test_words_with_one_meaning_have_a_code(
    lines: list[str], given: set[str], unknown: set[str]
) -> None:
    sure = ["electric axis of the heart: normal", "rhythm: sinus rhythm"]
    codes, left_open = labels_of([*sure, *lines])
    assert names(codes) - {"NSR"} == given
    assert names(left_open) == UNDESCRIBED | unknown


def test_a_rhythm_without_a_code_leaves_all_rhythms_unknown() -> None:
    codes, unknown = labels_of(["rhythm: irregular sinus rhythm"])
    assert codes == ()
    rhythms = {"NSR", "SB", "STach", "SA", "AF", "AFL"}
    assert names(unknown) == UNDESCRIBED | rhythms | {"LAD", "RAD"}


def test_a_header_without_words_is_not_annotated() -> None:
    assert labels_of([]) == (None, ())


@pytest.mark.real_data
def test_real_labels_are_those_of_the_shared_table(real_data: Path) -> None:
    with (real_data / "records.csv").open(newline="") as file:
        table = {row["path"]: row for row in csv.DictReader(file)}
    source = find_sources([real_data / "ludb"])
    for position in range(len(source)):
        recording = source.load(position)
        row = table[source.name(position).removesuffix(".hea")]
        assert set(recording.codes or ()) == set(filter(None, row["labels"].split(";"))), row[
            "path"
        ]
        # Each lead was scaled to 1 mV from peak to peak, which is why its unit is none.
        height = np.ptp(recording.signal, axis=1)
        np.testing.assert_allclose(height, 1.0, atol=0.01)
    assert len(source) == 40
