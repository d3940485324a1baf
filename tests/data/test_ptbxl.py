"""PTB-XL in its own layout, made here and real."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from recordings import make_recording

from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import PtbxlSource, find_sources, ptbxl_ecg_id
from leadlens.data.sources.ptbxl import labels_of, statement_codes
from leadlens.ecg.diagnoses import diagnosis, scored_codes
from leadlens.errors import ConfigError, ReadError, StoreError
from leadlens.io import read, write_wfdb

COLUMNS = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "heart_axis", "strat_fold",
           "filename_lr", "filename_hr")  # fmt: skip
CHALLENGE_ALONE = {3: {"IAVB"}, 10: {"SA"}}
"""Labels that only the Challenge's headers have: the database says NORM and SR of both ECGs, in
words too ("sinusrhythmus normales ekg"), and the waveforms are the same to the last count."""


def write_database(root: Path, *rows: dict[str, str], has_hr: tuple[int, ...] = (1, 2, 3)) -> Path:
    """Write a PTB-XL of these rows: all at 100 Hz, those in `has_hr` at 500 Hz."""
    lines = []
    for number, row in enumerate(rows, start=1):
        for fs, letters in ((100, "lr"), (500, "hr")):
            if fs == 100 or number in has_hr:
                name = f"{number:05d}_{letters}"
                ecg = make_recording(fs, 10.0, number, record_id=name, codes=None)
                write_wfdb(ecg, root / f"records{fs}" / "00000")
        files = {f"filename_{letters}": f"records{fs}/00000/{number:05d}_{letters}"
                 for fs, letters in ((100, "lr"), (500, "hr"))}  # fmt: skip
        given = {"ecg_id": str(number), "scp_codes": "{'SR': 0.0}", **row}
        lines.append({**dict.fromkeys(COLUMNS, ""), **given, **files})
    with (root / "ptbxl_database.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    return root


def names(codes: tuple[str, ...] | None) -> set[str]:
    return {item.abbreviation for item in map(diagnosis, codes or ())}


@pytest.fixture
def ptbxl(tmp_path: Path) -> Path:
    """Two ECGs at both rates and one at 100 Hz only."""
    return write_database(
        tmp_path / "mine",
        {"patient_id": "15709.0", "age": "56.0", "sex": "1", "strat_fold": "3",
         "scp_codes": "{'NORM': 100.0, 'LVOLT': 0.0, 'SR': 0.0}"},
        {"patient_id": "2", "age": "300.0", "sex": "0", "strat_fold": "10", "heart_axis": "ALAD",
         "scp_codes": "{'LAFB': 35.0, 'LVH': 100.0, 'AFIB': 0.0}"},
        {"age": "", "sex": "", "heart_axis": "MID", "scp_codes": "{'LVH': 50.0}"},
        has_hr=(1, 2),
    )  # fmt: skip


def test_an_ecg_has_what_its_row_says_and_what_its_file_holds(ptbxl: Path) -> None:
    source = PtbxlSource.find(ptbxl, 500)
    first, second = source.load(0), source.load(1)
    assert (first.record_id, first.source, first.fs) == ("00001_hr", "ptb-xl", 500.0)
    assert (first.patient, first.age, first.sex, first.fold) == ("15709", 56.0, "female", 3)
    assert (second.patient, second.age, second.sex, second.fold) == ("2", 90.0, "male", 10)
    assert names(first.codes) == {"NSR", "LQRSV"}
    assert names(second.codes) == {"LAnFB", "AF", "LAD"}
    stored = read(ptbxl / "records500" / "00000" / "00001_hr.hea").signal
    assert np.array_equal(first.signal, stored)


def test_a_row_that_says_nothing_of_the_thirty_is_a_known_negative(ptbxl: Path) -> None:
    third = PtbxlSource.find(ptbxl, 100).load(2)
    assert (third.codes, third.not_annotated) == ((), ())
    assert (third.age, third.sex, third.patient, third.fold) == (None, None, None, None)


def test_an_axis_that_nobody_gave_is_unknown_unless_all_is_said_to_be_known(ptbxl: Path) -> None:
    assert names(PtbxlSource.find(ptbxl).load(0).not_annotated) == {"LAD", "RAD"}
    assert PtbxlSource.find(ptbxl).load(1).not_annotated == ()
    assert PtbxlSource.find(ptbxl, is_axis_complete=True).load(0).not_annotated == ()


def test_rows_without_a_file_at_the_rate_are_left_out_and_counted(ptbxl: Path) -> None:
    fast, slow = PtbxlSource.find(ptbxl, 500), PtbxlSource.find(ptbxl, 100)
    assert (len(fast), len(slow), slow.notes) == (2, 3, ())
    assert "1 of the 3 ECGs in ptbxl_database.csv have no file in records500" in fast.notes[0]


def test_the_rate_of_which_more_ecgs_are_there_is_taken(ptbxl: Path) -> None:
    assert PtbxlSource.find(ptbxl).fs == 100
    next(ptbxl.rglob("records100/**/*.hea")).unlink()
    assert PtbxlSource.find(ptbxl).fs == 500


def test_without_files_at_500_hz_those_at_100_are_taken(tmp_path: Path) -> None:
    root = write_database(tmp_path, {}, has_hr=())
    assert PtbxlSource.find(root).fs == 100
    with pytest.raises(StoreError, match=r"no file of the 1 ECGs .* lies in records500"):
        PtbxlSource.find(root, 500)
    with pytest.raises(
        ConfigError, match="unknown rate of PTB-XL 250: allowed values are 100, 500"
    ):
        PtbxlSource.find(root, 250)


def test_a_statement_below_the_least_likelihood_is_unknown(ptbxl: Path) -> None:
    ecg = PtbxlSource.find(ptbxl).ecgs[1]
    assert ecg.statements == (("LAFB", 35.0), ("LVH", 100.0), ("AFIB", 0.0))
    codes, unknown = labels_of(ecg, least_likelihood=50)
    assert (names(codes), names(unknown)) == ({"AF", "LAD"}, {"LAnFB"})


def test_the_stores_index_keeps_ptbxls_folds(ptbxl: Path, tmp_path: Path) -> None:
    store = ingest(find_sources([ptbxl], rate=100), tmp_path / "s", IngestSettings(fs=50))
    assert [row.fold for row in store.rows] == ["3", "10", ""]
    assert [row.groups.split()[-1] for row in store.rows] == ["ptbxl:1", "ptbxl:2", "ptbxl:3"]


@pytest.mark.parametrize("text", ["NORM", "['NORM']", "{'NORM': 'x'}", "__import__('os')", ""])
def test_statements_that_are_no_table_are_refused_with_the_row(tmp_path: Path, text: str) -> None:
    root = write_database(tmp_path, {"scp_codes": text})
    with pytest.raises(ReadError, match="scp_codes of ecg_id 1 cannot be understood"):
        PtbxlSource.find(root)


def test_a_database_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ptbxl_database.csv").write_text("ecg_id,age\n1,5\n")
    with pytest.raises(
        ReadError, match=r"lacks the column patient_id, sex, .*: it has ecg_id, age"
    ):
        PtbxlSource.find(tmp_path)


def test_every_code_of_the_table_is_that_of_the_diagnosis_beside_it() -> None:
    path = Path(__file__).parents[2] / "src/leadlens/data/sources/ptbxl_statements.csv"
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["diagnosis"]:
                item = diagnosis(row["diagnosis"])
                assert (item.code, str(item.counts["ptb-xl"])) == (
                    row["code"],
                    row["challenge_count"],
                )
    # Every diagnosis that the Challenge counts in PTB-XL comes from some statement.
    counted = {item.code for item in map(diagnosis, scored_codes()) if item.counts["ptb-xl"]}
    assert counted == set(statement_codes().values()) & set(scored_codes())


@pytest.mark.real_data
@pytest.mark.parametrize(("fs", "n_ecgs"), [(100, 236), (500, 29)])
def test_real_labels_and_persons_are_those_of_the_shared_table(
    real_data: Path, fs: int, n_ecgs: int
) -> None:
    with (real_data / "records.csv").open(newline="") as file:
        table = {row["path"]: row for row in csv.DictReader(file)}
    source = PtbxlSource.find(real_data / "ptb-xl", fs)
    counts: Counter[str] = Counter()
    for position in range(len(source)):
        recording, row = source.load(position), table[source.name(position)]
        scored = set(recording.codes or ()) & set(scored_codes())
        assert scored == set(filter(None, row["labels"].split(";"))), source.name(position)
        counts.update(scored)
        age = float(row["age"])
        assert recording.age == (None if np.isnan(age) else min(age, 90.0))
        assert recording.sex == (row["sex"].lower() or None)
        assert f"ptbxl_p{recording.patient}" == row["patient_id"]
        assert str(recording.fold) == row["strat_fold"]
    assert len(source) == n_ecgs
    rows = [table[source.name(position)] for position in range(n_ecgs)]
    assert counts == Counter(code for row in rows for code in row["labels"].split(";") if code)


@pytest.mark.real_data
def test_real_labels_are_those_of_the_same_ecgs_in_the_challenge(real_data: Path) -> None:
    source = PtbxlSource.find(real_data / "ptb-xl", 500)
    n_compared = 0
    for position in range(len(source)):
        recording = source.load(position)
        number = ptbxl_ecg_id(recording)
        header = real_data / "cinc2021" / "training" / "ptb-xl" / "g1" / f"HR{number:05d}.hea"
        if not header.exists():
            continue
        posted = read(header, "ptb-xl")
        np.testing.assert_array_equal(posted.signal, recording.signal)
        assert (posted.age, posted.sex) == (recording.age, recording.sex)
        both = set(posted.codes or ()) & set(scored_codes()), set(recording.codes or ())
        alone = {diagnosis(name).code for name in CHALLENGE_ALONE.get(number or 0, ())}
        assert both[0] - alone == both[1], header
        n_compared += 1
    assert n_compared == 10


@pytest.mark.real_data
def test_real_statements_give_the_labels_of_all_copies_of_ptbxl(real_data: Path) -> None:
    table, axis = statement_codes(), {diagnosis(name).code for name in ("LAD", "RAD")}
    with (real_data / "records.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if "SCP-ECG" in row["label_vocabulary"]]
    for row in rows:
        given = {table.get(("scp_codes", name), "") for name in row["labels_raw"].split(",")}
        expected = set(filter(None, re.split(";", row["labels"]))) - axis
        assert given & set(scored_codes()) == expected, row["path"]
    assert len(rows) == 1183


def test_two_rows_for_one_ecg_are_refused_unless_they_are_the_same(ptbxl: Path) -> None:
    table = ptbxl / "ptbxl_database.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, lines[1]]))
    assert len(PtbxlSource.find(ptbxl)) == 3
    table.write_text("\n".join([*lines, lines[1].replace("NORM", "LVH")]))
    with pytest.raises(ReadError, match=r"line 5: a second row, another one, with the ecg_id '1'"):
        PtbxlSource.find(ptbxl)
