"""WFDB records: CinC Challenge files by our own reader, other formats by the wfdb package.

Format 16 (two's-complement, little-endian, interleaved; in `.mat` after a 24-byte MATLAB header)
is what the public 12-lead archives use. Reading it directly takes 0.1 ms a record.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from leadlens.ecg.leads import lead_name
from leadlens.ecg.recording import Recording, Units
from leadlens.errors import ReadError, SignalError, require_extra
from leadlens.io.header import (
    Header,
    SignalLine,
    age_of,
    codes_of,
    not_annotated_of,
    parse_header,
    sex_of,
)

MISSING_COUNT = -32768
"""The count by which format 16 says that a sample was not recorded."""

_MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "\u00b5v": 1e-3, "v": 1e3}
_RELATIVE = {"nu", "adu", "a.u."}


def read_wfdb(path: str | Path, source: str | None = None) -> Recording:
    """Return the WFDB record at `path` (header, signal file, or their common name).

    The signal is in mV and NaN where the file says that nothing was recorded. A header without
    `Dx` gives `codes=None`: unknown. Records in units without scale ("NU") are `relative`.

    Raises:
        ReadError: naming the file and the reason.
    """
    header_path = Path(path)
    if header_path.suffix.lower() in (".mat", ".dat"):
        header_path = header_path.with_suffix(".hea")
    elif header_path.suffix.lower() != ".hea":
        header_path = header_path.with_name(header_path.name + ".hea")
    header = read_header(header_path)
    for file in dict.fromkeys(line.file for line in header.signals):
        if Path(file).name != file or "\0" in file:
            raise ReadError(f"{header_path}: signal file {file!r} lies outside the record's folder")
    is_plain = header.n_segments == 1 and all(
        line.format == 16 and line.samples_per_frame == 1 and line.skew == 0
        for line in header.signals
    )
    raw = _format_16(header, header_path) if is_plain else _by_wfdb(header_path)
    signal, leads, unit_names = raw
    signal, units = _to_millivolts(signal, unit_names, header_path)
    try:
        return Recording(
            signal=signal,
            fs=header.fs,
            leads=tuple(lead_name(name) for name in leads),
            record_id=header_path.stem,
            source=source or header_path.resolve().parent.name or "unknown",
            age=age_of(header),
            sex=sex_of(header),
            codes=codes_of(header),
            not_annotated=not_annotated_of(header),
            patient=header.comments.get("patient") or None,
            units=units,
        )
    except SignalError as error:
        raise ReadError(f"{header_path}: {error}") from error


def read_header(path: Path) -> Header:
    """Return the parsed header at `path`."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    return parse_header(text, str(path))


def _format_16(
    header: Header, path: Path
) -> tuple[Float32[np.ndarray, "lead time"], list[str], list[str]]:
    """Return the signal in the header's units, lead names and units, read by our own code."""
    files: dict[str, list[SignalLine]] = {}
    for line in header.signals:
        files.setdefault(line.file, []).append(line)
    rows = []
    for name, lines in files.items():
        counts = _read_counts(path, name, lines, header.n_samples)
        scaled = counts.astype(np.float32)
        scaled -= np.array([[line.baseline] for line in lines], dtype=np.float32)
        scaled /= np.array([[line.gain] for line in lines], dtype=np.float32)
        if counts.min() == MISSING_COUNT:
            scaled[counts == MISSING_COUNT] = np.nan
        rows.append(scaled)
    if len({row.shape[1] for row in rows}) > 1:
        raise ReadError(f"{path}: its signal files have different lengths")
    ordered = [line for lines in files.values() for line in lines]
    return (
        rows[0] if len(rows) == 1 else np.concatenate(rows),
        [line.description for line in ordered],
        [line.unit for line in ordered],
    )


def _read_counts(
    header_path: Path, name: str, lines: list[SignalLine], n_samples: int | None
) -> np.ndarray:
    """Return the int16 counts (lead, time) of one signal file, after checking its size."""
    path = header_path.with_name(name)
    if len({line.offset for line in lines}) > 1:
        raise ReadError(f"{header_path}: the leads in '{name}' start at different offsets")
    try:
        n_available = (path.stat().st_size - lines[0].offset) // (2 * len(lines))
        n_wanted = n_available if n_samples is None else n_samples
        if n_wanted < 1 or n_available < n_wanted:
            raise ReadError(
                f"{path}: {max(n_available, 0)} samples a lead, "
                f"but the header announces {n_samples or 'some'}: the file is cut short"
            )
        counts = np.fromfile(path, "<i2", count=n_wanted * len(lines), offset=lines[0].offset)
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    return np.ascontiguousarray(counts.reshape(n_wanted, len(lines)).T)


def _by_wfdb(path: Path) -> tuple[Float32[np.ndarray, "lead time"], list[str], list[str]]:
    """Return signal, lead names and units of any other WFDB record, read by the wfdb package."""
    wfdb = require_extra("wfdb", "formats", f"reading {path} (not plain format 16)")
    try:
        record = wfdb.rdrecord(str(path.with_suffix("")))
    except Exception as error:
        # wfdb raises what its parsing meets (ValueError, IndexError, KeyError, ...), undocumented.
        raise ReadError(f"{path}: the wfdb package cannot read it: {error}") from error
    if record.p_signal is None or record.p_signal.size == 0:
        raise ReadError(f"{path}: the record holds no signal")
    signal = np.ascontiguousarray(record.p_signal.T, dtype=np.float32)
    return signal, list(record.sig_name), list(record.units)


def _to_millivolts(
    signal: Float32[np.ndarray, "lead time"], unit_names: list[str], path: Path
) -> tuple[Float32[np.ndarray, "lead time"], Units]:
    """Return the signal in mV, or as it is where the header says that it has no scale."""
    names = [name.lower() for name in unit_names]
    if all(name in _RELATIVE for name in names):
        return signal, "relative"
    factors = [_MILLIVOLTS.get(name) for name in names]
    if None in factors:
        unknown = unit_names[factors.index(None)]
        raise ReadError(
            f"{path}: unit '{unknown}' is not known (mV, uV, V, or NU for all leads): "
            "correct the header's gain field, for example 1000/mV"
        )
    if set(factors) == {1.0}:
        return signal, "mV"
    return signal * np.array(factors, dtype=np.float32)[:, None], "mV"
