"""Torso: from cardiac dipoles to leads, with a lead field of the subject's own.

A rank-3 model explains 99.8 % of the variance of a real QRS when the lead field is the subject's
own, but only 93 % with one fixed matrix (measured on 500 PTB-XL recordings), so a lead field is
drawn for every subject. Axes: x left, y inferior, z posterior.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Float, Float32

from leadlens.ecg.leads import STANDARD_FROM_INDEPENDENT

LEAD_FIELD_SPREAD = 0.7
"""Part of the measured spread between subjects that is used: the rest is estimation error."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Means and covariance factors of normal beats (PTB-XL, Wagner et al. 2020, CC BY 4.0)."""

    node_fraction: Float[np.ndarray, " node"]
    node_width: float
    lead_field_mean: Float[np.ndarray, "8 3"]
    lead_field_factor: Float[np.ndarray, "24 24"]
    qrs_t_mean: Float[np.ndarray, " parameter"]
    qrs_t_factor: Float[np.ndarray, "parameter parameter"]
    atrial_lead_field: Float[np.ndarray, "8 3"]


@cache
def calibration() -> Calibration:
    """Return the calibration that comes with the package."""
    text = resources.files("leadlens.simulate").joinpath("calibration.json").read_text("utf-8")
    table = json.loads(text)
    return Calibration(
        node_fraction=np.array(table["qrs_node_fraction"]),
        node_width=float(table["qrs_node_width"]),
        lead_field_mean=np.array(table["lead_field_mean"]),
        lead_field_factor=_factor(np.array(table["lead_field_covariance"])),
        qrs_t_mean=np.array(table["qrs_t_mean"]),
        qrs_t_factor=_factor(np.array(table["qrs_t_covariance"])),
        atrial_lead_field=np.array(table["atrial_lead_field"]),
    )


def draw_lead_fields(rng: np.random.Generator, n: int) -> Float[np.ndarray, "n 8 3"]:
    """Return `n` ventricular lead fields: dipole (x, y, z) to the eight independent leads."""
    given = calibration()
    normal = rng.standard_normal((n, 24)) @ given.lead_field_factor.T
    fields = given.lead_field_mean + LEAD_FIELD_SPREAD * normal.reshape(n, 8, 3)
    habitus = np.exp(0.15 * rng.standard_normal((n, 1, 1)))
    return fields * habitus


def draw_atrial_lead_field(rng: np.random.Generator) -> Float[np.ndarray, "8 3"]:
    """Return a subject's atrial lead field.

    The mean is the pseudo-inverse of the P-wave transform of Guillem et al. (2006): it explains
    93 % of real P waves where Dower's matrix explains 85 %.
    """
    return calibration().atrial_lead_field * (1.0 + 0.12 * rng.standard_normal((8, 3)))


def twelve_leads(independent: Float[np.ndarray, "8 time"]) -> Float32[np.ndarray, "12 time"]:
    """Return the twelve standard leads; the limb-lead equations hold to float32 rounding."""
    return (STANDARD_FROM_INDEPENDENT @ independent).astype(np.float32)


def _factor(covariance: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Return a square root of `covariance`; eigenvalues that rounding made negative count 0."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
