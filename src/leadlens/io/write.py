"""Writing WFDB records in the form of the PhysioNet/CinC Challenge 2021: a `.hea` and a `.mat`.

The signal is format 16 (int16, little-endian, interleaved) behind the 24 bytes that begin a matrix
in a MATLAB v4 file, so the same file is WFDB's `16+24` and what MATLAB and SciPy load as `val`.
Layout of the text: WFDB's `header(5)`, and the Challenge's own files.
"""

import math
import re
import struct
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Int16

from leadlens.ecg.leads import lead_name
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, SignalError
from leadlens.files import written_beside
from leadlens.io.header import HIGHEST_FS, LOWEST_FS, OVER_89
from leadlens.io.wfdb import MISSING_COUNT

HIGHEST_COUNT: Final = 32767
"""The largest count of format 16 either way: -32768 says that nothing was recorded."""

_MATLAB_INT16: Final = 30
"""MATLAB v4's type of a full matrix of int16, little-endian."""
_RECORD_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)


def write_wfdb(recording: Recording, folder: Path, adc_gain: float = 1000.0) -> Path:
    """Write `recording` to `folder` as `<record_id>.mat` and `.hea`; return the header's path.

    `leadlens.io.read` gives back the recording, its signal rounded to whole counts (NaN stays
    NaN), except for `source`, which a header cannot hold. The header replaces an older one last.

    Args:
        recording: in mV, or in relative units, which are written as "NU".
        folder: made if it is not there.
        adc_gain: counts a mV (or a relative unit); 1000 stores steps of 1 uV, 204.8 of 4.88 uV.

    Raises:
        SignalError: what the recording holds does not fit the format; nothing is written.
        ConfigError: `adc_gain` is not a positive number that a header can say.
    """
    _check(recording)
    if not 1e-12 < adc_gain < 1e12:
        raise ConfigError(
            f"adc_gain {adc_gain} is no number of counts a millivolt: give, for example, 1000"
        )
    counts = _counts(recording, adc_gain)
    text = "\n".join([*_layout_lines(recording, counts, adc_gain), *_comments(recording)]) + "\n"
    header = folder / f"{recording.record_id}.hea"
    # Both are complete before either is renamed; the signal, inside, is renamed first.
    with (
        written_beside(header) as header_beside,
        written_beside(header.with_suffix(".mat")) as signal_beside,
    ):
        header_beside.write_text(text, encoding="utf-8", newline="\n")
        signal_beside.write_bytes(_matlab_start(counts) + counts.T.astype("<i2").tobytes())
    return header


def _check(recording: Recording) -> None:
    """Raise a SignalError for what a reader of the header would not understand, or not as meant."""
    name = recording.record_id
    if not _RECORD_NAME.fullmatch(name):
        raise SignalError(
            f"record id {name!r} is no name for a WFDB file: use letters, digits, '_' and '-'"
        )
    if recording.n_leads == 0 or not LOWEST_FS <= recording.fs <= HIGHEST_FS:
        raise SignalError(
            f"{name}: {recording.n_leads} leads at {recording.fs} Hz make no WFDB record: "
            f"one lead at least, at {LOWEST_FS:g} to {HIGHEST_FS:g} Hz, is needed"
        )
    for lead in recording.leads:
        plain = lead_name(" ".join(lead.split()))
        if plain != lead or not _is_line(lead):
            raise SignalError(f"{name}: lead {lead!r} would be read as {plain!r}: rename it")
    if recording.patient is not None and not _is_line(recording.patient):
        raise SignalError(
            f"{name}: patient {recording.patient!r} would be read as another: one line of "
            "printable characters without blanks around it, or None, is needed"
        )
    if recording.age is not None and not 0 <= recording.age <= 300:
        raise SignalError(f"{name}: age {recording.age} is none: give 0 to 300 years, or None")
    if recording.codes == ():
        raise SignalError(
            f"{name}: a header cannot say that no diagnosis was found (codes=()): give the code "
            "of a normal finding, or None if nobody annotated it"
        )
    for code in (*(recording.codes or ()), *recording.not_annotated):
        if not (code.isascii() and code.isdigit()):
            raise SignalError(f"{name}: {code!r} is no SNOMED CT code: it consists of digits")


def _is_line(text: str) -> bool:
    """Return whether `text` comes back the same as the last part of a header's line."""
    return bool(text) and text.isprintable() and text == text.strip()


def _counts(recording: Recording, adc_gain: float) -> Int16[np.ndarray, "lead time"]:
    """Return the signal in counts, MISSING_COUNT where it is NaN."""
    signal = recording.signal.astype(np.float64)
    counts = np.round(signal * adc_gain)
    if np.nanmax(np.abs(counts), initial=0.0) > HIGHEST_COUNT:
        row, time = np.unravel_index(np.nanargmax(np.abs(signal)), signal.shape)
        value = float(signal[row, time])
        unit = "mV" if recording.units == "mV" else "relative units"
        way_out = (
            f"the largest adc_gain that holds it is {_rounded_down(HIGHEST_COUNT / abs(value))}"
            if math.isfinite(value)
            else "no adc_gain holds it: write NaN where nothing was recorded"
        )
        raise SignalError(
            f"{recording.record_id}: lead {recording.leads[row]} reaches {value:.6g} {unit} in "
            f"sample {time}, beyond 16 bits at {_decimal(adc_gain)} counts a unit: {way_out}"
        )
    return np.where(np.isnan(counts), MISSING_COUNT, counts).astype(np.int16)


def _layout_lines(
    recording: Recording, counts: Int16[np.ndarray, "lead time"], adc_gain: float
) -> list[str]:
    """Return the record line and a signal line for each lead."""
    name = recording.record_id
    unit = "mV" if recording.units == "mV" else "NU"
    fields = f"{name}.mat 16+24 {_decimal(adc_gain)}/{unit} 16 0"
    # A checksum is the sum of all counts in 16 bits, with a sign.
    checksums = counts.sum(axis=1, dtype=np.int64).astype(np.int16)
    return [
        f"{name} {recording.n_leads} {_decimal(recording.fs)} {recording.n_samples}",
        *(
            f"{fields} {row[0]} {checksum} 0 {lead}"
            for row, checksum, lead in zip(counts, checksums, recording.leads, strict=True)
        ),
    ]


def _comments(recording: Recording) -> list[str]:
    """Return the Challenge's comments on the person, then those that only leadlens writes.

    Without annotation there is no `Dx` line. An age over 89 is written as 90, never as it is.
    """
    age = recording.age
    if age is not None and age > 89:
        age = OVER_89
    lines = [f"#Age: {'NaN' if age is None else _decimal(age)}"]
    lines += [f"#Sex: {(recording.sex or 'unknown').capitalize()}"]
    if recording.codes is not None:
        lines.append(f"#Dx: {','.join(recording.codes)}")
    lines += [f"#{key}: Unknown" for key in ("Rx", "Hx", "Sx")]
    if recording.not_annotated:
        lines.append(f"# Not annotated: {','.join(recording.not_annotated)}")
    if recording.patient is not None:
        lines.append(f"# Patient: {recording.patient}")
    return lines


def _matlab_start(counts: Int16[np.ndarray, "lead time"]) -> bytes:
    """Return the 24 bytes before the counts: type, rows, columns, no imaginary part, name."""
    return struct.pack("<5i4s", _MATLAB_INT16, *counts.shape, 0, len(b"val\0"), b"val\0")


def _decimal(value: float) -> str:
    """Return the shortest digits that give back `value`, without an exponent."""
    return np.format_float_positional(float(value), trim="-")


def _rounded_down(value: float) -> str:
    """Return `value` to four digits, never larger."""
    step = 10.0 ** (math.floor(math.log10(value)) - 3)
    return f"{math.floor(value / step) * step:g}"
