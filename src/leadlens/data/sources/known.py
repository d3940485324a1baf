"""Which diagnoses a source of the Challenge ever used: the others are unknown there, not absent.

The Challenge's table counts, for each of its eight sources, the recordings with each diagnosis. A
diagnosis that a hospital gave to none of its thousands of recordings was not looked for (Ningbo has
7,615 atrial flutters and no atrial fibrillation), so that "not given" says nothing. Two names of
one diagnosis (CRBBB and RBBB, ...) count together.
"""

from dataclasses import replace
from functools import cache

from leadlens.data.sources.names import CHALLENGE_SOURCES, is_ptbxl
from leadlens.ecg.diagnoses import never_used
from leadlens.ecg.recording import Recording


@cache
def never_annotated(source: str) -> tuple[str, ...]:
    """Return the codes of the 30 that `source` never used; none where it is not the Challenge's."""
    # Every copy of PTB-XL carries the same doctors' labels.
    source = "ptb-xl" if is_ptbxl(source) else source
    if source not in CHALLENGE_SOURCES:
        return ()
    return never_used(source)


def with_unknowns(recording: Recording) -> Recording:
    """Return `recording` with what its source never looked for in `not_annotated`.

    A recording that nobody annotated stays as it is, and a diagnosis that was given stays known.
    """
    if recording.codes is None:
        return recording
    unknown = [code for code in never_annotated(recording.source) if code not in recording.codes]
    merged = tuple(dict.fromkeys((*recording.not_annotated, *unknown)))
    return replace(recording, not_annotated=merged)
