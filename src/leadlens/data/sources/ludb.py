"""LUDB: WFDB records with a delineation of each lead; the header's comments hold the diagnoses.

Each lead is scaled to 1 mV from peak to peak, so amplitudes are `relative`. A record is a patient.
Rhythm, axis, conduction, ectopic beats and pacing are given in words for every record; only what
has one meaning is mapped, and what LUDB does not describe (T waves, intervals) is unknown.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from leadlens.data.sources.folder import paths_below
from leadlens.ecg.diagnoses import diagnoses, diagnosis
from leadlens.ecg.recording import Recording
from leadlens.errors import StoreError
from leadlens.files import hash_text
from leadlens.io import read

_MEANINGS: Final = {
    "rhythm: sinus rhythm": "NSR",
    "rhythm: sinus bradycardia": "SB",
    "rhythm: sinus tachycardia": "STach",
    "rhythm: sinus arrhythmia": "SA",
    "rhythm: atrial fibrillation": "AF",
    "rhythm: atrial flutter": "AFL",
    "electric axis of the heart: left axis deviation": "LAD",
    "electric axis of the heart: right axis deviation": "RAD",
    "i degree av block": "IAVB",
    "incomplete right bundle branch block": "IRBBB",
    "complete right bundle branch block": "CRBBB",
    "complete left bundle branch block": "CLBBB",
    "left anterior hemiblock": "LAnFB",
    "non-specific intravintricular conduction delay": "NSIVCB",
    "non-specific intraventricular conduction delay": "NSIVCB",
    "atrial extrasystole": "PAC",
    "ventricular extrasystole": "VPB",
}
"""How a line begins, in small letters, and what it then means."""

_AXIS: Final = "electric axis of the heart"
_RHYTHM: Final = "rhythm"
_PACING: Final = re.compile(r"\bpacing\b")


@dataclass(frozen=True)
class LudbSource:
    """Every record below a folder."""

    root: Path
    paths: tuple[str, ...] = field(repr=False)

    @classmethod
    def find(cls, root: Path) -> "LudbSource":
        """Return the records below `root`, by number.

        Raises:
            StoreError: there is none.
        """
        paths = paths_below(root, ".hea")
        if not paths:
            raise StoreError(f"no WFDB header (.hea) below {root}")
        return cls(root, tuple(sorted(paths, key=lambda path: len(Path(path).stem))))

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.paths)

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def key(self, position: int) -> tuple[str, str]:
        """Return the source and the record's number."""
        return "ludb", Path(self.paths[position]).stem

    def name(self, position: int) -> str:
        """Return the header's path, from the root's name on."""
        return f"{self.root.resolve().name}/{self.paths[position]}"

    def path(self, position: int) -> Path:
        """Return the header that was found."""
        return self.root / self.paths[position]

    def load(self, position: int) -> Recording:
        """Read one record."""
        path = self.path(position)
        recording = read(path, "ludb")
        codes, unknown = labels_of(_lines(path))
        return replace(
            recording,
            codes=codes,
            not_annotated=unknown,
            patient=recording.record_id,
            units="relative",
        )

    def describe(self) -> dict[str, object]:
        """Return the kind, the root's name, and a hash of all headers."""
        texts = [_header(self.root / path) for path in self.paths]
        return {
            "kind": "ludb",
            "root": self.root.resolve().name,
            "n_headers": len(self),
            "sha256": hash_text("\n".join((*self.paths, *texts))),
        }


def labels_of(lines: list[str]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the codes that a record's lines say, and what they leave unknown.

    No line at all means that nobody annotated the record. A rhythm or an axis that is not given, or
    given in words that have no code, leaves all rhythms, or both deviations, unknown.
    """
    if not lines:
        return None, ()
    names = [name for line in lines if (name := _meaning(line))]
    unknown = [item.abbreviation for item in diagnoses() if item.abbreviation not in _described()]
    rhythms = [line for line in lines if line.startswith(_RHYTHM)]
    if not any(_meaning(line) for line in rhythms):
        unknown += [name for words, name in _MEANINGS.items() if words.startswith(_RHYTHM)]
    if not any(line.startswith(_AXIS) for line in lines):
        unknown += ["LAD", "RAD"]
    return (
        tuple(dict.fromkeys(diagnosis(name).code for name in names)),
        tuple(dict.fromkeys(diagnosis(name).code for name in unknown if name not in names)),
    )


def _described() -> set[str]:
    """Return the abbreviations of what LUDB describes, under either of two names."""
    named = {*_MEANINGS.values(), "PR"}
    twins = {item.abbreviation for item in diagnoses() if item.equivalent in named}
    return named | twins


def _meaning(line: str) -> str | None:
    """Return the abbreviation of what a line says, None where it is none of the 30."""
    if _PACING.search(line):
        return "PR"
    for words, name in _MEANINGS.items():
        if re.match(re.escape(words) + r"\b", line):
            return name
    return None


def _lines(path: Path) -> list[str]:
    """Return the lines of a header's diagnoses, in small letters, without their final stop."""
    comments = [line.strip() for line in _header(path).splitlines() if line.startswith("#")]
    texts = [line.lstrip("# ").rstrip(". ").lower() for line in comments]
    starts = [number for number, text in enumerate(texts) if text.startswith("<diagnoses>")]
    return [text for text in texts[starts[0] + 1 :] if text] if starts else []


def _header(path: Path) -> str:
    """Return the text of a header; empty where it cannot be opened, which `read` then reports."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
