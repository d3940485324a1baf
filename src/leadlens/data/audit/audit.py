"""Audit of a store: one pass over its signals, then every kind of finding."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leadlens.data.audit.amplitude import amplitude_findings
from leadlens.data.audit.copies import copy_findings, find_copies
from leadlens.data.audit.electrodes import electrode_findings
from leadlens.data.audit.finding import KINDS, Finding, in_order
from leadlens.data.audit.labels import label_findings
from leadlens.data.audit.leakage import leakage_findings
from leadlens.data.audit.quality import quality_findings
from leadlens.data.audit.traits import collect_traits
from leadlens.data.folds import fold_numbers, load_folds
from leadlens.data.store import Store

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found in a store.

    Attributes:
        store: what was looked at.
        findings: by kind, the worst first.
        fold_file: the fold file that was looked at, if any.
        seconds: it took.
    """

    store: Store
    findings: tuple[Finding, ...]
    fold_file: Path | None
    seconds: float

    @property
    def n_by_kind(self) -> dict[str, int]:
        """How many findings of each kind there are; kinds without any are left out."""
        counts = {kind: sum(f.kind == kind for f in self.findings) for kind in KINDS}
        return {kind: n for kind, n in counts.items() if n}

    def of(self, kind: str) -> tuple[Finding, ...]:
        """Return the findings of one kind, the worst first."""
        return tuple(finding for finding in self.findings if finding.kind == kind)


def audit_store(
    store: Store, fold_file: Path | None = None, on_progress: Progress | None = None
) -> Audit:
    """Return what is wrong with `store`, and with a fold file made for it.

    Args:
        store: an opened store.
        fold_file: as `save_folds` wrote it; None leaves leakage out.
        on_progress: told what is done, how much of it, and of how much.

    Raises:
        StoreError: the fold file is damaged or was made for another store.
    """
    began = time.perf_counter()
    # Before the work, not after it.
    folds = None if fold_file is None else fold_numbers(load_folds(fold_file, store), store)
    traits = collect_traits(store, _told(on_progress, "reading ECGs"))
    copies = find_copies(store, traits)
    findings = copy_findings(store, traits, copies)
    if folds is not None:
        findings += leakage_findings(store, folds, copies)
    findings += amplitude_findings(store, traits)
    findings += quality_findings(store, traits)
    findings += electrode_findings(store, traits, _told(on_progress, "measuring electrodes"))
    findings += label_findings(store)
    return Audit(store, in_order(findings), fold_file, time.perf_counter() - began)


def _told(on_progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    """Return a function that tells how far one part of the work is."""
    if on_progress is None:
        return None
    tell = on_progress
    return lambda done, total: tell(what, done, total)
