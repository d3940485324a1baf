"""Electrodes: those of the limbs exchanged, chest leads in reversed order.

What the heart sends to twelve leads is nearly three-dimensional, so leads go together in a usual
way: their mean covariance S over many ECGs is known. Had each ECG a Gaussian covariance of its own,
drawn about S by an inverse Wishart distribution, the likelihood of its covariance C would fall with
log |S + k C|. The evidence for an exchange is how much that falls once the exchange is undone.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.data.audit.finding import Finding
from leadlens.data.audit.quality import scrambled
from leadlens.data.audit.traits import Traits
from leadlens.data.store import Store
from leadlens.ecg.leads import CHEST_LEADS, INDEPENDENT_LEADS, STANDARD_LEADS
from leadlens.ecg.measurements import Measurements, measure
from leadlens.ecg.recording import Recording

Array = np.ndarray

WEIGHT: Final = 6.0
"""k: how much an ECG's own covariance counts against the usual one. From 3 to 10 the detection
changes by half a per cent; below and above it falls."""
LEAST_CHEST: Final = 3
"""Chest leads without which nothing is said about the limbs."""
CHEST_EVIDENCE: Final = 0.55
"""Of 50,000 clean simulated ECGs the highest has 0.43, of 391 real ones 0.35."""
CHEST_AGAINST: Final = -1.0
"""How much less V1 than V6 may resemble lead I all the same."""
CHEST_MARGIN: Final = 0.5
"""How much more V1 than V6 must resemble lead I for the chest leads to be measured."""
CERTAIN: Final = 0.8
"""Evidence for an exchange of limbs from which an upright P does not speak against it."""
P_SEEN: Final = 0.025
"""mV by which P must point up."""
MORE_IN_V1: Final = 0.5
"""mV or relative units by which the QRS must point up more in V1 than in V6."""

_ROWS: Final = [STANDARD_LEADS.index(name) for name in INDEPENDENT_LEADS]
_I, _V1, _V6 = (STANDARD_LEADS.index(name) for name in ("I", "V1", "V6"))


@dataclass(frozen=True)
class Exchange:
    """A limb exchange.

    Attributes:
        name: in words.
        lies_on: where the cables of right arm, left arm and left leg lie (0, 1, 2 in that order).
        evidence: from which it is reported, a fifth or more above the highest of 60,000 clean
            simulated ECGs but for two (0.56 with flutter; 0.52, but P is upright). Left arm and
            left leg cannot be told: one in twenty would be found.
    """

    name: str
    lies_on: tuple[int, int, int]
    evidence: float


EXCHANGES: Final = (
    Exchange("left and right arm", (1, 0, 2), 0.40),
    Exchange("right arm and left leg", (2, 1, 0), 0.90),
    Exchange("all three limbs (the right arm's on the left arm)", (1, 2, 0), 0.95),
    Exchange("all three limbs (the right arm's on the left leg)", (2, 0, 1), 0.55),
)
_REVERSED: Final = np.eye(8)[[0, 1, 7, 6, 5, 4, 3, 2]]


def electrode_findings(
    store: Store, traits: Traits, on_progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Return recordings whose limb or chest electrodes were probably exchanged."""
    first = np.array([windows[0] for windows in store.windows_of], dtype=np.int64)
    is_mv = np.array([row.units == "mV" for row in store.first_rows])
    is_whole = ~scrambled(traits)[first]
    gram = traits.gram[first]
    covariance = covariances(traits, first)
    limbs = limb_evidence(covariance)
    limbs[~(is_mv & is_whole)] = 0.0
    chest = np.where(is_mv & is_whole, chest_evidence(covariance), 0.0)
    may_limbs: Array = np.asarray((limbs >= _least()).any(axis=1))
    is_sure: Array = np.asarray((chest >= CHEST_EVIDENCE) & (_more_like_v1(gram) > CHEST_AGAINST))
    # Where amplitudes are unknown, or the evidence is too weak, the measured QRS decides.
    may_chest: Array = is_sure | (is_whole & chest_in_question(gram))
    chosen = np.flatnonzero(may_limbs | may_chest)
    findings = []
    for done, number in enumerate(map(int, chosen)):
        key = store.keys[number]
        measured = measure(_window(store, number, int(first[number])))
        is_certain = bool((limbs[number] >= np.maximum(_least(), CERTAIN)).any())
        if may_limbs[number] and (is_certain or not has_upright_p(measured)):
            findings.append(_limbs(key, limbs[number], lead_one(covariance[number])))
        if is_sure[number] or (may_chest[number] and chest_reversed(measured, gram[number])):
            findings.append(_chest(key, gram[number], float(chest[number])))
        if on_progress:
            on_progress(done + 1, len(chosen))
    return findings


def covariances(traits: Traits, windows: Array) -> Float[Array, "n 8 8"]:
    """Return the covariance of the independent leads of some windows; 0 for flat and missing."""
    spread = np.nan_to_num(traits.spread[windows][:, _ROWS]).astype(np.float64)
    gram = traits.gram[windows][:, _ROWS][:, :, _ROWS].astype(np.float64)
    return np.asarray(gram * spread[:, :, None] * spread[:, None, :])


def power(covariance: Float[Array, "... 8 8"]) -> tuple[Array, Array]:
    """Return the power of limb and of chest leads, whichever cable lies on which limb.

    That of the limbs is I squared and a lead at a right angle to it, (2 II - I) / root 3, squared.
    """
    one, two = covariance[..., 0, 0], covariance[..., 1, 1]
    limb = 4.0 / 3.0 * (one - covariance[..., 0, 1] + two)
    chest = np.trace(covariance[..., 2:, 2:], axis1=-2, axis2=-1)
    return np.asarray(limb), np.asarray(chest)


def limb_evidence(covariance: Float[Array, "n 8 8"]) -> Float[Array, "n exchange"]:
    """Return the evidence for each of EXCHANGES; 0 without I, II and three chest leads."""
    is_there = np.einsum("nii->ni", covariance) > 0
    is_enough = is_there[:, :2].all(axis=1) & (is_there[:, 2:].sum(axis=1) >= LEAST_CHEST)
    found = np.zeros((len(covariance), len(EXCHANGES)))
    given, there = covariance[is_enough], is_there[is_enough]
    # A lead that is not there is one that says nothing under either hypothesis.
    both = there[:, :, None] & there[:, None, :]
    expected = np.where(both, usual_covariance(), np.eye(8))
    total = np.add(*power(given)) / np.add(*power(np.where(both, usual_covariance(), 0.0)))
    for column, exchange in enumerate(EXCHANGES):
        undo = np.linalg.inv(limb_matrix(exchange.lies_on))
        found[is_enough, column] = _evidence(given / total[:, None, None], expected, undo)
    return found


def chest_evidence(covariance: Float[Array, "n 8 8"]) -> Float[Array, " n"]:
    """Return the evidence for V1 to V6 in reversed order; 0 if one of eight leads is flat.

    Limb leads are first brought to their usual share: only their shapes say where the chest
    leads lie, and in some bodies they are a tenth of those of the chest.
    """
    is_whole = (np.einsum("nii->ni", covariance) > 0).all(axis=1)
    given = covariance[is_whole]
    limb, chest = power(given)
    usual_limb, usual_chest = power(usual_covariance())
    scale = np.ones((len(given), 8))
    scale[:, :2] = np.sqrt(usual_limb / limb)[:, None]
    scale[:, 2:] = np.sqrt(usual_chest / chest)[:, None]
    found = np.zeros(len(covariance))
    scaled = given * scale[:, :, None] * scale[:, None, :]
    found[is_whole] = _evidence(scaled, usual_covariance(), _REVERSED)
    return found


def _evidence(
    covariance: Float[Array, "n 8 8"], expected: Float[Array, "... 8 8"], undo: Float[Array, "8 8"]
) -> Float[Array, " n"]:
    """Return how much better the leads go together after `undo`."""
    as_given = np.linalg.slogdet(expected + WEIGHT * covariance)[1]
    undone = np.linalg.slogdet(expected + WEIGHT * (undo @ covariance @ undo.T))[1]
    return np.asarray(as_given - undone)


def limb_matrix(lies_on: tuple[int, int, int]) -> Float[Array, "8 8"]:
    """Return what cables on other limbs make of I, II, V1 to V6; Wilson's terminal stays."""
    matrix = np.eye(8)
    potentials = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
    matrix[:2, :2] = potentials @ np.eye(3)[list(lies_on)] @ np.linalg.pinv(potentials)
    return matrix


def lead_one(covariance: Float[Array, "8 8"]) -> float:
    """Return the correlation of lead I with what V1 to V6 usually say of it."""
    usual = usual_covariance()
    weight = np.linalg.solve(usual[2:, 2:], usual[2:, 0])
    both = covariance[0, 0] * (weight @ covariance[2:, 2:] @ weight)
    return float(weight @ covariance[2:, 0] / np.sqrt(max(both, 1e-12)))


@cache
def usual_covariance() -> Float[Array, "8 8"]:
    """Return S, of power 1: the mean over simulated ECGs, see `benchmarks/usual_leads.py`."""
    file = resources.files("leadlens.data.audit").joinpath("usual_leads.json")
    return np.array(json.loads(file.read_text("utf-8"))["covariance"])


def _least() -> Float[Array, " exchange"]:
    """Return the evidence from which each exchange is reported."""
    return np.array([exchange.evidence for exchange in EXCHANGES])


def has_upright_p(measured: Measurements) -> bool:
    """Return whether P points up in I and II, as in sinus rhythm with the arms in place."""
    return all(measured.of("p_wave", lead) > P_SEEN for lead in ("I", "II"))


def chest_in_question(gram: Array) -> Bool[Array, " n"]:
    """Return where V1 resembles lead I and V6 does not."""
    return np.asarray((_more_like_v1(gram) > CHEST_MARGIN) & (gram[:, _I, _V1] > 0.3))


def _more_like_v1(gram: Array) -> Float[Array, " n"]:
    """Return how much more lead I resembles V1 than V6."""
    return np.asarray(gram[:, _I, _V1] - gram[:, _I, _V6])


def chest_reversed(measured: Measurements, gram: Array) -> bool:
    """Return whether R grows from V6 to V1, and V1 resembles lead I where V6 does not."""
    more = net_qrs(measured, "V1") - net_qrs(measured, "V6")
    r_waves = np.array([measured.of("r_wave", lead) for lead in CHEST_LEADS])
    if np.isnan(r_waves[:2]).all() or np.isnan(r_waves[4:]).all():
        return False
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


def _limbs(key: str, evidence: Float[Array, " exchange"], correlation: float) -> Finding:
    """Return the finding that limb electrodes were exchanged, in the likeliest way."""
    likeliest = int(np.argmax(np.where(evidence >= _least(), evidence, 0.0)))
    exchange, value = EXCHANGES[likeliest], float(evidence[likeliest])
    return Finding(
        "arm leads",
        "warning",
        (key,),
        f"{key}: {exchange.name} are probably exchanged (evidence {value:.2f}, enough from "
        f"{exchange.evidence:g}); lead I correlates by {correlation:.2f} with what V1 to V6 "
        "usually say of it",
        {"evidence": value, "correlation": correlation},
        ("I", "II", "aVR", "V6"),
        value,
    )


def _chest(key: str, gram: Array, evidence: float) -> Finding:
    """Return the finding that the chest leads are reversed."""
    one, six = float(gram[_I, _V1]), float(gram[_I, _V6])
    return Finding(
        "chest leads",
        "warning",
        (key,),
        f"{key}: V1 correlates with lead I by {one:.2f}, V6 by {six:.2f}; in reversed order the "
        "chest leads would go together better",
        {"v1": one, "v6": six, "evidence": evidence},
        ("I", "V1", "V6"),
        max(evidence, one - six),
    )
