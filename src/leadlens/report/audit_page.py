"""Datasheet: what a data set holds (after Gebru et al. 2021), and what the audit found in it."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from leadlens.bundle import NOT_A_DEVICE
from leadlens.data.audit import KINDS, Audit, Finding
from leadlens.data.audit.summary import label_summaries, other_codes, source_summaries
from leadlens.data.sources import citations
from leadlens.data.store import Store
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.report.audit_strips import strips_svg
from leadlens.report.html import render

__all__ = ["audit_page"]

SHOWN: Final = 4
"""Pictures of each kind."""
LISTED: Final = 50
"""Sentences of each kind; the rest is in the JSON."""
WITHOUT_PICTURE: Final = ("label counts", "rhythms", "not annotated", "missing lead")
_LEADS: Final = {
    "duplicate": ("II", "V2"),
    "near-duplicate": ("II", "V2"),
    "leakage": ("II", "V2"),
    "gain": ("II", "V2"),
    "scrambled": ("I", "II", "V1"),
}
"""What is drawn of findings that name no lead."""


@dataclass(frozen=True)
class Picture:
    """A drawing of one finding, with its sentence."""

    sentence: str
    svg: str


@dataclass(frozen=True)
class Section:
    """All findings of one kind, ready to be shown."""

    anchor: str
    title: str
    meaning: str
    n: int
    n_recordings: int
    pictures: tuple[Picture, ...]
    rows: tuple[Finding, ...]
    n_more: int


def audit_page(audit: Audit) -> str:
    """Return a self-contained HTML page: the datasheet of the store, then the findings.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    store = audit.store
    sources, labels = label_summaries(store)
    sections = tuple(_section(audit, kind) for kind in audit.n_by_kind)
    names = {row.source for row in store.first_rows}
    context: dict[str, Any] = {
        "name": store.path.name,
        "path": str(store.path),
        "manifest": store.manifest,
        "made_from": _made_from(store),
        "not_a_device": NOT_A_DEVICE,
        "sources": source_summaries(store),
        "label_sources": sources,
        "labels": labels,
        "other_codes": other_codes(store)[:12],
        "n_other_codes": len(other_codes(store)),
        "citations": citations(names),
        "is_simulated": names == {"simulated"},
        "fold_file": "" if audit.fold_file is None else str(audit.fold_file),
        "sections": sections,
        "n_findings": len(audit.findings),
        "severities": {
            level: sum(f.severity == level for f in audit.findings)
            for level in ("error", "warning", "note")
        },
        "looked_for": [kind.title.lower() for kind in KINDS.values()],
        "n_relative": sum(row.units == "relative" for row in store.first_rows),
        "seconds": audit.seconds,
    }
    return render("audit.html.jinja", context)


def _made_from(store: Store) -> str:
    """Return in words what the store was made from."""
    made = store.manifest.made_from
    source = made.get("source", made)
    kind = source.get("kind", "unknown") if isinstance(source, dict) else "unknown"
    if kind == "simulated":
        return (
            f"simulated by leadlens: cohort {source['cohort']}, seed {source['seed']}, "
            f"noise {source['noise']}, device {source['device']}"
        )
    parts = source.get("parts", []) if isinstance(source, dict) else []
    kinds = sorted({str(part.get("kind", "")) for part in parts if isinstance(part, dict)} - {""})
    said = f"layouts: {', '.join(kinds) or kind}"
    return f"{said}; leadlens {store.manifest.leadlens_version}"


def _section(audit: Audit, kind: str) -> Section:
    """Return all findings of one kind, the worst with pictures."""
    findings = audit.of(kind)
    pictures = []
    if kind not in WITHOUT_PICTURE:
        for place, finding in enumerate(findings[:SHOWN]):
            name = f"{kind.replace(' ', '-')}-{place}"
            pictures.append(Picture(finding.sentence, _picture(audit.store, finding, name)))
    return Section(
        anchor=kind.replace(" ", "-"),
        title=KINDS[kind].title,
        meaning=KINDS[kind].meaning,
        n=len(findings),
        n_recordings=len({key for finding in findings for key in finding.records}),
        pictures=tuple(pictures),
        rows=findings[len(pictures) : len(pictures) + LISTED],
        n_more=max(0, len(findings) - len(pictures) - LISTED),
    )


def _picture(store: Store, finding: Finding, name: str) -> str:
    """Return a drawing of the first one or two recordings of a finding."""
    n_drawn = 2 if finding.kind in ("duplicate", "near-duplicate", "leakage", "gain") else 1
    chosen = finding.records[:n_drawn]
    if finding.kind == "gain" and "ratio" not in finding.values:
        chosen = finding.records[:1]
    recordings = tuple(_recording(store, key, finding) for key in chosen)
    leads = finding.leads[:3] or _LEADS.get(finding.kind, ("II", "V2"))
    if finding.kind == "flat lead":
        # Beside one that moves, if there is one.
        moving = [lead for lead in ("II", "V1", "V5") if lead not in finding.leads]
        leads = (*leads[:2], *moving[:1])
    return strips_svg(recordings, tuple(leads), finding.sentence, name)


def _recording(store: Store, key: str, finding: Finding) -> Recording:
    """Return the window of a recording that a picture shows: the one with the farthest sample."""
    number = store.keys.index(key)
    row = store.first_rows[number]
    signal = store.signal(store.windows_of[number])
    window = 0
    if finding.kind == "beyond 10 mV" and len(signal) > 1:
        window = int(np.argmax(np.nan_to_num(np.abs(signal)).max(axis=(1, 2))))
    return Recording(
        signal=signal[window],
        fs=store.fs,
        leads=STANDARD_LEADS,
        record_id=row.record_id,
        source=row.source,
        units="relative" if row.units == "relative" else "mV",
    )
