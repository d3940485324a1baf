"""Quality: flat, missing, clipped and impossible leads; broken equations; scrambled axes."""

from collections import defaultdict
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.data.audit.finding import Finding, few
from leadlens.data.audit.traits import Traits
from leadlens.data.store import Store
from leadlens.ecg.leads import STANDARD_LEADS

FLAT: Final = 0.003
"""Peak to peak below which a lead in mV is flat: three counts of a store."""
STILL: Final = 2.5
"""Seconds of one value from which a lead was off for a time; a pause of the heart has noise."""
PLATEAUS: Final = 4
"""Beats of a window that end at one value from which it is clipped."""
FARTHEST: Final = 10.0
"""mV."""
RESIDUAL: Final = 0.020
"""mV by which 1 % of the samples may miss the limb-lead equations: rounding to 4.88 uV in each
of three leads gives 0.008."""
INTERLEAVED: Final = 0.02
"""How much more alike samples 12 apart may be than neighbours."""
ROUGH: Final = 0.7
"""Autocorrelation at one sample below which neighbours are unlike."""
TORN: Final = 0.1
"""Power of the six limb leads, each scaled, beyond the two dimensions that three electrodes give:
below 0.002 in 20,000 clean simulated ECGs, 0.17 in one of 1,304 real ones."""
NEARLY_INTERLEAVED: Final = -0.2
"""INTERLEAVED where they are torn; clean ECGs have -0.4 at most, real ones at 1,000 Hz -0.05."""
ALIKE: Final = 0.6
"""Least correlation of neighbouring leads from which the leads are one: aVR, aVL and aVF sum to 0,
so no three true leads do this. True ones have -0.36 at most, with aVR upside down 0.53."""
SOMEWHAT_ALIKE, SOMEWHAT_TORN = 0.0, 0.004
"""The same where the limb leads are torn too."""

Array = np.ndarray


def quality_findings(store: Store, traits: Traits) -> list[Finding]:
    """Return what is wrong with single recordings, whatever the others are like."""
    findings = _missing(store, traits)
    is_scrambled = scrambled(traits)
    for number, windows in enumerate(store.windows_of):
        row = store.first_rows[number]
        is_mv = row.units == "mV"
        findings += _flat(row.key, traits, windows, is_mv)
        findings += _clipped(store, traits, number)
        if is_mv:
            findings += _beyond(row.key, traits, windows)
        if is_scrambled[windows].any():
            findings.append(_scrambled(row.key, traits, windows))
        elif is_mv:
            findings += _limb(row.key, traits, windows)
    return findings


def flat_leads(traits: Traits, windows: Array, is_mv: bool) -> Bool[Array, " 12"]:
    """Return which leads are flat throughout; none where a wrong gain is likelier."""
    span = traits.span[windows]
    is_known = ~np.isnan(span).all(axis=0)
    highest = np.nan_to_num(span).max(axis=0)
    limit = FLAT if is_mv else 0.0
    if is_mv and 0.0 < highest.max() < 10 * FLAT:
        return np.zeros(12, dtype=bool)
    return np.asarray(is_known & (highest <= limit))


def scrambled(traits: Traits) -> Bool[Array, " n"]:
    """Return which windows have leads and time mixed, one way or the other."""
    more = traits.far - traits.near
    is_mixed = (more > INTERLEAVED) & (traits.near < ROUGH)
    is_mixed |= (more > NEARLY_INTERLEAVED) & (_torn(traits.gram[:, :6, :6]) > TORN)
    return np.asarray(is_mixed | _is_one(traits.gram))


def _torn(limb: Float[Array, "n 6 6"]) -> Float[Array, " n"]:
    """Return the share of the limb leads' power beyond two dimensions, whatever their scales."""
    powers = np.linalg.eigvalsh(limb.astype(np.float64))
    return np.asarray(powers[:, :4].sum(axis=1) / np.maximum(powers.sum(axis=1), 1e-9))


def _is_one(gram: Float[Array, "n 12 12"]) -> Bool[Array, " n"]:
    """Return where every lead resembles the next."""
    rows = np.arange(11)
    least = gram[:, rows, rows + 1].min(axis=1)
    is_torn = _torn(gram[:, :6, :6]) > SOMEWHAT_TORN
    return np.asarray((least > ALIKE) | ((least > SOMEWHAT_ALIKE) & is_torn))


def _names(chosen: Array) -> tuple[str, ...]:
    """Return the names of the chosen leads."""
    return tuple(name for name, is_in in zip(STANDARD_LEADS, chosen, strict=True) if is_in)


def _missing(store: Store, traits: Traits) -> list[Finding]:
    """Return one finding for each source and set of leads that were never recorded."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for number, windows in enumerate(store.windows_of):
        leads = _names(np.isnan(traits.span[windows]).all(axis=0))
        if leads:
            row = store.first_rows[number]
            found[(row.source, leads)].append(row.key)
    return [
        Finding(
            "missing lead",
            "note",
            tuple(keys),
            f"{source}: no sample of {', '.join(leads)} in {_n(keys)} ({few(keys, 2)})",
            {"recordings": float(len(keys))},
            leads,
            len(keys),
        )
        for (source, leads), keys in found.items()
    ]


def _flat(key: str, traits: Traits, windows: Array, is_mv: bool) -> list[Finding]:
    """Return leads that are flat, wholly or for seconds."""
    is_flat = flat_leads(traits, windows, is_mv)
    findings = []
    if is_flat.any():
        leads = _names(is_flat)
        which = "every lead" if len(leads) == 12 else ", ".join(leads)
        findings.append(
            Finding(
                "flat lead",
                "error" if len(leads) == 12 else "warning",
                (key,),
                f"{key}: {which} {'is' if len(leads) in (1, 12) else 'are'} flat",
                {"leads": float(len(leads))},
                leads,
                100.0 + len(leads),
            )
        )
    still = traits.still[windows].max(axis=0)
    in_part = (still >= STILL) & ~is_flat & _moves(traits, windows)
    if in_part.any():
        leads, seconds = _names(in_part), float(still[in_part].max())
        findings.append(
            Finding(
                "flat lead",
                "warning",
                (key,),
                f"{key}: {', '.join(leads)} stand still for up to {seconds:.1f} s",
                {"seconds": seconds},
                leads,
                seconds,
            )
        )
    return findings


def _moves(traits: Traits, windows: Array) -> Bool[Array, " 12"]:
    """Return which leads move by more than ten counts; quieter ones are a matter of gain."""
    return np.asarray(np.nan_to_num(traits.span[windows]).max(axis=0) > 0.01)


def _clipped(store: Store, traits: Traits, number: int) -> list[Finding]:
    """Return the finding that beats end at one value, or beyond a store's range."""
    windows, key = store.windows_of[number], store.keys[number]
    n_beyond = sum(store.rows[window].n_clipped for window in windows)
    often = np.where(_moves(traits, windows), traits.plateaus[windows].max(axis=0), 0)
    leads = _names(often >= PLATEAUS)
    if n_beyond:
        said = f"{key}: {n_beyond} samples beyond 32.767, the most that a store holds"
        return [Finding("clipped", "warning", (key,), said, {"samples": float(n_beyond)}, (), 99.0)]
    if not leads:
        return []
    most = float(often.max())
    return [
        Finding(
            "clipped",
            "warning",
            (key,),
            f"{key}: {most:.0f} times cut off at one value in {', '.join(leads)}",
            {"plateaus": most},
            leads,
            most,
        )
    ]


def _beyond(key: str, traits: Traits, windows: Array) -> list[Finding]:
    """Return the finding that samples lie 10 mV or more from the lead's median."""
    largest = np.nan_to_num(traits.largest[windows]).max(axis=0)
    if largest.max() < FARTHEST:
        return []
    leads = _names(largest >= FARTHEST)
    return [
        Finding(
            "beyond 10 mV",
            "warning",
            (key,),
            f"{key}: up to {largest.max():.1f} mV from the median in {', '.join(leads)}",
            {"mV": float(largest.max())},
            leads,
            float(largest.max()),
        )
    ]


def _limb(key: str, traits: Traits, windows: Array) -> list[Finding]:
    """Return the finding that limb leads break their equations."""
    residual = np.nan_to_num(traits.residual[windows]).max(axis=0)
    height = np.nan_to_num(traits.peak[windows][:, :6]).max()
    if residual.max() < RESIDUAL or residual.max() < 0.02 * height:
        return []
    leads = tuple(STANDARD_LEADS[2 + i] for i in np.flatnonzero(residual >= RESIDUAL))
    return [
        Finding(
            "limb leads",
            "warning",
            (key,),
            f"{key}: {', '.join(leads)} differ by {1000 * residual.max():.0f} \u00b5V from what I "
            "and II give",
            {"mV": float(residual.max())},
            ("I", "II", *leads),
            float(residual.max()),
        )
    ]


def _scrambled(key: str, traits: Traits, windows: Array) -> Finding:
    """Return the finding that leads and time are mixed."""
    near, far = float(traits.near[windows].mean()), float(traits.far[windows].mean())
    said = f"{key}: neighbouring samples correlate by {near:.2f}, those 12 apart by {far:.2f}"
    if _is_one(traits.gram[windows]).any():
        said = f"{key}: all leads are one, which aVR, aVL and aVF cannot be"
    return Finding("scrambled", "error", (key,), said, {"near": near, "far": far}, (), far - near)


def _n(keys: list[str]) -> str:
    """Return how many recordings, in words."""
    return f"{len(keys)} recording{'s' if len(keys) != 1 else ''}"
