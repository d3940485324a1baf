"""Electrodes: arms exchanged, chest leads in reversed order.

A cheap look at the correlation of the leads finds the recordings worth measuring; what the measured
P and QRS say decides.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from jaxtyping import Bool

from leadlens.data.audit.finding import Finding
from leadlens.data.audit.quality import scrambled
from leadlens.data.audit.traits import Traits
from leadlens.data.store import Store
from leadlens.ecg.leads import CHEST_LEADS, STANDARD_LEADS
from leadlens.ecg.measurements import Measurements, measure
from leadlens.ecg.recording import Recording

ARMS_OPPOSED: Final = -0.5
"""Correlation of lead I with V6 below which arms may be exchanged."""
CHEST_MARGIN: Final = 0.5
"""How much more V1 than V6 must resemble lead I for the chest leads to be in question."""
MORE_IN_V1: Final = 0.5
"""mV by which the QRS must point up more in V1 than in V6."""
P_SEEN: Final = 0.025
QRS_SEEN: Final = 0.05
"""mV by which P and QRS must point up or down."""

Array = np.ndarray
_I, _V1, _V6 = (STANDARD_LEADS.index(name) for name in ("I", "V1", "V6"))


def electrode_findings(
    store: Store, traits: Traits, on_progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Return recordings whose arm or chest electrodes were probably exchanged."""
    first = np.array([windows[0] for windows in store.windows_of], dtype=np.int64)
    is_mv = np.array([row.units == "mV" for row in store.first_rows])
    gram = traits.gram[first]
    is_whole = ~scrambled(traits)[first]
    may_arms = is_mv & is_whole & arms_in_question(gram)
    may_chest = is_whole & chest_in_question(gram)
    findings = []
    chosen = np.flatnonzero(may_arms | may_chest)
    for done, number in enumerate(chosen):
        measured = measure(_window(store, int(number), int(first[number])))
        key = store.keys[number]
        if may_arms[number] and arms_exchanged(measured):
            findings.append(_arms(key, measured, gram[number]))
        if may_chest[number] and chest_reversed(measured, gram[number]):
            findings.append(_chest(key, gram[number]))
        if on_progress:
            on_progress(done + 1, len(chosen))
    return findings


def arms_in_question(gram: Array) -> Bool[Array, " n"]:
    """Return where lead I runs against V6."""
    return np.asarray(gram[:, _I, _V6] < ARMS_OPPOSED)


def chest_in_question(gram: Array) -> Bool[Array, " n"]:
    """Return where V1 resembles lead I and V6 does not."""
    like_i = gram[:, _I]
    return np.asarray((like_i[:, _V1] - like_i[:, _V6] > CHEST_MARGIN) & (like_i[:, _V1] > 0.3))


def arms_exchanged(measured: Measurements) -> bool:
    """Return whether P and QRS point down in lead I and up in V6.

    Right axis deviation leaves P of lead I upright, an ectopic rhythm from the left turns P of V6
    too; fibrillation has no P, and nothing is said of it. T is not asked: it is often flat.
    """
    p_down = measured.of("p_wave", "I") < -P_SEEN
    p_up = measured.of("p_wave", "V6") > P_SEEN
    qrs_down = net_qrs(measured, "I") < -QRS_SEEN
    qrs_up = net_qrs(measured, "V6") > QRS_SEEN
    return bool(p_down and p_up and qrs_down and qrs_up)


def chest_reversed(measured: Measurements, gram: Array) -> bool:
    """Return whether R grows from V6 to V1, and V1 resembles lead I where V6 does not."""
    more = net_qrs(measured, "V1") - net_qrs(measured, "V6")
    r_waves = [measured.of("r_wave", lead) for lead in CHEST_LEADS]
    grows_back = np.nanmean(r_waves[:2]) > np.nanmean(r_waves[4:])
    return bool(more > MORE_IN_V1 and grows_back and gram[_I, _V6] < 0.2)


def net_qrs(measured: Measurements, lead: str) -> float:
    """Return the height of the QRS less its depth, in the recording's unit."""
    up = measured.of("r_wave", lead)
    down = max(measured.of("q_depth", lead), -measured.of("s_wave", lead))
    return float(up - down)


def _window(store: Store, number: int, window: int) -> Recording:
    """Return one window of a recording, with the leads that do not move as missing."""
    row = store.first_rows[number]
    return Recording(
        signal=store.signal(np.array([window]))[0],
        fs=store.fs,
        leads=STANDARD_LEADS,
        record_id=row.record_id,
        source=row.source,
        units="relative" if row.units == "relative" else "mV",
    )


def _arms(key: str, measured: Measurements, gram: Array) -> Finding:
    """Return the finding that the arms were exchanged."""
    p, qrs = measured.of("p_wave", "I"), net_qrs(measured, "I")
    return Finding(
        "arm leads",
        "warning",
        (key,),
        f"{key}: in lead I P is {p:.2f} and QRS {qrs:.2f} mV, both upright in V6",
        {"p": p, "qrs": qrs, "correlation": float(gram[_I, _V6])},
        ("I", "aVR", "V6"),
        -float(gram[_I, _V6]),
    )


def _chest(key: str, gram: Array) -> Finding:
    """Return the finding that the chest leads are reversed."""
    one, six = float(gram[_I, _V1]), float(gram[_I, _V6])
    return Finding(
        "chest leads",
        "warning",
        (key,),
        f"{key}: V1 correlates with lead I by {one:.2f}, V6 by {six:.2f}",
        {"v1": one, "v6": six},
        ("I", "V1", "V6"),
        one - six,
    )
