"""Annotators: what the people and programs of a source would write, given what is true.

Rules and rates were found by comparing labels with measurements in the public sources (10,646
recordings of Chapman-Shaoxing, 500 of PTB-XL; Challenge totals by source). Rhythms are written
down nearly always; axis and intervals often not. Rates for bundle branch block (0.2) and T waves
(0.4) are assumptions: no rule could be measured for them.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np

from leadlens.ecg.diagnoses import diagnoses
from leadlens.simulate.conditions import FINDINGS, implied
from leadlens.simulate.programme import Programme

_ORDER: Final = ("NSR", "SB", "STach", "SA", "AF", "AFL", "PR", *FINDINGS)

_OMITTED: Final = {
    "LAD": 0.4, "RAD": 0.5, "LQT": 0.9, "RBBB": 0.2, "LBBB": 0.2, "TAb": 0.4, "TInv": 0.4,
    "PRWP": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Annotator:
    """How one source labels.

    Attributes:
        omitted: how often a diagnosis that is there is left out, where it differs from most.
        wording: a planned diagnosis, and the names used for it with how often each is.
        replaced: a diagnosis that is written down as another.
        nsr_with: how often normal sinus rhythm is added to another sinus rhythm.
        narrow_irbbb: how often an rSr' with a QRS below 110 ms is called incomplete block.
    """

    omitted: dict[str, float] = field(default_factory=dict)
    wording: dict[str, dict[tuple[str, ...], float]] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    nsr_with: dict[str, float] = field(default_factory=dict)
    narrow_irbbb: float = 0.4


ANNOTATORS: Final = {
    "ptb-xl": Annotator(
        omitted={"PVC": 1.0, "LAD": 0.3, "QAb": 0.6},
        wording={
            "RBBB": {("CRBBB",): 1.0},
            "IAVB": {("IAVB",): 0.7, ("LPR",): 0.18, ("IAVB", "LPR"): 0.12},
            "PAC": {("PAC",): 0.72, ("SVPB",): 0.28},
        },
        nsr_with={"SB": 0.45, "SA": 0.61, "STach": 0.29},
        narrow_irbbb=0.8,
    ),
    "cpsc_2018": Annotator(),
    "cpsc_2018_extra": Annotator(wording={"SB": {("Brady",): 0.8, ("SB",): 0.2}}),
    "georgia": Annotator(
        omitted={"LQT": 0.3, "TAb": 0.2, "TInv": 0.3},
        wording={
            "RBBB": {("RBBB",): 0.85, ("BBB",): 0.15},
            "LBBB": {("LBBB",): 0.8, ("BBB",): 0.2},
            "PVC": {("VPB",): 1.0},
        },
    ),
    "chapman_shaoxing": Annotator(
        omitted={"NSIVCB": 0.4, "SA": 1.0},
        wording={"PVC": {("VPB",): 1.0}},
        replaced={"LAnFB": "LBBB"},
    ),
    "ningbo": Annotator(
        omitted={"PRWP": 0.0},
        wording={
            "RBBB": {("CRBBB",): 0.55, ("RBBB",): 0.25, ("BBB",): 0.2},
            "LBBB": {("CLBBB",): 1.0},
        },
        replaced={"AF": "AFL"},
    ),
}
"""By the Challenge's names of its sources."""

_LEFT_ABOVE_30: Final = 0.5
"""PTB-XL calls an axis below 0 degrees left: so often from 0 to -30 degrees (52 % of its codes)."""


@cache
def never_written(source: str) -> frozenset[str]:
    """Return the diagnoses that the source never uses: the Challenge counts none there."""
    return frozenset(item.abbreviation for item in diagnoses() if item.counts[source] == 0)


def annotate(names: frozenset[str], programme: Programme, row: int, source: str) -> set[str]:
    """Return the diagnoses that the source would write down for one recording; perhaps none.

    Args:
        names: all that is true of the recording.
        programme: of its batch.
        row: of the recording.
        source: the Challenge's name of the source.
    """
    annotator = ANNOTATORS[source]
    streams = programme.streams.first.take(np.array([row]))
    chance = dict(zip(_ORDER, streams.uniform("annotator", len(_ORDER))[0], strict=True))
    wording = streams.uniform("annotator.wording", len(_ORDER))[0]
    true = {name for name in _ORDER if name in names}
    if "TInv" in true:
        true.discard("TAb" if chance["TAb"] < 0.56 else "")  # 44 % of TInv carry TAb besides
    said: set[str] = set()
    for position, name in enumerate(_ORDER):
        if name not in true:
            continue
        if chance[name] < annotator.omitted.get(name, _OMITTED.get(name, 0.0)):
            continue
        word = annotator.replaced.get(name, name)
        said |= _worded(annotator, word, wording[position])
    extra = streams.uniform("annotator.extra", 4)[0]
    for name, share in annotator.nsr_with.items():
        if name in true and extra[0] < share:
            said.add("NSR")
    axis = programme.beats.measures.axis[row]
    if source == "ptb-xl" and -30.0 <= axis < 0.0 and extra[1] < _LEFT_ABOVE_30:
        said.add("LAD")
    if source == "chapman_shaoxing" and "AF" in said and extra[2] < 0.06:
        said.add("NSIVCB")  # "differential conduction" of narrow QRS in fibrillation
    if programme.plan.has("rSr")[row] and extra[3] < annotator.narrow_irbbb:
        said.add("IRBBB")
    never = never_written(source)
    return (said - never) or (_rhythm_of(names) - never)


def _worded(annotator: Annotator, name: str, uniform: float) -> set[str]:
    """Return the words used for a diagnosis."""
    total = 0.0
    for words, share in annotator.wording.get(name, {(name,): 1.0}).items():
        total += share
        if uniform < total:
            return set(words)
    return {name}


def _rhythm_of(names: frozenset[str]) -> set[str]:
    """Return a sinus rhythm's label for recordings whose labels were all left out, if any."""
    by_rate = implied({"SB"}) & names
    if "SA" in names and not by_rate:
        return {"NSR"}
    return {"SB"} if by_rate else set(names & {"STach", "NSR"})
