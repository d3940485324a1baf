"""Lead names, order, sets, and the algebra that ties the six limb leads together.

The limb leads are differences of three electrode potentials, so any two of them give the other
four (Einthoven 1912, Goldberger 1942):

    III = II - I    aVR = -(I + II) / 2    aVL = I - II / 2    aVF = II - I / 2
"""

import re
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.errors import SignalError, choices

LIMB_LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF")
CHEST_LEADS: Final = ("V1", "V2", "V3", "V4", "V5", "V6")
STANDARD_LEADS: Final = LIMB_LEADS + CHEST_LEADS
INDEPENDENT_LEADS: Final = ("I", "II", *CHEST_LEADS)

LEAD_SETS: Final[dict[str, tuple[str, ...]]] = {
    "12": STANDARD_LEADS,
    "6": LIMB_LEADS,
    "4": ("I", "II", "III", "V2"),
    "3": ("I", "II", "V2"),
    "2": ("I", "II"),
}
"""The five lead sets of the PhysioNet/CinC Challenge 2021, by number of leads."""

LIMB_FROM_I_II: Final = np.array(
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [-0.5, -0.5], [1.0, -0.5], [-0.5, 1.0]]
)
"""Rows LIMB_LEADS, columns I and II."""

STANDARD_FROM_INDEPENDENT: Final = np.block(
    [[LIMB_FROM_I_II, np.zeros((6, 6))], [np.zeros((6, 2)), np.eye(6)]]
)
"""Rows STANDARD_LEADS, columns INDEPENDENT_LEADS."""

_LIMB_ELECTRODES: Final = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
INDEPENDENT_FROM_ELECTRODES: Final = np.block(
    [[_LIMB_ELECTRODES, np.zeros((2, 6))], [np.full((6, 3), -1.0 / 3.0), np.eye(6)]]
)
"""Rows INDEPENDENT_LEADS, columns the potentials at RA, LA, LL, C1 to C6; V leads are against
Wilson's terminal, the mean of the limb electrodes."""

_LEAD_PREFIX: Final = re.compile(r"^lead[ _-]?")
_BY_LOWER_CASE: Final = {name.lower(): name for name in (*STANDARD_LEADS, "Vx", "Vy", "Vz")}


def lead_name(text: str) -> str:
    """Return the standard spelling of a lead's name (`AVR` -> `aVR`); unknown names unchanged."""
    name = text.strip()
    # Only a separator after the word "lead" goes: "-aVR" is the inverse of aVR, another lead.
    return _BY_LOWER_CASE.get(_LEAD_PREFIX.sub("", name.lower()), name)


def lead_set(name: str) -> tuple[str, ...]:
    """Return the leads of the set called `name` ("12", "6", "4", "3" or "2")."""
    if name not in LEAD_SETS:
        raise choices("lead set", name, LEAD_SETS)
    return LEAD_SETS[name]


def complete_limb_leads(
    signal: Float[np.ndarray, "lead time"], leads: tuple[str, ...]
) -> Float[np.ndarray, "6 time"]:
    """Return the six limb leads from any two or more of them.

    A lead that is present and recorded is kept as it is; only missing ones (absent, or NaN over
    the whole recording) are computed, from the first two that are present in LIMB_LEADS order.
    """
    rows = {name: signal[leads.index(name)] for name in LIMB_LEADS if name in leads}
    known = [name for name, row in rows.items() if not np.isnan(row).all()]
    if len(known) < 2:
        raise SignalError(
            f"two limb leads are needed to compute the others: {', '.join(known) or 'none'} given"
        )
    basis = LIMB_FROM_I_II[[LIMB_LEADS.index(name) for name in known[:2]]]
    from_pair = LIMB_FROM_I_II @ np.linalg.inv(basis)
    completed = (from_pair @ np.stack([rows[name] for name in known[:2]])).astype(signal.dtype)
    for name in known:
        completed[LIMB_LEADS.index(name)] = rows[name]
    return completed


def limb_lead_residual(signal: Float[np.ndarray, "*batch 12 time"]) -> Float[np.ndarray, "*batch"]:
    """Return the largest deviation from the limb-lead equations, in the signal's unit.

    `signal` is in STANDARD_LEADS order; samples with a missing limb lead do not count.
    """
    expected = np.einsum("lp,...pt->...lt", LIMB_FROM_I_II, signal[..., :2, :].astype(np.float64))
    deviation = np.abs(signal[..., :6, :] - expected)
    return np.asarray(np.nan_to_num(deviation).max(axis=(-2, -1)))
