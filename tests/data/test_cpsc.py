"""CPSC 2018 as its own challenge gave it."""

from pathlib import Path

import numpy as np
import pytest
from recordings import make_recording
from scipy.io import loadmat, savemat

from leadlens.data.sources import CpscSource, find_sources, kind_of
from leadlens.ecg.leads import STANDARD_LEADS, limb_lead_residual
from leadlens.errors import ReadError, StoreError

HEADER = "Recording,First_label,Second_label,Third_label\n"


def write_struct(path: Path, signal: np.ndarray, sex: str = "Female", age: float = 74) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"ECG": {"sex": sex, "age": age, "data": signal.astype(np.float64)}})


@pytest.fixture
def cpsc(tmp_path: Path) -> Path:
    """Two training sets with one table, one recording of which is not in it."""
    root = tmp_path / "cpsc"
    write_struct(root / "TrainingSet1" / "A0001.mat", make_recording(seed=1).signal)
    write_struct(root / "TrainingSet2" / "A0002.mat", make_recording(seed=2).signal, "Male", np.nan)
    write_struct(root / "TrainingSet2" / "A0003.mat", make_recording(seed=3).signal)
    (root / "REFERENCE.csv").write_text(HEADER + "A0001,5,,\nA0002,1,8,2\n")
    return root


def test_a_struct_file_has_its_signal_person_and_labels(cpsc: Path) -> None:
    source = CpscSource.find(cpsc)
    first, second = source.load(0), source.load(1)
    np.testing.assert_array_equal(first.signal, make_recording(seed=1).signal)
    assert (first.fs, first.leads, first.units) == (500.0, STANDARD_LEADS, "mV")
    assert (first.record_id, first.source) == ("A0001", "cpsc_2018")
    assert (first.age, first.sex, first.codes) == (74.0, "female", ("59118001",))
    assert (second.age, second.sex) == (None, "male")
    assert second.codes == ("426783006", "429622005", "164889003")


def test_a_recording_with_other_labels_in_another_row_or_table_is_refused(cpsc: Path) -> None:
    (cpsc / "REFERENCE.csv").write_text(HEADER + "A0001,5,,\n\nA0001,5,,\nA0001,1,,\n")
    with pytest.raises(ReadError, match=r"line 5: a second row.* with the Recording 'A0001'"):
        CpscSource.find(cpsc)
    (cpsc / "REFERENCE.csv").write_text(HEADER + "A0001,5,,\n")
    (cpsc / "TrainingSet1" / "REFERENCE.csv").write_text(HEADER + "A0001,5,,\n")
    assert CpscSource.find(cpsc).load(0).codes == ("59118001",)
    (cpsc / "TrainingSet1" / "REFERENCE.csv").write_text(HEADER + "A0001,1,,\n")
    with pytest.raises(ReadError, match="'A0001' has other labels in another REFERENCE"):
        CpscSource.find(cpsc)


def test_a_recording_outside_the_table_is_not_annotated_and_counted(cpsc: Path) -> None:
    source = CpscSource.find(cpsc)
    assert source.load(2).codes is None
    assert "1 of 3 recordings are in no REFERENCE.csv" in source.notes[0]


def test_what_the_nine_classes_leave_out_is_unknown(cpsc: Path) -> None:
    recording = find_sources([cpsc]).load(0)
    assert len(recording.not_annotated) == 21
    assert "164889003" not in recording.not_annotated


@pytest.mark.parametrize("labels", [",,", "0,,", "1,10,", "AF,,"])
def test_a_class_that_is_none_of_the_nine_is_refused_with_the_recording(
    cpsc: Path, labels: str
) -> None:
    (cpsc / "REFERENCE.csv").write_text(HEADER + f"A0009,{labels}\n")
    with pytest.raises(ReadError, match=r"'A0009' has the labels .* from 1 to 9 are needed"):
        CpscSource.find(cpsc)


def test_files_that_are_no_structs_are_refused_by_name(tmp_path: Path) -> None:
    savemat(tmp_path / "A0001.mat", {"val": np.ones((12, 9))})
    (tmp_path / "A0002.mat").write_bytes(b"no matlab file" * 20)
    write_struct(tmp_path / "A0003.mat", np.ones((3, 9)))
    source = find_sources([tmp_path], "cpsc-2018")
    said = ("a struct 'ECG'", "no MATLAB file", r"\(12, time\) numbers")
    for position, words in enumerate(said):
        with pytest.raises(ReadError, match=words):
            source.load(position)


def test_a_folder_without_matlab_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no \.mat file below"):
        find_sources([tmp_path], "cpsc-2018")


@pytest.mark.real_data
def test_a_real_struct_has_the_values_that_scipy_reads(real_data: Path) -> None:
    folder = real_data / "cpsc2018_original_mat"
    assert kind_of(folder) == "cpsc-2018"
    recording = find_sources([folder]).load(0)
    expected = loadmat(folder / "A1980.mat")["ECG"]["data"][0, 0].astype(np.float32)
    np.testing.assert_array_equal(recording.signal, expected)
    assert (recording.age, recording.sex, recording.codes) == (52.0, "male", None)
    # The rows are in standard order: the limb leads obey their equations.
    assert limb_lead_residual(recording.signal) < 2e-3


def test_a_struct_of_cells_is_refused(tmp_path: Path) -> None:
    cells = np.array([["a"] * 30] * 12, dtype=object)
    savemat(tmp_path / "A0001.mat", {"ECG": {"sex": "Male", "age": 1, "data": cells}})
    with pytest.raises(ReadError, match=r"'ECG.data' has the shape \(12, 30\) and the type object"):
        CpscSource.find(tmp_path).load(0)
