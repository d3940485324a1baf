"""Copies: the same waveform under several names, as it is, filtered, scaled or resampled."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from leadlens.data.audit.finding import Finding, few
from leadlens.data.audit.fingerprint import candidates, reduced
from leadlens.data.audit.traits import Traits
from leadlens.data.folding.groups import groups_of, joined
from leadlens.data.store import Store

SAME: Final = 0.98
"""Least correlation of copies between 1 and 15 Hz: the lower quartile over the leads of both."""
WORST: Final = 0.9
"""Least correlation in any lead. Real copies have 0.995 or more in every one; of 25 million pairs
of simulated recordings one, paced at one rate, came to a median of 0.99, with 0.83 in V4."""
OTHER_GAIN: Final = 0.05
"""Relative difference of amplitude from which two copies have another gain."""
_PAIRS: Final = 128

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Copies:
    """Sets of recordings (numbers) that hold one waveform.

    Attributes:
        exact: sets whose samples rise and fall alike.
        near: sets that hold more than those: by correlation.
        correlation: of each pair of different recordings found by correlation.
    """

    exact: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]
    correlation: dict[tuple[int, int], float]


def find_copies(store: Store, traits: Traits) -> Copies:
    """Return all sets of copies in `store`."""
    recording = np.empty(len(store.rows), dtype=np.int64)
    for number, windows in enumerate(store.windows_of):
        recording[windows] = number
    exact = _exact(store, traits)
    pairs = candidates(traits.hashes, traits.bits, recording)
    correlation: dict[tuple[int, int], float] = {}
    for start in range(0, len(pairs), _PAIRS):
        part = pairs[start : start + _PAIRS]
        for (one, other), value in zip(part, _correlations(store, part), strict=True):
            if value >= SAME:
                pair = tuple(sorted((int(recording[one]), int(recording[other]))))
                correlation[pair] = max(value, correlation.get(pair, 0.0))  # type: ignore[index,arg-type]
    joined = _joined([*exact, *correlation])
    known = {number: place for place, members in enumerate(exact) for number in members}
    near = [m for m in joined if len({known.get(number, -1 - number) for number in m}) > 1]
    return Copies(exact, tuple(near), correlation)


def copy_findings(store: Store, traits: Traits, copies: Copies) -> list[Finding]:
    """Return duplicates, near-duplicates, and copies of another gain."""
    findings = [_duplicate(store, members) for members in copies.exact]
    groups = groups_of(store)
    least: dict[int, float] = {}
    for pair, value in copies.correlation.items():
        for number in pair:
            least[number] = min(value, least.get(number, 1.0))
    findings += [
        _near_duplicate(store, members, min(least.get(n, 1.0) for n in members), groups)
        for members in copies.near
    ]
    for members in (*copies.exact, *copies.near):
        findings += _gain(store, traits, members)
    return _once(findings)


def _exact(store: Store, traits: Traits) -> tuple[tuple[int, ...], ...]:
    """Return the sets of recordings with one content hash; empty recordings are no copies."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(store.first_rows):
        if np.nan_to_num(traits.span[store.windows_of[number]]).max() > 0:
            for name in row.groups.split():
                if name.startswith("waveform:"):
                    members[name].append(number)
    return tuple(tuple(numbers) for numbers in members.values() if len(numbers) > 1)


def _correlations(store: Store, pairs: Array) -> list[float]:
    """Return the correlation of each pair of windows: the lower quartile over common leads.

    It is 0 where a lead falls below `WORST`.
    """
    windows, place = np.unique(pairs, return_inverse=True)
    signal = store.signal(windows)
    known = ~np.isnan(signal)
    filled = np.where(known, signal, 0.0)
    mean = filled.sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    compact, spread = reduced(np.where(known, signal - mean[..., None], 0.0), store.fs)
    one, other = place.reshape(-1, 2).T
    values = []
    for a, b in zip(one, other, strict=True):
        both = (spread[a] > 0) & (spread[b] > 0)
        each = (compact[a, both] * compact[b, both]).mean(axis=1)
        is_like = both.any() and each.min() >= WORST
        values.append(float(np.quantile(each, 0.25)) if is_like else 0.0)
    return values


def _joined(sets: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the sets with those that share a number made one."""
    found: dict[int, list[int]] = defaultdict(list)
    for number, group in sorted(joined(sets).items()):
        found[group].append(number)
    return [tuple(members) for members in found.values()]


def _duplicate(store: Store, members: tuple[int, ...]) -> Finding:
    """Return the finding of one set with the same content hash."""
    keys = tuple(store.keys[number] for number in members)
    return Finding(
        "duplicate",
        "warning",
        keys,
        f"{few(keys)} hold the same waveform{_labels_differ(store, members)}",
        {"copies": float(len(keys))},
        rank=len(keys),
    )


def _near_duplicate(store: Store, members: tuple[int, ...], least: float, groups: Array) -> Finding:
    """Return the finding of one set of near-duplicates."""
    keys = tuple(store.keys[number] for number in members)
    is_known = len(set(groups[list(members)])) == 1
    said = (
        "the store's groups keep them together"
        if is_known
        else "no group names them: folds split them"
    )
    return Finding(
        "near-duplicate",
        "note" if is_known else "error",
        keys,
        f"{few(keys)} hold one waveform, filtered or scaled (correlation {least:.3f}); {said}"
        f"{_labels_differ(store, members)}",
        {"correlation": least, "copies": float(len(keys))},
        rank=len(keys) + least,
    )


def _labels_differ(store: Store, members: tuple[int, ...]) -> str:
    """Return words that say so where annotated copies have other labels."""
    rows = [store.first_rows[number] for number in members]
    labels = {frozenset(row.codes.split()) for row in rows if row.is_annotated}
    return "; their labels differ" if len(labels) > 1 else ""


def _gain(store: Store, traits: Traits, members: tuple[int, ...]) -> list[Finding]:
    """Return the finding that copies in mV differ in amplitude, if they do."""
    in_mv = [n for n in members if store.first_rows[n].units == "mV"]
    if len(in_mv) < 2:
        return []
    spread = np.array([traits.spread[store.windows_of[n][0]] for n in in_mv])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = spread / spread[0]
    ratios = np.where((spread > 0) & (spread[0] > 0), ratios, np.nan)
    found = []
    for number, ratio in zip(in_mv[1:], ratios[1:], strict=True):
        known = ratio[~np.isnan(ratio)]
        if not known.size:
            continue
        middle = float(np.median(known))
        if abs(np.log(middle)) <= np.log1p(OTHER_GAIN) and np.ptp(known) < 0.3 * middle:
            continue
        keys = (store.keys[in_mv[0]], store.keys[number])
        how = (
            f"{middle:.4g} times the amplitude"
            if np.ptp(known) < 0.1 * middle
            else (f"another amplitude in each lead ({known.min():.3g} to {known.max():.3g} times)")
        )
        found.append(
            Finding(
                "gain",
                "error",
                keys,
                f"{keys[1]} is {keys[0]} with {how}",
                {"ratio": middle},
                rank=abs(float(np.log(middle))),
            )
        )
    return found


def _once(findings: list[Finding]) -> list[Finding]:
    """Return findings without those said twice."""
    seen: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.kind, finding.sentence), finding)
    return list(seen.values())
