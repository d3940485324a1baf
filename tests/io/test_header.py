"""Headers: every spelling met in the archives."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadlens.ecg.diagnoses import diagnosis
from leadlens.errors import ReadError
from leadlens.io.header import (
    Header,
    age_of,
    codes_of,
    not_annotated_of,
    parse_header,
    sex_of,
)

with warnings.catch_warnings():
    # wfdb 4.3 meets a deprecation of pandas 3 when it is imported.
    warnings.simplefilter("ignore")
    import wfdb

NSR = "426783006"


def header(*comments: str) -> Header:
    return parse_header(
        "\n".join(["A 1 500 10", "A.mat 16+24 1000/mV 16 0 0 0 0 I", *comments]), "A"
    )


@pytest.mark.parametrize(
    "line", [f"#Dx: {NSR}", f"# Dx: {NSR}", f"#Dx:{NSR}", f"#  dx :  {NSR} ", f"#DX: {NSR},"]
)
def test_the_dx_line_is_read_in_every_spelling(line: str) -> None:
    assert codes_of(header(line)) == (NSR,)


def test_codes_keep_their_order_and_repeated_ones_are_given_once() -> None:
    line = "#Dx: 251146004, 284470004,284470004 ,164889003"
    assert codes_of(header(line)) == ("251146004", "284470004", "164889003")


@pytest.mark.parametrize("line", ["#Dx:", "#Dx: ", "#Dx: NaN", "# Dx: nan", "#Dx: Unknown",
                                  "#Dx: ,", "#Dx: n/a", "#Rx: Unknown", "#Dx"])  # fmt: skip
def test_a_dx_line_that_says_nothing_means_that_nobody_annotated(line: str) -> None:
    assert codes_of(header(line)) is None


@pytest.mark.parametrize(
    ("label", "name"),
    [("RBBB", "RBBB"), ("AF", "AF"), ("LBBB", "LBBB"), ("PAC", "PAC"), ("Normal", "NSR"),
     ("I-AVB", "IAVB")],
)  # fmt: skip
def test_text_labels_become_their_codes(label: str, name: str) -> None:
    assert codes_of(header(f"#Dx: {label}")) == (diagnosis(name).code,)


@pytest.mark.parametrize(("label", "code"), [("STD", "429622005"), ("STE", "164931005")])
def test_text_labels_outside_the_30_become_their_codes_too(label: str, code: str) -> None:
    assert codes_of(header(f"#Dx: {label}")) == (code,)


@pytest.mark.parametrize("label", ["some words", "RBBB,funny", "426783006 and more", "-5"])
def test_words_that_are_no_label_mean_unknown_not_absent(label: str) -> None:
    assert codes_of(header(f"#Dx: {label}")) is None


@pytest.mark.parametrize(
    ("text", "age"),
    [("60", 60.0), ("4", 4.0), ("0", 0.0), ("54.5", 54.5), ("89", 89.0), ("89.5", 90.0),
     ("90", 90.0), ("93", 90.0), ("300", 90.0), ("301", None), ("-1", None), ("NaN", None),
     ("", None), ("inf", None), ("Unknown", None)],
)  # fmt: skip
def test_ages_are_years_or_none_and_90_above_89(text: str, age: float | None) -> None:
    assert age_of(header(f"#Age: {text}")) == age


@pytest.mark.parametrize(
    ("text", "sex"),
    [("Male", "male"), ("male", "male"), ("M", "male"), ("m", "male"), ("Female", "female"),
     ("female", "female"), ("F", "female"), ("FEMALE", "female"), ("Unknown", None), ("", None),
     ("NaN", None), ("missing", None)],
)  # fmt: skip
def test_sexes_are_read_in_every_spelling(text: str, sex: str | None) -> None:
    assert sex_of(header(f"# Sex: {text}")) == sex


def test_keys_in_angle_brackets_are_understood() -> None:
    parsed = header("#<age>: >89", "#<sex>: F")
    assert (age_of(parsed), sex_of(parsed)) == (90.0, "female")
    assert age_of(header("#<age>: 51")) == 51.0


def test_age_and_sex_that_are_not_given_are_none() -> None:
    assert age_of(header()) is None
    assert sex_of(header()) is None


def test_codes_that_nobody_looked_for_are_listed() -> None:
    assert not_annotated_of(header("# Not annotated: 39732003,47665007")) == (
        "39732003",
        "47665007",
    )
    assert not_annotated_of(header()) == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A.mat 16+24 1000/mV 16 0 -7 123 0 aVR", (16, 1, 0, 24, 1000.0, 0, "mV", "aVR")),
        ("A.dat 16 1000.0(0)/mV 16 0 -119 1508 0 I", (16, 1, 0, 0, 1000.0, 0, "mV", "I")),
        ("A.mat 16x1+24 4880/mV 16 0 0 0 0 V1", (16, 1, 0, 24, 4880.0, 0, "mV", "V1")),
        ("A.dat 16:3 200 12 5 0 0 0 II", (16, 1, 3, 0, 200.0, 5, "mV", "II")),
        ("A.dat 16x2:3+24 200", (16, 2, 3, 24, 200.0, 0, "mV", "")),
        ("A.dat 16 1716(6)/mV 0 0 -120 -32198 0 i", (16, 1, 0, 0, 1716.0, 6, "mV", "i")),
        ("A.dat 16 1000.0(-5)/uV 16 9", (16, 1, 0, 0, 1000.0, -5, "uV", "")),
        ("A.dat 16 1000/mV V6", (16, 1, 0, 0, 1000.0, 0, "mV", "V6")),
        ("A.dat 16 1000/mV 16 0    AVR", (16, 1, 0, 0, 1000.0, 0, "mV", "AVR")),
        ("A.dat 16 0/mV 16 0 0 0 0 my lead", (16, 1, 0, 0, 200.0, 0, "mV", "my lead")),
        ("A.dat 212", (212, 1, 0, 0, 200.0, 0, "mV", "")),
        ("A.dat 16 1e3/mV", (16, 1, 0, 0, 1000.0, 0, "mV", "")),
        ("A.dat 16 -1000/mV", (16, 1, 0, 0, -1000.0, 0, "mV", "")),
    ],
)
def test_a_signal_line_is_read_with_any_of_its_optional_fields(line: str, expected: tuple) -> None:
    signal = parse_header(f"A 1 500 10\n{line}", "A").signals[0]
    assert (signal.format, signal.samples_per_frame, signal.skew, signal.offset, signal.gain,
            signal.baseline, signal.unit, signal.description) == expected  # fmt: skip


@pytest.mark.parametrize(
    ("line", "fs", "n_samples"),
    [("A 1 500 10", 500.0, 10), ("A.mat 1 500 10 05-May-2020 09:49:17", 500.0, 10),
     ("A 1 500", 500.0, None), ("A 1 500 0", 500.0, None), ("A 1", 250.0, None),
     ("A 1 500/1000(2) 10", 500.0, 10), ("A 1 257.5 10 12:49:26 31/07/1987", 257.5, 10)],
)  # fmt: skip
def test_a_record_line_is_read_with_any_of_its_optional_fields(
    line: str, fs: float, n_samples: int | None
) -> None:
    parsed = parse_header(f"{line}\nA.mat 16", "A")
    assert (parsed.fs, parsed.n_samples) == (fs, n_samples)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "A.hea: the header is empty"),
        ("\n # only: comments\n", "the header is empty"),
        ("A", "the record line 'A' cannot be understood"),
        ("A twelve 500 10", "the record line 'A twelve 500 10'"),
        ("A 12 fast", "the record line 'A 12 fast'"),
        ("A 0 500 10", "0 signals, 10 samples"),
        ("A -3 500 10", "-3 signals"),
        ("A 1 500 -10\nA.mat 16", "-10 samples"),
        ("A 1 0 10\nA.mat 16", "at 0.0 Hz make no recording"),
        ("A 1 nan 10\nA.mat 16", "at nan Hz"),
        ("A 1 1e30 10\nA.mat 16", "at 1e.30 Hz"),
        ("A 1 1e-9 10\nA.mat 16", "at 1e-09 Hz"),
        ("A 12 500 10\nA.mat 16", "12 signals announced, 1 described"),
        ("A 1 500 10\nA.mat", "the signal line 'A.mat' cannot be understood"),
        ("A 1 500 10\nA.mat sixteen", "the signal line 'A.mat sixteen'"),
        ("A 1 500 10\nA.mat 16 many/mV", "the signal line 'A.mat 16 many/mV'"),
        ("A 1 500 10\nA.mat 16 1e400/mV", "the gain 1e400"),
        ("A 1 500 10\nA.mat 16 1e-46/mV", "the gain 1e-46"),
        (f"A 1 500 10\nA.mat {'9' * 5000}", "the signal line 'A.mat 9999"),
        (f"A 1 500 10\nA.mat 16 9({'9' * 400})", "the signal line"),
    ],
)  # fmt: skip
def test_a_header_that_makes_no_sense_is_refused_with_what_it_says(text: str, said: str) -> None:
    with pytest.raises(ReadError, match=said):
        parse_header(text, "A.hea")


_WORDS = st.sampled_from(["A", "A.mat", "16", "16+24", "1000/mV", "0", "12", "500", "5000", "\n",
                          "#Dx:", "1", "-1", "x", "A/2", "9" * 5000, "1e999", "\0"])  # fmt: skip


@given(text=st.text(max_size=200) | st.lists(_WORDS, max_size=30).map(" ".join))
@example("A 1 500 10\nA.mat 16 1000/mV 16 " + "9" * 5000)
def test_any_text_is_a_header_or_a_read_error(text: str) -> None:
    try:
        parsed = parse_header(text, "A.hea")
    except ReadError:
        return
    assert parsed.n_segments != 1 or len(parsed.signals) >= 1
    assert all(np.isfinite(line.gain) and line.gain for line in parsed.signals)


def test_the_fields_are_those_that_the_wfdb_package_reads(tmp_path: Path) -> None:
    text = (
        "A 2 257 10\nA.dat 16 1000.5(-3)/mV 16 7 1 2 0 lead one\nA.dat 16:4 200/uV 12 5 1 2 0 II\n"
    )
    (tmp_path / "A.hea").write_text(text)
    theirs = wfdb.rdheader(str(tmp_path / "A"))
    ours = parse_header(text, "A")
    assert [line.gain for line in ours.signals] == theirs.adc_gain
    assert [line.baseline for line in ours.signals] == theirs.baseline
    assert [line.unit for line in ours.signals] == theirs.units
    assert [line.description for line in ours.signals] == theirs.sig_name
    assert [line.skew for line in ours.signals] == [skew or 0 for skew in theirs.skew]
