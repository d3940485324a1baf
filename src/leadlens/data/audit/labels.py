"""Labels: counts against the Challenge's published table, rhythms that exclude each other."""

from collections import Counter, defaultdict
from typing import Final

import numpy as np

from leadlens.data.audit.finding import Finding, few
from leadlens.data.index import IndexRow
from leadlens.data.sources import never_annotated
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import diagnoses, diagnosis

PUBLISHED: Final = {
    "cpsc_2018": 6877,
    "cpsc_2018_extra": 3453,
    "st_petersburg_incart": 74,
    "ptb": 516,
    "ptb-xl": 21837,
    "georgia": 10344,
    "chapman_shaoxing": 10247,
    "ningbo": 34905,
}
"""Recordings of each of the Challenge's sources (Reyna et al. 2021)."""

WHOLE: Final = 0.98
"""Share of a source's recordings from which counts are compared one to one."""
OFF: Final = 0.05
"""Relative difference of a count that is told, where it is ten recordings or more."""

EXCLUSIVE: Final = (
    ("NSR", "AF"), ("NSR", "AFL"), ("NSR", "SB"), ("NSR", "STach"), ("SB", "STach"), ("SB", "AF"),
    ("STach", "AF"), ("SB", "AFL"), ("STach", "AFL"),
)  # fmt: skip
"""Rhythms of which one recording of some seconds has one: sinus rhythm is 60 to 100/min."""


def label_findings(store: Store) -> list[Finding]:
    """Return what is wrong with the labels of `store`."""
    by_source: dict[str, list[IndexRow]] = defaultdict(list)
    for row in store.first_rows:
        by_source[row.source].append(row)
    findings = []
    for source, rows in by_source.items():
        findings += _unannotated(source, rows)
        findings += _exclusive(source, rows)
        findings += _never_used(source, rows)
        if source in PUBLISHED:
            findings += _counts(source, rows)
    return findings


def share_of_published(source: str, n_recordings: int) -> float | None:
    """Return the part of a Challenge source that is there, None for other sources."""
    return n_recordings / PUBLISHED[source] if source in PUBLISHED else None


def _unannotated(source: str, rows: list[IndexRow]) -> list[Finding]:
    """Return the finding that recordings of a source carry no labels."""
    keys = tuple(row.key for row in rows if not row.is_annotated)
    if not keys:
        return []
    said = f"{source}: {len(keys)} of {len(rows)} recordings are not annotated ({few(keys, 2)})"
    return [
        Finding(
            "not annotated", "note", keys, said, {"recordings": float(len(keys))}, rank=len(keys)
        )
    ]


def _exclusive(source: str, rows: list[IndexRow]) -> list[Finding]:
    """Return a finding for each pair of rhythms that recordings of a source have together."""
    findings = []
    for pair in EXCLUSIVE:
        codes = {diagnosis(name).code for name in pair}
        keys = tuple(row.key for row in rows if codes <= set(row.codes.split()))
        if keys:
            findings.append(
                Finding(
                    "rhythms",
                    "warning",
                    keys,
                    f"{source}: {' and '.join(pair)} together in {len(keys)} recordings "
                    f"({few(keys, 2)})",
                    {"recordings": float(len(keys))},
                    rank=len(keys),
                )
            )
    return findings


def _never_used(source: str, rows: list[IndexRow]) -> list[Finding]:
    """Return a finding for each diagnosis that the published table says a source never gave."""
    findings = []
    for code in never_annotated(source):
        keys = tuple(row.key for row in rows if code in row.codes.split())
        if keys:
            name = diagnosis(code).abbreviation
            findings.append(
                Finding(
                    "label counts",
                    "warning",
                    keys,
                    f"{source}: {name} in {len(keys)} recordings ({few(keys, 2)}), published: "
                    "never given there",
                    {"recordings": float(len(keys)), "published": 0.0},
                    rank=1000.0 + len(keys),
                )
            )
    return findings


def _counts(source: str, rows: list[IndexRow]) -> list[Finding]:
    """Return counts that exceed the published ones, or miss them where the source is whole."""
    counted = Counter(code for row in rows for code in set(row.codes.split()))
    is_whole = len(rows) >= WHOLE * PUBLISHED[source]
    findings = []
    if len(rows) > PUBLISHED[source]:
        said = f"{source}: {len(rows)} recordings, published: {PUBLISHED[source]}"
        keys = tuple(row.key for row in rows)
        values = {"recordings": float(len(rows)), "published": float(PUBLISHED[source])}
        findings.append(Finding("label counts", "warning", keys, said, values, rank=2000.0))
    for item in diagnoses():
        n, published = counted[item.code], item.counts[source]
        if item.code in never_annotated(source):
            continue
        is_more = n > published
        is_less = is_whole and published - n >= max(10, OFF * published)
        if is_more or is_less:
            keys = tuple(row.key for row in rows if item.code in row.codes.split())
            said = f"{source}: {item.abbreviation} in {n} recordings, published: {published}"
            values = {"recordings": float(n), "published": float(published)}
            far = float(abs(np.log((n + 1) / (published + 1))))
            findings.append(Finding("label counts", "warning", keys, said, values, rank=far))
    return findings
