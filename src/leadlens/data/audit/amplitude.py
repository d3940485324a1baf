"""Amplitude: recordings, and whole sources, whose gain cannot be right."""

from collections import defaultdict
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.data.audit.finding import Finding
from leadlens.data.audit.traits import Traits
from leadlens.data.index import IndexRow
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import INDEPENDENT_LEADS, STANDARD_LEADS

LIMITS: Final = {"unknown": (0.35, 4.5), "without": (0.55, 4.5), "with": (0.30, 2.4)}
"""mV: lowest and highest root mean square over the eight independent leads of a typical beat's peak
to peak, by what is known of low voltage. 20,000 simulated recordings lie between 0.34 and 3.9,
those without low voltage above 0.66, those with it below 1.96; 393 real ones between 0.57 and 4.3,
but for four."""
USUAL: Final = 1.5
"""mV: its median in a data set; 1.1 to 2.3 in seven real ones, 1.55 in simulated ones."""
SOURCE_FACTOR: Final = 1.9
"""How far the median of a source may be off."""
LEAST_RECORDINGS: Final = 10
"""For a median of a source to say anything."""
LEAST_LEADS: Final = 4
TINY: Final = 0.02
"""mV: in a recording below this no lead counts as off, the gain is wrong."""

Array = np.ndarray
_LOW_VOLTAGE: Final = diagnosis("LQRSV").code
_ROWS: Final = [STANDARD_LEADS.index(name) for name in INDEPENDENT_LEADS]


def sizes(store: Store, traits: Traits) -> Float[Array, " recording"]:
    """Return the size of each recording's beats in mV; NaN for relative units and few leads."""
    size = np.full(len(store.keys), np.nan)
    for number, windows in enumerate(store.windows_of):
        peak = traits.peak[windows][:, _ROWS].astype(np.float64)
        # A flat lead says nothing of the gain of the others.
        known = ~np.isnan(peak)
        if np.nan_to_num(peak).max() > TINY:
            known &= peak > 0
        is_mv = store.first_rows[number].units == "mV" and np.nanmax(traits.span[windows]) > 0
        if is_mv and known.any(axis=0).sum() >= LEAST_LEADS:
            each = [
                np.sqrt(np.mean(p[k] ** 2)) for p, k in zip(peak, known, strict=True) if k.any()
            ]
            size[number] = float(np.median(each))
    return size


def amplitude_findings(store: Store, traits: Traits) -> list[Finding]:
    """Return recordings beyond physiology, and sources whose median is off."""
    size = sizes(store, traits)
    members: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(store.first_rows):
        if not np.isnan(size[number]):
            members[row.source].append(number)
    findings, is_told = [], set[str]()
    for source, numbers in members.items():
        median = float(np.median(size[numbers]))
        factor = median / USUAL
        if len(numbers) >= LEAST_RECORDINGS and abs(np.log(factor)) > np.log(SOURCE_FACTOR):
            is_told.add(source)
            findings.append(_of_source(store, source, numbers, median))
    for number, row in enumerate(store.first_rows):
        known = _low_voltage(row)
        lowest, highest = LIMITS[known]
        is_outside = not np.isnan(size[number]) and not lowest <= size[number] <= highest
        if is_outside and row.source not in is_told:
            findings.append(_of_recording(row.key, float(size[number]), known))
    return findings


def _of_source(store: Store, source: str, numbers: list[int], median: float) -> Finding:
    """Return the finding that a source's beats are too large or too small."""
    factor = median / USUAL
    times = f"{factor:.3g} times" if factor >= 0.01 else f"1/{1 / factor:.0f} of"
    return Finding(
        "gain",
        "error",
        tuple(store.keys[number] for number in numbers),
        f"{source}: beats of {median:.3g} mV (median of {len(numbers)} recordings), {times} the "
        f"usual {USUAL:g} mV",
        {"mV": median, "factor": factor},
        rank=1000.0 + abs(float(np.log(factor))),
    )


def _low_voltage(row: IndexRow) -> str:
    """Return what a recording's labels say of low voltage: "with", "without" or "unknown"."""
    if not row.is_annotated or _LOW_VOLTAGE in row.not_annotated.split():
        return "unknown"
    return "with" if _LOW_VOLTAGE in row.codes.split() else "without"


def _of_recording(key: str, size: float, known: str) -> Finding:
    """Return the finding that a recording's beats are beyond physiology, or beyond its labels."""
    lowest, highest = LIMITS[known]
    is_high = size > highest
    limit = f"above the {highest:g} mV" if is_high else f"below the {lowest:g} mV"
    said = ""
    if known == "with":
        said = f", {'as' if is_high else 'though'} low voltage is among its labels"
    elif known == "without" and not is_high:
        said = ", and low voltage is not among its labels"
    return Finding(
        "gain",
        "warning",
        (key,),
        f"{key}: beats of {size:.3g} mV over all leads, {limit} to be expected{said}",
        {"mV": size},
        rank=abs(float(np.log(max(size, 1e-6) / USUAL))),
    )
