"""Names of sources: which are the Challenge's, what to cite for them, and PTB-XL's numbers."""

import re
from typing import Final

from leadlens.ecg.recording import Recording

CHALLENGE_SOURCES: Final = (
    "cpsc_2018",
    "cpsc_2018_extra",
    "st_petersburg_incart",
    "ptb",
    "ptb-xl",
    "georgia",
    "chapman_shaoxing",
    "ningbo",
)
"""The folder names of the eight sources in the PhysioNet/CinC Challenge 2021 archive."""

_CHALLENGE_CITATION: Final = (
    "PhysioNet/CinC Challenge 2021: Reyna et al., Computing in Cardiology 2021, CC BY 4.0"
)
_PTBXL_CITATION: Final = "PTB-XL: Wagner et al., Scientific Data 7:154, 2020, CC BY 4.0"
_CITATIONS: Final = {
    "code-15": "CODE-15%: Ribeiro et al., Zenodo 4916206, 2021, CC BY 4.0",
    "ludb": "LUDB: Kalyakulina et al., IEEE Access 8:186181, 2020, ODC-By 1.0",
}

_FIVE_DIGITS: Final = re.compile(r"(?<!\d)(\d{5})(?!\d)")


def source_of(path: str) -> str:
    """Return a Challenge source when a folder of `path` has its name, else the first folder."""
    folders = path.split("/")[:-1]
    for folder in reversed(folders):
        if folder.lower() in CHALLENGE_SOURCES:
            return folder.lower()
    return folders[0] if folders else "unknown"


def citations(sources: set[str]) -> tuple[str, ...]:
    """Return what to cite where figures made from these sources are shown; unknown ones nothing."""
    cited = []
    if sources & set(CHALLENGE_SOURCES):
        cited.append(_CHALLENGE_CITATION)
    if any(is_ptbxl(source) for source in sources):
        cited.append(_PTBXL_CITATION)
    return (*cited, *(text for source, text in _CITATIONS.items() if source in sources))


def is_ptbxl(source: str) -> bool:
    """Return whether a source is a copy of PTB-XL, by its name."""
    return source.lower().replace("-", "").replace("_", "").startswith("ptbxl")


def ptbxl_ecg_id(recording: Recording) -> int | None:
    """Return the PTB-XL ecg_id of a recording from any copy of PTB-XL, else None.

    The number is in the record's name in the Challenge's copy (HR00001), in PTB-XL's own
    (00001_lr, 00001_hr) and in derived sets, so copies of one ECG share it.
    """
    if not is_ptbxl(recording.source):
        return None
    digits = _FIVE_DIGITS.search(recording.record_id)
    return int(digits[1]) if digits else None
