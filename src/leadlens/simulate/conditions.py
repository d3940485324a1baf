"""Conditions: which diagnoses a simulated recording has, and what excludes or implies what.

A recording has one rhythm and some findings. Names are those of the 30 diagnoses; of two synonyms
only one is planned (RBBB, LBBB, PAC, PVC, IAVB) and `implied` adds the others. Ectopic atrial
rhythm (EAR) is a rhythm that none of the 30 names. Look-alikes are unscored variation.
"""

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.ecg.diagnoses import diagnosis

Array = np.ndarray

RHYTHMS: Final = ("NSR", "SB", "STach", "SA", "AF", "AFL", "PR", "EAR")
SINUS: Final = ("NSR", "SB", "STach", "SA")

EXCLUDES: Final[dict[str, tuple[str, ...]]] = {
    "IAVB": ("AF", "AFL", "PR"),
    "PAC": ("AF", "AFL", "PR", "SA", "PVC"),
    "PVC": ("PR", "SA"),
    "RBBB": ("PR", "LBBB", "IRBBB", "NSIVCB", "PRWP", "TAb", "TInv", "LQT"),
    "LBBB": ("PR", "IRBBB", "LAnFB", "NSIVCB", "RAD", "QAb", "PRWP", "TAb", "TInv", "LQT"),
    "IRBBB": ("PR", "LAnFB", "NSIVCB"),
    "LAnFB": ("PR", "NSIVCB", "LAD", "RAD"),
    "NSIVCB": ("PR", "LQT"),
    "LAD": ("PR", "RAD"),
    "RAD": ("PR",),
    "LQRSV": ("PR", "PRWP"),
    "QAb": ("PR", "PRWP"),
    "PRWP": ("PR",),
    "TAb": ("PR", "TInv"),
    "TInv": ("PR",),
    "LQT": ("PR", "AFL", "STach"),
}
"""Pairs never planned together. TInv implies TAb and LAnFB implies LAD, so those are drawn once.
Repolarisation is not judged where depolarisation explains it (bundle branch block, pacing)."""

FINDINGS: Final = tuple(EXCLUDES)

SHAPING: Final = tuple(name for name in FINDINGS if name not in ("IAVB", "PAC", "PVC", "LQT"))
"""Findings that shape the dominant beat."""

LOOKALIKES: Final[dict[str, tuple[float, tuple[str, ...]]]] = {
    "LVH": (0.06, ("LQRSV", "LBBB", "RBBB", "IRBBB", "PR", "QAb", "PRWP")),
    "STD": (0.06, ("LBBB", "RBBB", "PR", "TAb", "TInv")),
    "STE": (0.03, ("LBBB", "RBBB", "PR", "TAb", "TInv")),
    "delta": (0.012, ("PR", "AF", "AFL", "IAVB", "LBBB", "RBBB", "IRBBB", "LAnFB", "NSIVCB",
                      "QAb", "PRWP", "LQRSV")),
    "block2": (0.012, ("PR", "AF", "AFL", "SA", "SB", "STach", "IAVB", "PAC", "PVC")),
    "early": (0.04, ("LBBB", "RBBB", "PR", "TAb", "TInv", "STD", "LQT")),
    "rSr": (0.07, ("LBBB", "RBBB", "IRBBB", "PR", "LAnFB", "NSIVCB", "RAD", "LQRSV", "delta",
                    "LVH")),
    "U": (0.08, ("LBBB", "RBBB", "PR", "LQT", "STach", "AFL")),
}  # fmt: skip
"""Unscored look-alikes: how often they are drawn where allowed, and what they never go with.

LVH voltage, ST depression, ST elevation of an acute infarct, delta wave, second-degree block with
lengthening PR (Wenckebach), early repolarisation, U wave; rSr: the shape of an incomplete right
bundle branch block with a QRS below 110 ms, which many annotators call one (median 96 ms)."""

FORBIDDEN_LABELS: Final = (
    *(("NSR", name) for name in ("SB", "STach", "SA", "AF", "AFL", "PR", "Brady")),
    *(("SB", name) for name in ("STach", "AF", "AFL", "PR")),
    *(("STach", name) for name in ("SA", "AF", "AFL", "PR", "Brady")),
    *(("AF", name) for name in ("AFL", "PR", "SA", "IAVB", "LPR", "PAC", "SVPB")),
    *(("AFL", name) for name in ("PR", "SA", "IAVB", "LPR", "PAC", "SVPB", "LQT")),
    *(("PR", name) for name in ("BBB", "IRBBB", "LAnFB", "NSIVCB", "LAD", "RAD", "LQT")),
    *(("RBBB", name) for name in ("LBBB", "IRBBB", "NSIVCB")),
    *(("LBBB", name) for name in ("IRBBB", "LAnFB", "NSIVCB", "QAb", "PRWP")),
    *(("BBB", name) for name in ("TAb", "TInv", "LQT")),
    *(("PAC", name) for name in ("SA", "PVC")),
    ("IRBBB", "NSIVCB"),
    ("LAD", "RAD"),
)
"""Pairs of labels that no recording carries."""

_IMPLIED: Final[dict[str, tuple[str, ...]]] = {
    "RBBB": ("CRBBB", "BBB"),
    "LBBB": ("CLBBB", "BBB"),
    "PAC": ("SVPB",),
    "PVC": ("VPB",),
    "IAVB": ("LPR",),
    "SB": ("Brady",),
    "LAnFB": ("LAD",),
    "TInv": ("TAb",),
}

_ECTOPIC: Final = "29320008"
"""SNOMED CT: ectopic rhythm (disorder)."""

PLANNED: Final[dict[str, tuple[str, ...]]] = {
    "CRBBB": ("RBBB",), "CLBBB": ("LBBB",), "BBB": ("RBBB", "LBBB"), "SVPB": ("PAC",),
    "VPB": ("PVC",), "LPR": ("IAVB",), "Brady": ("SB", "Brady"),
}  # fmt: skip
"""Diagnoses that are planned under the name of another."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a batch of recordings is to show.

    Attributes:
        rhythm: index into RHYTHMS.
        finding: which of FINDINGS.
        is_slow: atrial fibrillation or sinus arrhythmia below 60 beats/min.
        lookalike: which of LOOKALIKES.
        top_rate: the fastest rate in beats/min that goes with all of the plan; a twin keeps it.
    """

    rhythm: Int[Array, " n"]
    finding: Bool[Array, "n finding"]
    is_slow: Bool[Array, " n"]
    lookalike: Bool[Array, "n lookalike"]
    top_rate: Float[Array, " n"]

    def __len__(self) -> int:
        """The number of recordings."""
        return len(self.rhythm)

    def has(self, *names: str) -> Bool[Array, " n"]:
        """Return for each recording whether any of `names` is planned."""
        found = np.zeros(len(self), dtype=bool)
        for name in names:
            if name in RHYTHMS:
                found |= self.rhythm == RHYTHMS.index(name)
            elif name in FINDINGS:
                found |= self.finding[:, FINDINGS.index(name)]
            else:
                found |= self.lookalike[:, tuple(LOOKALIKES).index(name)]
        return found

    def rows(self, *names: str) -> Int[Array, " m"]:
        """Return which recordings have any of `names`."""
        return np.flatnonzero(self.has(*names))

    def take(self, rows: Array) -> "Plan":
        """Return the plan of the recordings at `rows`."""
        return Plan(*(getattr(self, item.name)[rows] for item in fields(self)))

    def without(self, name: str) -> "Plan":
        """Return the plan without diagnosis `name`; a rhythm gives way to normal sinus rhythm.

        What implies `name` goes with it: without LAD there is no LAnFB either.
        """
        rhythm, finding, is_slow = self.rhythm.copy(), self.finding.copy(), self.is_slow.copy()
        for planned in planned_as(name):
            if planned == "Brady":
                is_slow[:] = False
            elif planned in RHYTHMS:
                rhythm[self.has(planned)] = RHYTHMS.index("NSR")
                is_slow[self.has(planned)] = False
                if planned == "SB":
                    is_slow[self.has("SA")] = False
            else:
                finding[:, FINDINGS.index(planned)] = False
        return replace(self, rhythm=rhythm, finding=finding, is_slow=is_slow)


def planned_as(name: str) -> tuple[str, ...]:
    """Return the planned names by which diagnosis `name` comes about."""
    names = PLANNED.get(name, (name,))
    return (*names, *(other for other in FINDINGS if name in _IMPLIED.get(other, ())))


def are_exclusive(one: str, other: str) -> bool:
    """Return whether two of RHYTHMS and FINDINGS are never drawn together."""
    if one in RHYTHMS and other in RHYTHMS:
        return one != other
    return other in EXCLUDES.get(one, ()) or one in EXCLUDES.get(other, ())


def implied(names: set[str]) -> set[str]:
    """Return `names` with all synonyms and all diagnoses that they imply."""
    return names.union(*(_IMPLIED.get(name, ()) for name in names))


def codes_of(names: set[str], *, is_ectopic: bool = False) -> tuple[str, ...]:
    """Return the SNOMED CT codes of abbreviations, sorted as text.

    An ectopic rhythm, which is none of the 30, adds its own.
    """
    return tuple(sorted({_code(name) for name in names} | ({_ECTOPIC} if is_ectopic else set())))


@cache
def _code(abbreviation: str) -> str:
    """Return the SNOMED CT code of an abbreviation."""
    return diagnosis(abbreviation).code
