"""The text of a WFDB header: what it says of the signals and of the person.

The grammar is WFDB's `header(5)`; the comment lines (`#Age`, `#Sex`, `#Dx`) are those of the
PhysioNet/CinC Challenges, in all the spellings met in the archives.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

from leadlens.ecg.diagnoses import diagnoses
from leadlens.ecg.recording import Sex
from leadlens.errors import ReadError

OVER_89: Final = 90.0
"""Age given for persons over 89, whose age PTB-XL and PhysioNet withhold (written as 300)."""

_SEXES: Final[dict[str, Sex]] = {"f": "female", "female": "female", "m": "male", "male": "male"}
_CPSC_LABELS: Final = {
    "Normal": "426783006",
    "I-AVB": "270492004",
    "STD": "429622005",
    "STE": "164931005",
    "PVC": "164884008",
}
LOWEST_FS: Final = 1.0
HIGHEST_FS: Final = 1e6
"""Rates that a header may give; others are damage, and resampling from them would fill memory."""

_MISSING: Final = {"", "nan", "unknown", "none", "n/a"}
_SIGNAL_FORMAT: Final = re.compile(
    r"(\d{1,9})(?:x(\d{1,9}))?(?::(\d{1,9}))?(?:\+(\d{1,15}))?", re.ASCII
)
_GAIN: Final = re.compile(
    r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)(?:\((-?\d{1,10})\))?(?:/(\S+))?", re.ASCII
)
_NUMBER: Final = r"-?\d{1,18}(?:\s+|$)"
_REST: Final = re.compile(
    rf"(?:{_NUMBER}(?:(?=(-?\d+)){_NUMBER}(?:{_NUMBER}){{0,3}})?)?(.*)", re.ASCII
)
"""ADC resolution and zero, first value, checksum, block size, as many as given; then the name."""


class SignalLine(NamedTuple):
    """One lead of a header: where its samples lie and what they mean."""

    file: str
    format: int
    samples_per_frame: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    description: str


@dataclass(frozen=True)
class Header:
    """A parsed WFDB header. `n_samples` is None where the header does not say."""

    record: str
    n_segments: int
    fs: float
    n_samples: int | None
    signals: tuple[SignalLine, ...]
    comments: dict[str, str]


def parse_header(text: str, name: str) -> Header:
    """Return the header written in `text`; `name` is the file's, for messages."""
    lines = [line.strip() for line in text.splitlines()]
    content = [line for line in lines if line and not line.startswith("#")]
    if not content:
        raise ReadError(f"{name}: the header is empty")
    record, n_segments, n_signals, fs, n_samples = _record_line(content[0], name)
    given = content[1 : 1 + n_signals]
    if n_segments == 1 and len(given) < n_signals:
        raise ReadError(f"{name}: {n_signals} signals announced, {len(given)} described")
    signals = () if n_segments > 1 else tuple(_signal_line(line, name) for line in given)
    comments: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.lstrip("# ").partition(":")
        if line.startswith("#") and colon:
            # LUDB writes its keys in angle brackets: "#<age>: 51".
            comments.setdefault(key.strip().strip("<>").lower(), value.strip())
    return Header(record, n_segments, fs, n_samples, signals, comments)


def _record_line(line: str, name: str) -> tuple[str, int, int, float, int | None]:
    """Return record, number of segments, number of signals, fs, number of samples."""
    fields = line.split()
    record, _, segments = fields[0].partition("/")
    try:
        n_signals = int(fields[1])
        fs = float(re.split(r"[/(]", fields[2])[0]) if len(fields) > 2 else 250.0
        n_samples = int(fields[3]) if len(fields) > 3 else 0
        n_segments = int(segments) if segments else 1
    except (ValueError, IndexError) as error:
        raise ReadError(f"{name}: the record line '{line[:80]}' cannot be understood") from error
    if n_signals < 1 or n_samples < 0 or not LOWEST_FS <= fs <= HIGHEST_FS:
        raise ReadError(
            f"{name}: {n_signals} signals, {n_samples} samples at {fs} Hz make no recording"
        )
    return record, n_segments, n_signals, fs, n_samples or None


def _signal_line(line: str, name: str) -> SignalLine:
    """Return one signal line; the fields after the format are optional, the name comes last."""
    fields = line.split(maxsplit=3)
    layout = _layout(fields[1]) if len(fields) > 1 else None
    gain = _gain(fields[2] if len(fields) > 2 else "0")
    if layout is None or gain is None:
        raise ReadError(f"{name}: the signal line '{line[:80]}' cannot be understood")
    value, baseline, unit = gain
    # Beyond these no amplifier's gain lies, and float32 arithmetic would overflow.
    if value and not 1e-12 < abs(value) < 1e12:
        raise ReadError(f"{name}: the gain {fields[2]} in '{line[:80]}' cannot be right")
    found = _REST.fullmatch(fields[3] if len(fields) > 3 else "")
    adc_zero, description = found.groups() if found else (None, "")
    return SignalLine(
        fields[0],
        *layout,
        # WFDB: no gain, or a gain of 0, stands for 200 counts a millivolt.
        gain=value or 200.0,
        baseline=int(adc_zero or 0) if baseline is None else baseline,
        unit=unit,
        description=" ".join(description.split()),
    )


@lru_cache(maxsize=256)
def _layout(text: str) -> tuple[int, int, int, int] | None:
    """Return format, samples a frame, skew and byte offset; None where `text` is no such field."""
    found = _SIGNAL_FORMAT.fullmatch(text)
    if found is None:
        return None
    return int(found[1]), int(found[2] or 1), int(found[3] or 0), int(found[4] or 0)


@lru_cache(maxsize=256)
def _gain(text: str) -> tuple[float, int | None, str] | None:
    """Return gain, baseline if given, and unit; None where `text` is no such field."""
    found = _GAIN.fullmatch(text)
    if found is None:
        return None
    return float(found[1]), None if found[2] is None else int(found[2]), found[3] or "mV"


def age_of(header: Header) -> float | None:
    """Return the age in years, None where it is missing, OVER_89 for 300."""
    return age_from(header.comments.get("age", ""))


def age_from(text: str) -> float | None:
    """Return the age that `text` says in years, None where it says none, OVER_89 for 300."""
    try:
        age = float(text.removeprefix(">"))
    except ValueError:
        return None
    if not 0 <= age <= 300:
        return None
    # LUDB writes ">89".
    return OVER_89 if age > 89 or (age == 89 and text.startswith(">")) else age


def sex_of(header: Header) -> Sex | None:
    """Return "female", "male" or None."""
    return sex_from(header.comments.get("sex", ""))


def sex_from(text: str) -> Sex | None:
    """Return the sex that `text` says: "female", "male" or None."""
    return _SEXES.get(text.strip().lower())


def codes_of(header: Header) -> tuple[str, ...] | None:
    """Return the SNOMED CT codes of the `Dx` line, each once; None where nobody annotated.

    A line that is missing, empty or "NaN" says nothing, so does one with words that are neither
    codes nor known abbreviations: none of these is "no diagnosis".
    """
    text = header.comments.get("dx", "")
    if text.lower() in _MISSING:
        return None
    known = _known_labels()
    codes = [known.get(part.strip(), part.strip()) for part in text.split(",") if part.strip()]
    if not codes or not all(code.isdigit() for code in codes):
        return None
    return tuple(dict.fromkeys(codes))


@cache
def _known_labels() -> dict[str, str]:
    """Return the code of each abbreviation that stands in a `Dx` line."""
    return {item.abbreviation: item.code for item in diagnoses()} | _CPSC_LABELS


def not_annotated_of(header: Header) -> tuple[str, ...]:
    """Return the codes of a `Not annotated` line: diagnoses that nobody looked for."""
    text = header.comments.get("not annotated", "")
    return tuple(part.strip() for part in text.split(",") if part.strip())
