"""Leakage: a patient or a waveform in more than one fold of a fold file."""

from collections import defaultdict
from typing import Final

import numpy as np

from leadlens.data.audit.copies import Copies
from leadlens.data.audit.finding import Finding, few
from leadlens.data.store import Store

SHARED: Final = {"patient": "patient", "ptbxl": "PTB-XL ECG"}
"""First part of a group's name -> what its recordings share."""


def leakage_findings(store: Store, folds: np.ndarray, copies: Copies) -> list[Finding]:
    """Return what lies in several folds.

    Args:
        store: the recordings.
        folds: of each recording; -1 where it takes no part.
        copies: sets of recordings of one waveform.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(store.first_rows):
        for name in row.groups.split():
            members[name].append(number)
    findings, said = [], set[tuple[int, ...]]()
    # Waveforms first: a waveform on two sides is worse than a patient, and is said once.
    sets = [("the same waveform", numbers) for numbers in copies.exact]
    sets += [("one waveform, filtered or scaled", numbers) for numbers in copies.near]
    for name, named in members.items():
        kind, _, rest = name.partition(":")
        if kind in ("patient", "ptbxl") and len(named) > 1:
            sets.append((f"{SHARED[kind]} {rest}", tuple(named)))
    for what, numbers in sets:
        used = tuple(number for number in numbers if folds[number] >= 0)
        if used in said or len({int(folds[number]) for number in used}) < 2:
            continue
        said.add(used)
        findings.append(_leak(store, folds, used, what))
    return findings


def _leak(store: Store, folds: np.ndarray, numbers: tuple[int, ...], what: str) -> Finding:
    """Return the finding of one set that is split."""
    keys = tuple(store.keys[number] for number in numbers)
    places = [f"{store.keys[number]} (fold {folds[number]})" for number in numbers]
    n_folds = len({int(folds[number]) for number in numbers})
    return Finding(
        "leakage",
        "error",
        keys,
        f"{what} in {n_folds} folds: {few(places)}",
        {"folds": float(n_folds)},
        rank=n_folds + 10 * ("waveform" in what),
    )
