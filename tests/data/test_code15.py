"""CODE-15%: parts in HDF5 as published, and single exams in MATLAB files."""

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import make_recording
from scipy.io import loadmat, savemat
from scipy.sparse import coo_array

from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import Code15Source, find_sources
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.errors import MissingExtraError, ReadError, StoreError
from leadlens.io.matlab import read_matlab

COLUMNS = ("exam_id", "age", "is_male", "nn_predicted_age", "1dAVb", "RBBB", "LBBB", "SB", "ST",
           "AF", "patient_id", "death", "timey", "normal_ecg", "trace_file")  # fmt: skip
KNOWN = {"IAVB", "RBBB", "LBBB", "SB", "STach", "AF"}


def write_exams(root: Path, *rows: dict[str, Any], name: str = "exams.csv") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    negative = dict.fromkeys(("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"), "False")
    person = {"age": "46", "is_male": "True", "patient_id": "7"}
    columns = list(dict.fromkeys((*COLUMNS, *(key for row in rows for key in row))))
    with (root / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({**negative, **person, **row} for row in rows)
    return root


def write_part(path: Path, exams: dict[int, np.ndarray]) -> None:
    """Write a part: each tracing (12, time) in the middle of 4096 zeros."""
    h5py = pytest.importorskip("h5py")
    tracings = np.zeros((len(exams), 4096, 12), np.float32)
    for row, signal in enumerate(exams.values()):
        start = (4096 - signal.shape[1]) // 2
        tracings[row, start : start + signal.shape[1]] = signal.T
    with h5py.File(path, "w") as file:
        file["exam_id"] = np.array(list(exams), dtype=np.int64)
        file["tracings"] = tracings


def tracing(seed: int, n_samples: int = 2800) -> np.ndarray:
    return np.array(make_recording(400, n_samples / 400, seed).signal) + np.float32(0.5)


def names(codes: tuple[str, ...] | None) -> set[str]:
    return {diagnosis(code).abbreviation for code in codes or ()}


@pytest.fixture
def code15(tmp_path: Path) -> Path:
    """Three exams in two parts, one without a tracing, and a filler row."""
    root = write_exams(
        tmp_path / "code",
        {"exam_id": "11", "1dAVb": "True", "AF": "True"},
        {"exam_id": "12", "is_male": "False", "ST": "True", "patient_id": "8", "age": "95"},
        {"exam_id": "13", "SB": ""},
        {"exam_id": "14"},
    )
    write_part(root / "exams_part10.hdf5", {12: tracing(2, 4096)})
    write_part(root / "exams_part2.hdf5", {13: tracing(3, 4000), 11: tracing(1), 0: tracing(0, 8)})
    return root


def test_an_exam_has_its_tracing_without_the_zeros_around_it(code15: Path) -> None:
    source = Code15Source.find(code15)
    assert [source.key(i)[1] for i in range(len(source))] == ["13", "11", "12"]
    second = source.load(1)
    np.testing.assert_array_equal(second.signal, tracing(1))
    assert (second.fs, second.leads, second.units) == (400.0, STANDARD_LEADS, "relative")
    assert [source.load(i).n_samples for i in range(3)] == [4000, 2800, 4096]


def test_an_exam_has_what_its_row_says(code15: Path) -> None:
    source = Code15Source.find(code15)
    first, last = source.load(1), source.load(2)
    assert (names(first.codes), first.age, first.sex) == ({"IAVB", "AF"}, 46.0, "male")
    assert (names(last.codes), last.age, last.sex) == ({"STach"}, 90.0, "female")
    assert (first.patient, last.patient) == ("7", "8")


def test_only_the_six_annotated_diagnoses_are_known(code15: Path) -> None:
    source = Code15Source.find(code15)
    full, gap = source.load(1), source.load(0)
    assert len(full.not_annotated) == 24
    assert not names(full.not_annotated) & KNOWN
    assert names(gap.not_annotated) - names(full.not_annotated) == {"SB"}


def test_exams_without_a_tracing_are_left_out_and_counted(code15: Path) -> None:
    assert "1 of the 4 exams have no tracing here" in Code15Source.find(code15).notes[0]


def test_a_tracing_of_zeros_is_refused_with_its_number(code15: Path) -> None:
    write_part(code15 / "exams_part11.hdf5", {14: np.zeros((12, 4))})
    source = Code15Source.find(code15)
    with pytest.raises(ReadError, match="exam 14 holds nothing but zeros"):
        source.load(3)


def test_exams_become_a_store(code15: Path, tmp_path: Path) -> None:
    store = ingest(find_sources([code15]), tmp_path / "s", IngestSettings(fs=100))
    assert store.keys == ("code-15/13", "code-15/11", "code-15/12")
    assert {row.units for row in store.rows} == {"relative"}


def test_without_h5py_the_message_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_exams(tmp_path, {"exam_id": "11"})
    (root / "exams_part0.hdf5").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'leadlens\[formats\]'"):
        Code15Source.find(root)


def test_a_part_that_is_no_hdf5_file_is_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    root = write_exams(tmp_path, {"exam_id": "11"})
    (root / "exams_part0.hdf5").write_bytes(b"no hdf5")
    with pytest.raises(ReadError, match=r"exams_part0\.hdf5 is no part of CODE-15%"):
        Code15Source.find(root)


@pytest.mark.parametrize(
    ("name", "value"),
    [("exam_id", None), ("exam_id", [[1, 2]]), ("exam_id", [float("inf")]), ("tracings", None)],
)
def test_a_part_with_something_else_in_it_is_refused_by_name(
    tmp_path: Path, name: str, value: Any
) -> None:
    h5py = pytest.importorskip("h5py")
    root = write_exams(tmp_path, {"exam_id": "11"})
    write_part(root / "exams_part0.hdf5", {11: tracing(1)})
    with h5py.File(root / "exams_part0.hdf5", "a") as file:
        del file[name]
        if value is None:
            file.create_group(name)
        else:
            file[name] = np.array(value)
    with pytest.raises(ReadError, match=r"exams_part0\.hdf5 is no part of CODE-15%"):
        Code15Source.find(root)


def test_tracings_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    root = write_exams(tmp_path, {"exam_id": "11"})
    with h5py.File(root / "exams_part0.hdf5", "w") as file:
        file["exam_id"] = np.array([11])
        file["tracings"] = np.zeros((1, 40, 12), dtype=[("a", "f4"), ("b", "f4")])
    with pytest.raises(ReadError, match="tracing 0 cannot be read"):
        Code15Source.find(root).load(0)


def test_two_rows_for_one_exam_are_refused_unless_they_are_the_same(tmp_path: Path) -> None:
    root = write_exams(tmp_path, {"exam_id": "11", "save_file": "a.mat"},
                       {"exam_id": "11.0", "save_file": "a.mat", "AF": "True"})  # fmt: skip
    savemat(root / "a.mat", {"feats": tracing(1), "curr_sample_rate": 400})
    with pytest.raises(ReadError, match=r"exams\.csv, line 3: a second, other row of exam 11"):
        Code15Source.find(root)
    write_exams(root, *[{"exam_id": "11", "save_file": "a.mat"}] * 2)
    assert len(Code15Source.find(root)) == 1


def test_a_table_without_tracings_is_refused_with_the_way_out(tmp_path: Path) -> None:
    write_exams(tmp_path, {"exam_id": "11"})
    with pytest.raises(StoreError, match=r"none of the 1 exams .* unzip exams_part"):
        Code15Source.find(tmp_path)


def test_a_label_that_is_neither_true_nor_false_is_refused(tmp_path: Path) -> None:
    root = write_exams(tmp_path, {"exam_id": "11", "AF": "perhaps", "save_file": "a.mat"})
    savemat(root / "a.mat", {"feats": tracing(1), "curr_sample_rate": 400})
    with pytest.raises(ReadError, match="AF of exam 11 is 'perhaps': True or False is needed"):
        Code15Source.find(root)


def test_single_exams_in_matlab_files_are_read(tmp_path: Path) -> None:
    root = write_exams(tmp_path, {"exam_id": "11", "RBBB": "1", "save_file": "a.mat"},
                       {"exam_id": "12", "save_file": "../out.mat"}, name="meta.csv")  # fmt: skip
    savemat(root / "a.mat", {"feats": tracing(1), "curr_sample_rate": 400})
    source = Code15Source.find(root)
    assert (len(source), names(source.load(0).codes)) == (1, {"RBBB"})
    np.testing.assert_array_equal(source.load(0).signal, tracing(1))


@pytest.mark.parametrize(
    "feats",
    [1.0, "text", {"a": 1}, np.ones((11, 30)), 1j * np.ones((12, 30)),
     np.array([["a"] * 30] * 12, dtype=object)],
    ids=["number", "text", "struct", "11 leads", "complex", "cells"],
)  # fmt: skip
def test_a_matlab_file_with_something_else_in_it_is_refused(tmp_path: Path, feats: Any) -> None:
    root = write_exams(tmp_path, {"exam_id": "11", "save_file": "a.mat"})
    savemat(root / "a.mat", {"feats": feats, "curr_sample_rate": 400})
    with pytest.raises(ReadError, match=r"a\.mat: 'feats' has the shape .*numbers are needed"):
        Code15Source.find(root).load(0)


def test_a_matlab_file_at_several_rates_is_refused(tmp_path: Path) -> None:
    root = write_exams(tmp_path, {"exam_id": "11", "save_file": "a.mat"})
    savemat(root / "a.mat", {"feats": tracing(1), "curr_sample_rate": [400, 400]})
    with pytest.raises(ReadError, match=r"'curr_sample_rate' of 400 is needed"):
        Code15Source.find(root).load(0)


@pytest.mark.parametrize(("place", "value"), [(145, 9), (192, 0), (172, 17)])
def test_a_damaged_matlab_file_is_refused_and_does_not_end_the_process(
    tmp_path: Path, place: int, value: int
) -> None:
    # scipy reads beyond its tables where a type or a flag is wrong.
    root = write_exams(tmp_path, {"exam_id": "11", "save_file": "a.mat"})
    savemat(root / "a.mat", {"org_sample_rate": 400, "feats": tracing(1), "curr_sample_rate": 400})
    content = bytearray((root / "a.mat").read_bytes())
    content[place] = value
    (root / "a.mat").write_bytes(content)
    with pytest.raises(ReadError, match=r"a\.mat is no MATLAB file that can be read"):
        Code15Source.find(root).load(0)


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_files_of_every_kind_pass_the_check(tmp_path: Path, compressed: bool) -> None:
    values = {
        "numbers": np.ones((12, 30)), "complex": 1j * np.ones(3), "one": 5, "text": "abc",
        "no text": "", "nothing": np.zeros((0, 3)), "truth": np.array([True, False]),
        "cells": np.array([1, "b", [2, 3]], dtype=object), "struct": {"a": 1, "b": {"c": "d"}},
        "bytes": np.uint8([1, 2, 3]), "sparse": coo_array(np.eye(3)),
    }  # fmt: skip
    values = {name.replace(" ", "_"): value for name, value in values.items()}
    savemat(tmp_path / "a.mat", values, do_compression=compressed)
    assert set(values) < set(read_matlab(tmp_path / "a.mat"))


def test_a_matlab_file_at_another_rate_is_refused(tmp_path: Path) -> None:
    root = write_exams(tmp_path, {"exam_id": "11", "save_file": "a.mat"})
    savemat(root / "a.mat", {"feats": tracing(1), "curr_sample_rate": 500})
    with pytest.raises(ReadError, match=r"'curr_sample_rate' of 400 is needed"):
        Code15Source.find(root).load(0)


@pytest.mark.real_data
def test_real_exams_are_those_of_scipy_and_of_the_shared_table(real_data: Path) -> None:
    with (real_data / "records.csv").open(newline="") as file:
        table = {row["path"]: row for row in csv.DictReader(file)}
    source = find_sources([real_data / "code15"])
    for position in range(len(source)):
        recording = source.load(position)
        path = source.name(position).partition(":")[0]
        expected = loadmat(real_data / path)["feats"]
        np.testing.assert_array_equal(recording.signal, expected)
        assert recording.codes == tuple(table[path]["labels"].split(";"))
    assert len(source) == 3
