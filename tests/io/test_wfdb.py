"""WFDB records: hand-made files, the wfdb package as the oracle, and real archives."""

import csv
import tempfile
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from recordings import make_recording

from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.errors import ReadError
from leadlens.io import read
from leadlens.io.header import codes_of
from leadlens.io.wfdb import read_header, read_wfdb

with warnings.catch_warnings():
    # wfdb 4.3 meets a deprecation of pandas 3 when it is imported.
    warnings.simplefilter("ignore")
    import wfdb

Write = Callable[..., Path]
RAMP = np.arange(24, dtype=np.int16).reshape(12, 2)


def by_wfdb(header: Path) -> np.ndarray:
    """Return the signal as the wfdb package reads it, float32 (lead, time)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wfdb.rdrecord(str(header.with_suffix(""))).p_signal.T.astype(np.float32)


def write_lines(folder: Path, *lines: str, counts: np.ndarray = RAMP) -> Path:
    """Write a header of these lines, and the counts (lead, time) without any offset as A.dat."""
    (folder / "A.dat").write_bytes(counts.T.astype("<i2").tobytes())
    (folder / "A.hea").write_text("\n".join(lines) + "\n")
    return folder / "A.hea"


def test_a_challenge_record_is_read_with_all_that_its_header_says(write_record: Write) -> None:
    comments = ("#Age: 60", "#Sex: Male", "#Dx: 426783006,164889003", "# Patient: P1",
                "# Not annotated: 39732003")  # fmt: skip
    recording = read(write_record(comments=comments))
    assert recording.leads == STANDARD_LEADS
    assert (recording.record_id, recording.fs, recording.n_samples) == ("A0001", 500.0, 5000)
    assert (recording.age, recording.sex, recording.patient) == (60.0, "male", "P1")
    assert recording.codes == ("426783006", "164889003")
    assert recording.not_annotated == ("39732003",)
    assert recording.units == "mV"
    expected = np.round(make_recording().signal * 1000) / 1000
    np.testing.assert_allclose(recording.signal, expected, atol=1e-6)


def test_header_signal_file_and_common_name_give_the_same_recording(write_record: Write) -> None:
    header = write_record()
    signals = [read(path).signal for path in (header, header.with_suffix(".mat"),
                                              header.with_suffix(""), str(header))]  # fmt: skip
    assert all(np.array_equal(signals[0], other) for other in signals[1:])


def test_a_record_whose_name_has_a_dot_is_found(write_record: Write) -> None:
    header = write_record("rec.1")
    assert read(header.with_suffix("")).record_id == "rec.1"


def test_the_source_is_the_folder_unless_it_is_given(write_record: Write, tmp_path: Path) -> None:
    header = write_record(folder=tmp_path / "georgia")
    assert read(header).source == "georgia"
    assert read(header, "here").source == "here"


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_any_format_16_record_equals_what_the_wfdb_package_reads(data: st.DataObject) -> None:
    n_leads = data.draw(st.integers(1, 5))
    n_samples = data.draw(st.integers(1, 20))
    ints = st.integers(-32768, 32767)
    counts = data.draw(hnp.arrays(np.int16, (n_leads, n_samples), elements=ints))
    gain = data.draw(st.sampled_from(["1000/mV", "4880/mV", "200", "0/mV", "1000.0(0)/mV",
                                      "1716(6)/mV", "1000(-300)/mV"]))  # fmt: skip
    layout = data.draw(st.sampled_from(["16", "16x1", "16:0"]))
    adc_zero = data.draw(st.sampled_from(["", " 16", " 16 0", " 16 12 5 6 0"]))
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"A.dat {layout} {gain}{adc_zero} V{i}" for i in range(n_leads)]
        header = write_lines(Path(folder), f"A {n_leads} 500 {n_samples}", *lines, counts=counts)
        assert np.array_equal(read(header).signal, by_wfdb(header), equal_nan=True)


def test_the_24_byte_matlab_header_is_skipped_as_wfdb_does(write_record: Write) -> None:
    header = write_record()
    assert np.array_equal(read(header).signal, by_wfdb(header))


def test_leads_that_start_later_are_read_by_their_skew_as_wfdb_does(tmp_path: Path) -> None:
    counts = np.arange(40, dtype=np.int16).reshape(2, 20)
    header = write_lines(tmp_path, "A 2 500 20", "A.dat 16:3 1000/mV I", "A.dat 16 1000/mV II",
                         counts=counts)  # fmt: skip
    signal = read(header).signal
    assert np.array_equal(signal, by_wfdb(header), equal_nan=True)
    assert signal[0, 0] == np.float32(counts[0, 3] / 1000)


@pytest.mark.parametrize(
    ("gain", "factor"),
    [("1000/mV", 1e-3), ("1000.0(0)/mV", 1e-3), ("4880/mV", 1 / 4880), ("1000/mv", 1e-3),
     ("1/uV", 1e-3), ("1(0)/\u00b5V", 1e-3), ("1000000/V", 1e-3), ("200", 1 / 200), ("0", 1 / 200)],
)  # fmt: skip
def test_counts_become_millivolts_whatever_the_unit(
    write_record: Write, gain: str, factor: float
) -> None:
    counts = np.array([[1000, -2000, 3]] * 2, np.int16)
    header = write_record(counts=counts, leads=("I", "II"), gain=gain)
    recording = read(header)
    np.testing.assert_allclose(recording.signal, counts * factor, rtol=1e-6)
    assert recording.units == "mV"


def test_units_without_scale_make_a_relative_recording(write_record: Write) -> None:
    recording = read(write_record(counts=RAMP, gain="1000(0)/NU"))
    assert recording.units == "relative"
    np.testing.assert_allclose(recording.signal, RAMP / 1000, rtol=1e-6)


@pytest.mark.parametrize(("units", "said"), [(("mmHg", "mV"), "'mmHg'"), (("mV", "NU"), "'NU'")])
def test_an_unknown_or_mixed_unit_is_refused_by_name(
    tmp_path: Path, units: tuple[str, str], said: str
) -> None:
    header = write_lines(tmp_path, "A 2 500 4", *(f"A.dat 16 10/{unit} x{unit}" for unit in units))
    with pytest.raises(ReadError, match=f"unit {said} is not known"):
        read(header)


def test_leads_of_different_volt_units_are_each_brought_to_millivolts(tmp_path: Path) -> None:
    header = write_lines(tmp_path, "A 2 500 2", "A.dat 16 1000/mV I", "A.dat 16 1/uV II",
                         counts=np.array([[500, 600], [500, 600]], np.int16))  # fmt: skip
    np.testing.assert_allclose(read(header).signal, [[0.5, 0.6], [0.5, 0.6]], rtol=1e-6)


def test_the_count_for_missing_becomes_nan_and_its_neighbour_does_not(write_record: Write) -> None:
    counts = np.array([[0, -32768, -32767, 5]], np.int16)
    signal = read(write_record(counts=counts, leads=("V1",), gain="1000(100)/mV")).signal
    assert np.isnan(signal).tolist() == [[False, True, False, False]]
    np.testing.assert_allclose(signal[0, [0, 2, 3]], [-0.1, -32.867, -0.095], rtol=1e-6)


def test_leads_in_capitals_get_their_standard_names(write_record: Write) -> None:
    header = write_record(counts=RAMP, leads=tuple(name.upper() for name in STANDARD_LEADS))
    assert read(header).leads == STANDARD_LEADS


def test_a_lead_that_occurs_twice_is_refused(write_record: Write) -> None:
    header = write_record(counts=RAMP[:2], leads=("avr", "aVR"))
    with pytest.raises(ReadError, match=r"A0001.hea: .*a lead occurs twice"):
        read(header)


def test_a_record_name_with_the_signal_files_suffix_is_read(write_record: Write) -> None:
    header = write_record("E07500", RAMP, record_line="E07500.mat 12 500 2 05-May-2020 09:49:17")
    recording = read(header)
    assert recording.record_id == "E07500"
    np.testing.assert_allclose(recording.signal, RAMP / 1000, rtol=1e-6)


def test_a_header_without_length_takes_all_that_the_file_holds(write_record: Write) -> None:
    assert read(write_record(counts=RAMP, record_line="A0001 12 500")).n_samples == 2


def test_a_file_with_more_samples_than_announced_is_read_as_far_as_announced(
    write_record: Write,
) -> None:
    header = write_record(record_line="A0001 12 500 1200")
    assert np.array_equal(read(header).signal, by_wfdb(header))
    assert read(header).n_samples == 1200


def test_leads_in_two_signal_files_are_joined(tmp_path: Path) -> None:
    (tmp_path / "B.dat").write_bytes(np.array([7, 8], "<i2").tobytes())
    header = write_lines(tmp_path, "A 3 500 2", "A.dat 16 1000/mV I", "A.dat 16 1000/mV II",
                         "B.dat 16 1000/mV V1", counts=RAMP[:2])  # fmt: skip
    recording = read(header)
    assert recording.leads == ("I", "II", "V1")
    assert np.array_equal(recording.signal, by_wfdb(header))


def test_signal_files_of_different_lengths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "B.dat").write_bytes(np.arange(5, dtype="<i2").tobytes())
    header = write_lines(tmp_path, "A 2 500", "A.dat 16 1000/mV I", "B.dat 16 1000/mV V1",
                         counts=RAMP[:1])  # fmt: skip
    with pytest.raises(ReadError, match="different lengths"):
        read(header)


def test_a_file_that_is_cut_short_is_refused_with_both_numbers(write_record: Write) -> None:
    header = write_record()
    signal = header.with_suffix(".mat")
    signal.write_bytes(signal.read_bytes()[: 24 + 2 * 12 * 4000 + 5])
    with pytest.raises(ReadError, match=r"A0001.mat: 4000 samples a lead.*announces 5000"):
        read(header)


def test_a_header_that_claims_more_samples_than_the_file_has_is_refused_at_once(
    write_record: Write,
) -> None:
    header = write_record(record_line=f"A0001 12 500 {10**12}")
    tracemalloc.start()
    with pytest.raises(ReadError, match="cut short"):
        read(header)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("n_bytes", [0, 10, 24, 25])
def test_a_signal_file_without_samples_is_refused(write_record: Write, n_bytes: int) -> None:
    header = write_record(record_line="A0001 12 500")
    header.with_suffix(".mat").write_bytes(b"\0" * n_bytes)
    with pytest.raises(ReadError, match="0 samples a lead"):
        read(header)


@pytest.mark.parametrize("name", ["../B.dat", "/etc/passwd", "sub/B.dat", "A\0.dat"])
@pytest.mark.parametrize("layout", ["16", "212"])
def test_a_signal_file_outside_the_records_folder_is_refused(
    tmp_path: Path, name: str, layout: str
) -> None:
    folder = tmp_path / "inner"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path / "B.dat", folder / "sub" / "B.dat"):
        place.write_bytes(b"\0" * 100)
    header = write_lines(folder, "A 1 500 2", f"{name} {layout} 1000/mV I")
    with pytest.raises(ReadError, match="outside the record's folder"):
        read(header)


def test_a_missing_signal_file_is_refused_by_name(write_record: Write) -> None:
    header = write_record()
    header.with_suffix(".mat").unlink()
    with pytest.raises(ReadError, match=r"A0001.mat: No such file"):
        read(header)


def test_a_missing_header_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"nothing.hea: No such file"):
        read(tmp_path / "nothing")


def test_another_kind_of_file_is_refused_with_its_suffix(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"'.edf' files are not read"):
        read(tmp_path / "night.edf")


def test_leads_that_start_at_different_offsets_of_one_file_are_refused(tmp_path: Path) -> None:
    header = write_lines(tmp_path, "A 2 500 2", "A.dat 16+24 1000/mV I", "A.dat 16 1000/mV II")
    with pytest.raises(ReadError, match="different offsets"):
        read(header)


@pytest.mark.parametrize("text", ["", "#Dx: 426783006\n", "A 0 500 10\n"])
def test_a_header_without_leads_is_refused(tmp_path: Path, text: str) -> None:
    header = write_lines(tmp_path, text)
    with pytest.raises(ReadError, match=r"A.hea: "):
        read(header)


@settings(deadline=None, max_examples=150)
@given(content=st.binary(max_size=300), tail=st.booleans())
def test_garbage_in_a_header_gives_a_read_error_and_nothing_else(
    content: bytes, tail: bool
) -> None:
    lines = b"A 1 500 2\nA.dat 16 1000/mV I\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "A.hea"
        path.write_bytes(lines[: len(content) % len(lines)] + content if tail else content)
        (Path(folder) / "A.dat").write_bytes(b"\1\0\2\0")
        try:
            recording = read(path)
        except ReadError:
            return
        assert recording.n_samples <= 2


@pytest.mark.parametrize("fmt", ["212", "80", "24", "32"])
def test_other_formats_are_read_by_the_wfdb_package(tmp_path: Path, fmt: str) -> None:
    signal = np.round(make_recording(duration=1.0).signal[:2].T.astype(float), 2) / 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wfdb.wrsamp("A", fs=500, units=["mV"] * 2, sig_name=["I", "II"], p_signal=signal,
                    fmt=[fmt] * 2, adc_gain=[100, 100], baseline=[0, 0], write_dir=str(tmp_path),
                    comments=["Dx: 426783006", "Age: 300"])  # fmt: skip
    recording = read(tmp_path / "A.hea")
    assert np.array_equal(recording.signal, by_wfdb(tmp_path / "A.hea"))
    assert (recording.codes, recording.age, recording.leads) == (("426783006",), 90.0, ("I", "II"))


def test_a_segment_that_is_missing_gives_a_read_error(tmp_path: Path) -> None:
    header = write_lines(tmp_path, "A/2 2 500 4", "B 2", "C 2")
    with pytest.raises(ReadError, match=r"A.hea: the wfdb package cannot read it: .*B.hea"):
        read(header)


def test_a_damaged_record_of_another_format_gives_a_read_error(tmp_path: Path) -> None:
    header = write_lines(tmp_path, f"A 2 500 {10**12}", "A.dat 212 200 I", "A.dat 212 200 II")
    with pytest.raises(ReadError, match=r"A.hea: the wfdb package cannot read it"):
        read(header)


def rows_of(real_data: Path, *tops: str) -> list[dict[str, str]]:
    with (real_data / "records.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["path"].split("/")[0] in tops]


@pytest.mark.real_data
def test_every_real_record_that_wfdb_reads_has_exactly_its_values(real_data: Path) -> None:
    n_compared = 0
    for header in sorted(real_data.rglob("*.hea")):
        try:
            expected = by_wfdb(header)
        except Exception:
            continue
        assert np.array_equal(read_wfdb(header).signal, expected, equal_nan=True), header
        n_compared += 1
    assert n_compared >= 1400


@pytest.mark.real_data
def test_records_whose_name_has_a_suffix_have_the_values_of_their_corrected_copy(
    real_data: Path, tmp_path: Path
) -> None:
    n_compared = 0
    for header in sorted((real_data / "cinc2021").rglob("*.hea")):
        first, _, rest = header.read_text().partition("\n")
        if ".mat" not in first:
            continue
        copy = tmp_path / header.name
        copy.write_text(first.replace(".mat", "") + "\n" + rest)
        copy.with_suffix(".mat").write_bytes(header.with_suffix(".mat").read_bytes())
        assert np.array_equal(read(header).signal, by_wfdb(copy), equal_nan=True), header
        n_compared += 1
    assert n_compared == 6


@pytest.mark.real_data
def test_labels_of_the_challenge_records_are_those_of_the_table(real_data: Path) -> None:
    rows = rows_of(real_data, "cinc2021")
    for row in rows:
        codes = read_header_codes(real_data, row)
        assert set(codes or ()) == set(row["labels"].split(";")), row["path"]
        if "CPSC text" not in row["label_vocabulary"]:
            assert codes == tuple(dict.fromkeys(row["labels_raw"].split(","))), row["path"]
    assert len(rows) == 159


@pytest.mark.real_data
def test_labels_of_the_zscored_records_are_those_of_the_table(real_data: Path) -> None:
    rows = rows_of(real_data, "ptb-xl_zscored")
    for row in rows:
        scored = set(read_header_codes(real_data, row) or ()) & set(scored_codes())
        assert scored == set(filter(None, row["labels"].split(";"))), row["path"]
    assert len(rows) == 909


def read_header_codes(real_data: Path, row: dict[str, str]) -> tuple[str, ...] | None:
    return codes_of(read_header(real_data / f"{row['path']}.hea"))


@pytest.mark.real_data
def test_axis_labels_are_unknown_exactly_where_the_table_says_so(real_data: Path) -> None:
    n_incomplete = 0
    for row in rows_of(real_data, "ptb-xl_zscored"):
        recording = read(real_data / row["path"])
        is_complete = row["axis_labels_complete"] == "True"
        assert recording.not_annotated == (() if is_complete else ("39732003", "47665007"))
        assert recording.units == "relative"
        n_incomplete += not is_complete
    assert n_incomplete == 664


@pytest.mark.real_data
def test_ages_and_sexes_are_those_of_the_table(real_data: Path) -> None:
    for row in rows_of(real_data, "cinc2021", "ptb-xl_zscored"):
        recording = read(real_data / row["path"])
        age = None if row["age"] in ("", "NaN") else min(float(row["age"]), 90.0)
        assert recording.age == age, row["path"]
        assert recording.sex == (row["sex"].lower() or None), row["path"]


@pytest.mark.real_data
def test_real_headers_without_their_signal_are_refused_with_the_file_name(real_data: Path) -> None:
    headers = sorted((real_data / "edge_cases" / "header_without_signal").glob("*.hea"))
    assert len(headers) == 20
    for header in headers:
        with pytest.raises(ReadError, match=rf"{header.stem}\.mat: No such file"):
            read(header)


@pytest.mark.real_data
def test_real_text_labels_all_have_codes(real_data: Path) -> None:
    headers = sorted((real_data / "edge_cases" / "text_labels").glob("*.hea"))
    assert len(headers) == 30
    assert all(len(codes_of(read_header(header)) or ()) == 1 for header in headers)


@pytest.mark.real_data
def test_all_real_header_variants_say_the_same_of_a_record(real_data: Path) -> None:
    folder = real_data / "edge_cases" / "header_variants"
    for header in sorted(folder.rglob("*.hea")):
        parsed = read_header(header)
        assert (len(parsed.signals), parsed.fs in (257.0, 500.0, 1000.0)) == (12, True), header
        assert {line.format for line in parsed.signals} == {16}, header


@pytest.mark.real_data
def test_a_real_record_without_dx_line_is_not_annotated(real_data: Path) -> None:
    assert read(real_data / "edge_cases" / "no_dx_line" / "ETEST.hea").codes is None
