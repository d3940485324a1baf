"""From folders to sources: what a folder holds, several at once, and what is known of labels."""

import csv
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recordings import make_recording

from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import (
    CHALLENGE_SOURCES,
    FileSource,
    RecordingSource,
    find_sources,
    kind_of,
    never_annotated,
    with_unknowns,
)
from leadlens.ecg.diagnoses import diagnoses, diagnosis, scored_codes
from leadlens.engines.local import LocalEngine
from leadlens.errors import ConfigError, ReadError, SignalError, StoreError
from leadlens.io import write_wfdb

Write = Callable[..., Path]
FOLDERS = ("cinc2021", "code15", "cpsc2018_original_mat", "edge_cases", "ludb", "ptb-xl",
           "ptb-xl_zscored", "ptb_original")  # fmt: skip
"""The folders of shared real recordings that hold public data sets."""


def names(codes: tuple[str, ...]) -> set[str]:
    return {diagnosis(code).abbreviation for code in codes}


@pytest.mark.parametrize(
    ("source", "record_id", "fs", "duration"),
    [("st_petersburg_incart", "I0001", 257, 1800), ("ptb", "S0001", 1000, 115)],
)
def test_long_recordings_and_other_rates_become_windows(
    tmp_path: Path, source: str, record_id: str, fs: int, duration: int
) -> None:
    folder = tmp_path / "training" / source / "g1"
    recording = make_recording(fs, duration, 1, record_id=record_id, codes=("426783006",))
    low = np.float32(0.01) * recording.signal
    write_wfdb(replace(recording, signal=low), folder)
    store = ingest(find_sources([tmp_path / "training"]), tmp_path / "s", IngestSettings(fs=100))
    rows = store.rows
    assert {(row.key, row.fs, row.duration) for row in rows} == {
        (f"{source}/{record_id}", float(fs), float(duration))
    }
    assert max(row.offset for row in rows) + 10 == pytest.approx(duration, abs=0.01)
    assert names(tuple(rows[0].not_annotated.split())) == names(
        tuple(code for code in never_annotated(source) if code != "426783006")
    )


def test_the_two_hospitals_of_ecg_arrhythmia_are_told_by_number(
    write_record: Write, tmp_path: Path
) -> None:
    folder = tmp_path / "WFDBRecords" / "01" / "010"
    for name in ("JS00001", "JS10646", "JS10647"):
        write_record(name, folder=folder)
    keys = [("chapman_shaoxing", "JS00001"), ("chapman_shaoxing", "JS10646"), ("ningbo", "JS10647")]
    for root in (tmp_path, tmp_path / "WFDBRecords", folder):
        source = find_sources([root])
        assert kind_of(root) == "ecg-arrhythmia"
        assert [source.key(i) for i in range(3)] == keys
        assert source.load(2).source == "ningbo"


def test_folders_of_different_kinds_are_one_source(write_record: Write, tmp_path: Path) -> None:
    write_record("E00001", folder=tmp_path / "georgia")
    write_record("1", folder=tmp_path / "lu", comments=("#<diagnoses>:", "#Rhythm: Sinus rhythm."))
    (tmp_path / "lu" / "1.avf").write_bytes(b"")
    source = find_sources([tmp_path / "lu", tmp_path / "georgia"])
    assert isinstance(source, FileSource)
    assert isinstance(source, RecordingSource)
    assert [source.key(i) for i in range(len(source))] == [("georgia", "E00001"), ("ludb", "1")]
    assert [source.name(i) for i in range(2)] == ["georgia/E00001.hea", "lu/1.hea"]
    store = ingest(source, tmp_path / "s", IngestSettings(fs=50), LocalEngine(2))
    assert store.keys == ("georgia/E00001", "ludb/1")


def test_a_name_forces_what_a_folder_is(write_record: Write, tmp_path: Path) -> None:
    write_record("1", folder=tmp_path / "lu")
    (tmp_path / "lu" / "1.avf").write_bytes(b"")
    assert find_sources([tmp_path / "lu"]).key(0) == ("ludb", "1")
    assert find_sources([tmp_path / "lu"], "wfdb").key(0) == ("lu", "1")


def test_an_unknown_name_lists_the_allowed_ones(tmp_path: Path) -> None:
    allowed = "wfdb, ptb-xl, ecg-arrhythmia, code-15, cpsc-2018, ludb"
    with pytest.raises(ConfigError, match=f"unknown source 'mimic': allowed values are {allowed}"):
        find_sources([tmp_path], "mimic")


def test_a_rate_without_ptbxl_is_refused(write_record: Write) -> None:
    with pytest.raises(ConfigError, match=r"rate 100: only PTB-XL .* the folders given are wfdb"):
        find_sources([write_record().parent], rate=100)


@pytest.mark.parametrize(
    ("name", "said"),
    [(None, "no WFDB header"), ("wfdb", "no WFDB header"), ("ludb", "no WFDB header"),
     ("ptb-xl", "ptbxl_database.csv: No such file"), ("code-15", "exams.csv: No such file")],
)  # fmt: skip
def test_a_folder_that_is_not_what_it_is_said_to_be_is_refused(
    tmp_path: Path, name: str | None, said: str
) -> None:
    with pytest.raises((StoreError, ReadError), match=said):
        find_sources([tmp_path], name)
    with pytest.raises(StoreError, match="nowhere is not a folder"):
        find_sources([tmp_path / "nowhere"], name)


def test_one_recording_in_two_layouts_is_refused(write_record: Write, tmp_path: Path) -> None:
    write_record("A0001", folder=tmp_path / "cpsc_2018")
    (tmp_path / "original").mkdir()
    (tmp_path / "original" / "A0001.mat").write_bytes(b"")
    with pytest.raises(StoreError, match="would be called cpsc_2018/A0001"):
        find_sources([tmp_path / "cpsc_2018", tmp_path / "original"])


def test_a_table_of_exams_that_is_not_code15s_makes_no_code15(write_record: Write) -> None:
    folder = write_record().parent
    (folder / "meta.csv").write_text("record,age\n")
    assert kind_of(folder) == "wfdb"
    (folder / "meta.csv").write_text("exam_id,1dAVb\n")
    assert kind_of(folder) == "code-15"


def test_a_data_set_inside_a_plain_folder_is_pointed_out(
    write_record: Write, tmp_path: Path
) -> None:
    write_record("1", folder=tmp_path / "all" / "lu")
    (tmp_path / "all" / "lu" / "ludb.csv").write_text("ID\n")
    (note,) = find_sources([tmp_path / "all"]).notes
    assert "lu looks like ludb in its own layout" in note


@pytest.mark.parametrize("source", CHALLENGE_SOURCES)
def test_what_a_source_never_used_under_either_name_is_unknown(source: str) -> None:
    unknown = names(never_annotated(source))
    for item in diagnoses():
        twin = diagnosis(item.equivalent).counts[source] if item.equivalent else 0
        assert (item.abbreviation in unknown) == (item.counts[source] + twin == 0)


def test_known_gaps_of_the_sources_are_among_them() -> None:
    assert names(never_annotated("ningbo")) == {"AF"}
    assert names(never_annotated("georgia")) == {"PR", "LPR", "PRWP"}
    assert names(never_annotated("ptb-xl")) == {"PVC", "VPB", "PRWP", "Brady", "BBB"}
    assert never_annotated("ptb-xl_zscored") == never_annotated("ptb-xl")
    assert never_annotated("my ward") == ()
    # The complete blocks are RBBB and LBBB there: looked for, under another name.
    assert not {"RBBB", "CRBBB", "LBBB", "CLBBB"} & names(never_annotated("ptb-xl"))


def test_unknowns_leave_alone_what_is_given_or_not_annotated_at_all() -> None:
    lad, af = diagnosis("LAD").code, diagnosis("AF").code
    recording = make_recording(50, 1.0, source="ningbo", codes=(af,), not_annotated=(lad,))
    assert with_unknowns(recording).not_annotated == (lad,)
    assert with_unknowns(replace(recording, codes=())).not_annotated == (lad, af)
    assert with_unknowns(replace(recording, codes=None)).not_annotated == (lad,)


def test_all_known_takes_the_labels_as_published(write_record: Write, tmp_path: Path) -> None:
    write_record("J1", folder=tmp_path / "ningbo")
    masks = []
    for is_all_known in (False, True):
        source = find_sources([tmp_path / "ningbo"], is_all_known=is_all_known)
        store = ingest(source, tmp_path / f"s{is_all_known}", IngestSettings(fs=50))
        masks.append(store.labels(scored_codes())[1])
    assert masks[0].sum() == 29
    assert masks[1].all()


@pytest.mark.real_data
def test_real_challenge_labels_have_the_counts_of_the_shared_table(real_data: Path) -> None:
    with (real_data / "records.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("cinc2021")]
    source = find_sources([real_data / "cinc2021" / "training"])
    counts: dict[str, Counter[str]] = {}
    surprises = set()
    for position in range(len(source)):
        recording = source.load(position)
        counts.setdefault(recording.source, Counter()).update(recording.codes or ())
        never = set(recording.codes or ()) & set(never_annotated(recording.source))
        surprises |= {(recording.record_id, name) for name in names(tuple(never))}
    expected: dict[str, Counter[str]] = {}
    for row in rows:
        folder = row["path"].split("/")[2]
        expected.setdefault(folder, Counter()).update(set(row["labels"].split(";")))
    assert len(source) == len(rows) == 159
    assert counts == expected
    # These two headers have what the published table counts 0 times in PTB.
    assert surprises == {("S0001", "LQRSV"), ("S0005", "SA")}


@pytest.mark.real_data
def test_every_real_file_is_read_or_refused_with_the_right_reason(real_data: Path) -> None:
    folders = [real_data / name for name in FOLDERS]
    reasons: Counter[str] = Counter()
    refused_from = set()
    for folder in folders:
        source = find_sources([folder], rate=100 if folder.name == "ptb-xl" else None)
        for position in range(len(source)):
            try:
                source.load(position)
            except (ReadError, SignalError) as error:
                reasons[str(error).rpartition(": ")[2]] += 1
                refused_from.add(folder.name)
    assert refused_from == {"edge_cases"}
    assert set(reasons) == {"No such file or directory"}


def test_a_folder_within_another_is_refused(write_record: Write, tmp_path: Path) -> None:
    write_record("A1", folder=tmp_path / "all" / "ward")
    with pytest.raises(StoreError, match=r"ward lies in .*all, so .* come twice: give one of the"):
        find_sources([tmp_path / "all" / "ward", tmp_path / "all"])


@pytest.mark.parametrize("suffix", [".hea", ".mat"])
def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path, suffix: str) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9" + suffix.encode())).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    with pytest.raises(StoreError, match=r"the name '\\udce9\.\w+' is not UTF-8: rename it"):
        find_sources([tmp_path])
