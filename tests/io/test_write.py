"""Written WFDB records: read back by leadlens, by the wfdb package and by SciPy."""

import re
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from recordings import make_recording
from scipy.io import loadmat

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, SignalError
from leadlens.io import read, write_wfdb
from leadlens.io.header import OVER_89

with warnings.catch_warnings():
    # wfdb 4.3 meets a deprecation of pandas 3 when it is imported.
    warnings.simplefilter("ignore")
    import wfdb

NORMAL = ("426783006",)
KNOWN = ("record_id", "fs", "leads", "age", "sex", "codes", "not_annotated", "patient", "units")


def ecg(**changes: object) -> Recording:
    return replace(make_recording(codes=NORMAL), **changes)


def by_wfdb(header: Path, *, physical: bool = True) -> wfdb.Record:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wfdb.rdrecord(str(header.with_suffix("")), physical=physical)


def same_facts(one: Recording, other: Recording) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in KNOWN)


def test_the_header_is_the_challenges_own_line_by_line(tmp_path: Path) -> None:
    signal = np.array([[0.001, 0.003], [-0.002, 32.767]], np.float32)
    recording = Recording(signal, 500.0, ("I", "aVR"), "A1", age=60.0, sex="male",
                          codes=("426783006", "164889003"))  # fmt: skip
    header = write_wfdb(recording, tmp_path)
    assert header == tmp_path / "A1.hea"
    assert header.read_bytes() == (
        b"A1 2 500 2\n"
        b"A1.mat 16+24 1000/mV 16 0 1 4 0 I\n"
        b"A1.mat 16+24 1000/mV 16 0 -2 32765 0 aVR\n"
        b"#Age: 60\n#Sex: Male\n#Dx: 426783006,164889003\n"
        b"#Rx: Unknown\n#Hx: Unknown\n#Sx: Unknown\n"
    )
    assert (tmp_path / "A1.mat").read_bytes() == bytes.fromhex(
        "1e000000 02000000 02000000 00000000 04000000 76616c00 0100 feff 0300 ff7f"
    )


@pytest.mark.real_data
@pytest.mark.parametrize("archive", ["georgia", "ningbo", "cpsc_2018", "ptb", "ptb-xl"])
def test_a_challenge_file_that_is_read_and_written_is_the_same_file(
    real_data: Path, tmp_path: Path, archive: str
) -> None:
    folder = real_data / "cinc2021" / "training" / archive
    original = min(folder.rglob("*.hea"))
    written = write_wfdb(read(original), tmp_path)
    assert written.with_suffix(".mat").read_bytes() == original.with_suffix(".mat").read_bytes()
    # Four spellings of one layout and one unit; the date is not kept.
    plain = original.read_text().replace("16x1+24", "16+24").replace("1000.0(0)/", "1000/")
    wanted = re.sub(r"/mv\b", "/mV", plain).splitlines()
    assert written.read_text().splitlines()[1:13] == wanted[1:13]
    assert written.read_text().split()[:4] == wanted[0].split()[:4]


@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_whole_counts_come_back_bit_for_bit_as_leadlens_and_wfdb_read_them(
    data: st.DataObject,
) -> None:
    n_leads, n_samples = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 20))
    ints = st.integers(-32768, 32767)
    counts = data.draw(hnp.arrays(np.int16, (n_leads, n_samples), elements=ints))
    gain = data.draw(st.sampled_from([1000.0, 204.8, 1 / 3, 4880, 0.001, 12345678.9]))
    signal = np.where(counts == -32768, np.nan, counts / np.float32(gain)).astype(np.float32)
    recording = Recording(signal, 500.0, STANDARD_LEADS[:n_leads], "A1", codes=NORMAL)
    with tempfile.TemporaryDirectory() as folder:
        header = write_wfdb(recording, Path(folder), gain)
        assert np.array_equal(read(header).signal, recording.signal, equal_nan=True)
        digital, physical = by_wfdb(header, physical=False), by_wfdb(header)
    assert np.array_equal(digital.d_signal.T, counts)
    np.testing.assert_allclose(physical.p_signal.T, recording.signal, rtol=1e-6)
    assert physical.sig_name == list(recording.leads)
    assert physical.adc_gain == [pytest.approx(gain, rel=1e-15)] * n_leads
    assert [value % 65536 for value in digital.checksum] == digital.calc_checksum()
    assert digital.init_value == counts[:, 0].tolist()


def test_scipy_loads_the_signal_file_as_a_matrix_of_leads_by_samples(tmp_path: Path) -> None:
    recording = ecg()
    matrix = loadmat(write_wfdb(recording, tmp_path).with_suffix(".mat"))["val"]
    assert matrix.dtype == np.int16
    assert np.array_equal(matrix, np.round(recording.signal.astype(float) * 1000))


@pytest.mark.parametrize("gain", [1000.0, 204.8, 200])
def test_no_sample_moves_by_more_than_half_a_count(tmp_path: Path, gain: float) -> None:
    recording = ecg()
    moved = np.abs(read(write_wfdb(recording, tmp_path, gain)).signal - recording.signal)
    assert 0.4 / gain < moved.max() <= 0.5 / gain + 1e-6


@pytest.mark.parametrize(
    "changes",
    [
        {"age": 60.0, "sex": "male"},
        {"age": None, "sex": None},
        {"age": 0.25, "sex": "female"},
        {"age": OVER_89},
        {"codes": None},
        {"codes": ("426783006", "164889003")},
        {"not_annotated": ("39732003", "47665007")},
        {"patient": "P1"},
        {"patient": "No. 7: M\u00fcller, ward  3"},
        {"units": "relative"},
        {"fs": 257.25},
        {"record_id": "HR-06_009"},
        {"leads": (*STANDARD_LEADS[:10], "Vx", "2 ES")},
    ],
)
def test_what_is_known_about_a_recording_survives(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    recording = ecg(**changes)
    back = read(write_wfdb(recording, tmp_path))
    assert same_facts(back, recording), back
    np.testing.assert_allclose(back.signal, recording.signal, atol=0.0006)


def test_an_age_over_89_is_not_given_away(tmp_path: Path) -> None:
    header = write_wfdb(ecg(age=97.0), tmp_path)
    assert "97" not in header.read_text().partition("#")[2]
    assert read(header).age == OVER_89


def test_an_unannotated_recording_has_no_diagnosis_line(tmp_path: Path) -> None:
    assert "Dx" not in write_wfdb(ecg(codes=None), tmp_path).read_text()


def test_samples_that_were_not_recorded_stay_so(tmp_path: Path) -> None:
    signal = np.array(ecg().signal)
    signal[3], signal[5, 100:200] = np.nan, np.nan
    header = write_wfdb(ecg(signal=signal), tmp_path)
    assert np.array_equal(np.isnan(read(header).signal), np.isnan(signal))
    assert np.array_equal(np.isnan(by_wfdb(header).p_signal.T), np.isnan(signal))


def test_a_recording_of_which_nothing_was_recorded_can_be_written(tmp_path: Path) -> None:
    nothing = ecg(signal=np.full((12, 9), np.nan, np.float32))
    assert np.isnan(read(write_wfdb(nothing, tmp_path)).signal).all()


@pytest.mark.parametrize("value", [40.0, -32.768, -5000.0])
def test_a_value_beyond_16_bits_is_refused_with_the_gain_that_would_do(
    tmp_path: Path, value: float
) -> None:
    signal = np.array(ecg().signal)
    signal[7, 123], signal[0, 4] = value, 32.7675
    recording = ecg(signal=signal)
    with pytest.raises(SignalError, match=r"lead V2 reaches (\S+) mV in sample 123,") as refused:
        write_wfdb(recording, tmp_path)
    assert not list(tmp_path.iterdir())
    assert f"reaches {value:g} mV" in str(refused.value)
    gain = float(str(refused.value).rpartition(" ")[2])
    assert read(write_wfdb(recording, tmp_path, gain)).signal[7, 123] == pytest.approx(value, 1e-3)
    with pytest.raises(SignalError, match="largest adc_gain"):
        write_wfdb(recording, tmp_path, gain * 1.001)


def test_the_largest_count_either_way_is_a_value_and_not_missing(tmp_path: Path) -> None:
    signal = np.array([[32.767, -32.767]], np.float32)
    back = read(write_wfdb(Recording(signal, 500.0, ("I",), "A1"), tmp_path)).signal
    np.testing.assert_allclose(back, signal, rtol=1e-6)


def test_an_infinite_value_is_refused(tmp_path: Path) -> None:
    signal = np.array(ecg().signal)
    signal[2, 8] = -np.inf
    with pytest.raises(SignalError, match=r"lead III reaches -inf mV in sample 8.* write NaN"):
        write_wfdb(ecg(signal=signal), tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\\b", "/tmp/a", "a b", "a.mat",
                                  "a\n", "a\0", "-a", "\u00e9"])  # fmt: skip
def test_a_record_id_that_is_not_a_plain_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SignalError, match="is no name for a WFDB file") as refused:
        write_wfdb(ecg(record_id=name), tmp_path / "inside")
    assert repr(name) in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"codes": ()}, r"codes=\(\)"),
        ({"codes": ("AF",)}, "'AF' is no SNOMED CT code"),
        ({"codes": ("1,2",)}, "'1,2' is no SNOMED CT code"),
        ({"not_annotated": ("5\n#Dx: 6",)}, "is no SNOMED CT code"),
        ({"patient": "P1\n#Dx: 426783006"}, "patient 'P1"),
        ({"patient": " P1"}, "patient ' P1'"),
        ({"patient": ""}, "patient ''"),
        ({"age": -1.0}, "age -1.0"),
        ({"age": float("nan")}, "age nan"),
        ({"leads": ("AVR", *STANDARD_LEADS[1:])}, "lead 'AVR' would be read as 'aVR'"),
        ({"leads": ("a  b", *STANDARD_LEADS[1:])}, "lead 'a  b' would be read as 'a b'"),
        ({"leads": ("", *STANDARD_LEADS[1:])}, "lead ''"),
        ({"fs": 0.5}, "0.5 Hz"),
    ],
)
def test_what_would_be_read_back_as_something_else_is_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(SignalError, match=said):
        write_wfdb(ecg(**changes), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("gain", [0.0, -1000.0, float("nan"), float("inf"), 1e13])
def test_a_gain_that_no_header_can_say_is_refused(tmp_path: Path, gain: float) -> None:
    with pytest.raises(ConfigError, match=f"adc_gain {re.escape(str(gain))}"):
        write_wfdb(ecg(), tmp_path, gain)


def test_a_folder_is_made_and_an_older_record_replaced_without_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    write_wfdb(ecg(age=50.0), folder)
    header = write_wfdb(ecg(age=51.0), folder)
    assert read(header).age == 51.0
    assert sorted(path.name for path in folder.iterdir()) == ["R00000.hea", "R00000.mat"]


def test_a_header_is_never_there_before_its_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace_path = Path.replace

    def noted(self: Path, target: Path) -> Path:
        order.append(target.suffix)
        return replace_path(self, target)

    monkeypatch.setattr(Path, "replace", noted)
    write_wfdb(ecg(), tmp_path)
    assert order == [".mat", ".hea"]
