"""Conditions: which diagnoses a simulated recording has, and what excludes or implies what.

A recording has one rhythm and up to three findings. Names are those of the 30 diagnoses; of
two synonyms only one is drawn (RBBB, LBBB, PAC, PVC, IAVB) and `implied` adds the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np

from leadlens.ecg.diagnoses import diagnoses, diagnosis

Cohort = Literal["balanced", "challenge"]

RHYTHMS: Final = ("NSR", "SB", "STach", "SA", "AF", "AFL", "PR")
MAX_FINDINGS: Final = 3

EXCLUDES: Final[dict[str, tuple[str, ...]]] = {
    "IAVB": ("AF", "AFL", "PR"),
    "PAC": ("AF", "AFL", "PR", "SA", "PVC"),
    "PVC": ("PR",),
    "RBBB": ("PR", "LBBB", "IRBBB", "NSIVCB", "PRWP", "TAb", "TInv", "LQT"),
    "LBBB": ("PR", "IRBBB", "LAnFB", "NSIVCB", "RAD", "QAb", "PRWP", "TAb", "TInv", "LQT"),
    "IRBBB": ("PR", "LAnFB", "NSIVCB"),
    "LAnFB": ("PR", "NSIVCB", "LAD", "RAD"),
    "NSIVCB": ("PR", "LQT"),
    "LAD": ("PR", "RAD"),
    "RAD": ("PR",),
    "LQRSV": ("PR",),
    "QAb": ("PR", "PRWP"),
    "PRWP": ("PR",),
    "TAb": ("PR", "TInv"),
    "TInv": ("PR",),
    "LQT": ("PR", "AFL", "STach"),
}
"""Pairs never drawn together. TInv implies TAb and LAnFB implies LAD, so those are drawn once.
Repolarisation is not judged where depolarisation explains it (bundle branch block, pacing)."""

FINDINGS: Final = tuple(EXCLUDES)

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

_BALANCED_RHYTHMS: Final = dict(
    zip(RHYTHMS, (0.27, 0.12, 0.12, 0.12, 0.14, 0.13, 0.10), strict=True)
)
_BALANCED_FINDINGS: Final = {
    "IAVB": 0.19, "PAC": 0.20, "PVC": 0.13, "RBBB": 0.15, "LBBB": 0.15, "IRBBB": 0.15,
    "LAnFB": 0.12, "NSIVCB": 0.15, "LAD": 0.07, "RAD": 0.12, "LQRSV": 0.10, "QAb": 0.11,
    "PRWP": 0.13, "TAb": 0.08, "TInv": 0.12, "LQT": 0.20,
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What one recording is to show: a rhythm and findings."""

    rhythm: str
    findings: frozenset[str]

    def has(self, *names: str) -> bool:
        """Return whether any of `names` is planned."""
        return self.rhythm in names or not self.findings.isdisjoint(names)


def draw_plan(rng: np.random.Generator, cohort: Cohort) -> Plan:
    """Return a rhythm and up to three findings that go together.

    Findings are tried in random order, so that none is favoured when the recording is full or
    when two exclude each other.
    """
    rhythms, findings = cohort_weights(cohort)
    weights = np.array([rhythms[name] for name in RHYTHMS])
    rhythm = RHYTHMS[int(rng.choice(len(RHYTHMS), p=weights / weights.sum()))]
    chosen: list[str] = []
    order, uniform = rng.permutation(len(FINDINGS)), rng.random(len(FINDINGS))
    for position in order:
        name = FINDINGS[position]
        if len(chosen) == MAX_FINDINGS or uniform[position] >= findings[name]:
            continue
        if not any(are_exclusive(name, other) for other in (rhythm, *chosen)):
            chosen.append(name)
    return Plan(rhythm, frozenset(chosen))


def are_exclusive(one: str, other: str) -> bool:
    """Return whether two of RHYTHMS and FINDINGS are never drawn together."""
    return other in EXCLUDES.get(one, ()) or one in EXCLUDES.get(other, ())


def implied(names: set[str]) -> set[str]:
    """Return `names` with all synonyms and all diagnoses that they imply."""
    return names.union(*(_IMPLIED.get(name, ()) for name in names))


def codes_of(names: set[str]) -> tuple[str, ...]:
    """Return the SNOMED CT codes of abbreviations, sorted as text."""
    return tuple(sorted(_code(name) for name in names))


@cache
def cohort_weights(cohort: Cohort) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return the weight of every rhythm and the probability of every finding where allowed.

    "challenge" takes the totals of the Challenge's 88,253 recordings: rhythms in proportion to
    their counts (they sum to 87 %; the rest is shared out), findings by the count of all their
    synonyms, divided by the share of rhythms that allow them.
    """
    if cohort == "balanced":
        return _BALANCED_RHYTHMS, _BALANCED_FINDINGS
    counts = {item.abbreviation: item.count for item in diagnoses()}
    n_total = 88_253
    rhythms = {name: counts[name] / n_total for name in RHYTHMS}
    findings = {name: counts[name] / n_total for name in FINDINGS}
    for name, synonym in (("RBBB", "CRBBB"), ("LBBB", "CLBBB"), ("PAC", "SVPB"), ("PVC", "VPB")):
        findings[name] += counts[synonym] / n_total
    findings["LAD"] -= findings["LAnFB"]
    findings["TAb"] -= findings["TInv"]
    share = {name: weight / sum(rhythms.values()) for name, weight in rhythms.items()}
    for name in findings:
        allowed = sum(share[rhythm] for rhythm in RHYTHMS if not are_exclusive(name, rhythm))
        findings[name] /= allowed
    return rhythms, findings


@cache
def _code(abbreviation: str) -> str:
    """Return the SNOMED CT code of an abbreviation."""
    return diagnosis(abbreviation).code
