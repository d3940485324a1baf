"""Torso: from cardiac dipoles to leads, with a lead field of the subject's own.

A rank-3 model explains 99.8 % of the variance of a real QRS when the lead field is the subject's
own, but only 93 % with one fixed matrix (measured on 500 PTB-XL recordings), so a lead field is
drawn for every subject. Axes: x left, y inferior, z posterior.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from jaxtyping import Float, Float32

from leadlens.ecg.leads import STANDARD_FROM_INDEPENDENT
from leadlens.simulate.streams import Streams

LEAD_FIELD_SPREAD: Final = 0.7
"""Part of the measured spread between subjects that is used: the rest is estimation error."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Calibration:
    """Means and covariance factors of normal beats (PTB-XL, Wagner et al. 2020, CC BY 4.0)."""

    node_fraction: Float[Array, " node"]
    node_width: float
    lead_field_mean: Float[Array, "8 3"]
    lead_field_factor: Float[Array, "24 24"]
    qrs_t_mean: Float[Array, " parameter"]
    qrs_t_factor: Float[Array, "parameter parameter"]
    atrial_lead_field: Float[Array, "8 3"]


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


def draw_lead_fields(streams: Streams) -> Float[Array, "n 8 3"]:
    """Return ventricular lead fields: dipole (x, y, z) to the eight independent leads.

    The body's build scales a whole field by a lognormal factor of 15 %.
    """
    given = calibration()
    normal = streams.normal("leadfield", 25)
    drawn = np.einsum("nk,jk->nj", normal[:, :24], given.lead_field_factor).reshape(-1, 8, 3)
    fields = given.lead_field_mean + LEAD_FIELD_SPREAD * drawn
    return fields * np.exp(0.15 * normal[:, 24, None, None])


def draw_atrial_lead_fields(streams: Streams) -> Float[Array, "n 8 3"]:
    """Return atrial lead fields.

    The mean is the pseudo-inverse of the P-wave transform of Guillem et al. (Computing in
    Cardiology 2006): it explains 93 % of real P waves where Dower's matrix explains 85 %.
    """
    normal = streams.normal("leadfield.atria", 24).reshape(-1, 8, 3)
    return calibration().atrial_lead_field * (1.0 + 0.12 * normal)


def draw_residual(
    qrs: Float[Array, "n wave 3"], streams: Streams
) -> tuple[Float[Array, "n 8"], Float[Array, "n wave"]]:
    """Return the non-dipolar part of the QRS: a pattern on the leads, and a height a wave."""
    n_waves = qrs.shape[1]
    normal = streams.normal("residual", 8 + n_waves)
    height = np.linalg.norm(qrs, axis=2)
    return normal[:, :8], 0.05 * height * normal[:, 8:]


def with_residual(
    field: Float[Array, "n 8 3"],
    qrs: Float[Array, "n wave 3"],
    residual: tuple[Float[Array, "n 8"], Float[Array, "n wave"]],
) -> tuple[Float[Array, "n 8 4"], Float[Array, "n wave 4"]]:
    """Return lead fields and vectors with the residual as a fourth component."""
    pattern, height = residual
    return (
        np.concatenate([field, pattern[:, :, None]], axis=2),
        np.concatenate([qrs, height[:, :, None]], axis=2),
    )


def twelve_leads(independent: Float32[Array, "8 time"]) -> Float32[Array, "12 time"]:
    """Return the twelve standard leads of I, II, V1 to V6.

    III and the augmented leads are computed from I and II as they are, in float32, so that the
    limb-lead equations hold exactly.
    """
    leads = np.empty((12, independent.shape[1]), dtype=np.float32)
    one, two = independent[0], independent[1]
    half = np.float32(0.5)
    leads[0], leads[1] = one, two
    np.subtract(two, one, out=leads[2])
    np.multiply(one + two, -half, out=leads[3])
    np.subtract(one, half * two, out=leads[4])
    np.subtract(two, half * one, out=leads[5])
    leads[6:] = independent[2:]
    return leads


def standard(independent: Float[Array, "*batch 8"]) -> Float[Array, "*batch 12"]:
    """Return values on the twelve standard leads from those on the eight independent ones."""
    return np.einsum("...k,lk->...l", independent, STANDARD_FROM_INDEPENDENT)


def _factor(covariance: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Return a square root of `covariance`; eigenvalues that rounding made negative count 0."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
