"""Shape: what each condition does to the vectors and times of QRS and T.

Ranges are those of the published criteria (AHA/ACCF/HRS 2009 parts III and IV, the universal
definition of myocardial infarction) with most draws well beyond a threshold, a minority close.
"""

import numpy as np
from jaxtyping import Float

from leadlens.simulate.conditions import Plan
from leadlens.simulate.measure import axis_of, measure
from leadlens.simulate.torso import calibration

_Q, _TERMINAL = 8, 9  # the two waves that follow the eight nodes of the QRS

# x, y, z of the eight nodes of a left bundle branch block, mV
_LBBB_X = np.array([0.02, 0.20, 0.30, 0.40, 0.45, 0.45, 0.25, 0.05])
_LBBB_Z = np.array([-0.08, 0.25, 1.00, 1.20, 0.70, 0.30, 0.10, 0.00])

Array = np.ndarray


def qrs_duration(plan: Plan, sex: str, rng: np.random.Generator) -> float:
    """Return the QRS duration in s; bundle branch block from 120 ms, IRBBB 110 to 119 ms."""
    normal = np.clip(rng.normal(0.090 if sex == "male" else 0.083, 0.008), 0.070, 0.104)
    ranges = {
        "RBBB": (0.122, 0.168),
        "LBBB": (0.126, 0.175),
        "IRBBB": (0.110, 0.119),
        "NSIVCB": (0.114, 0.148),
        "PR": (0.142, 0.188),
    }
    place = rng.random()
    for name, (low, high) in ranges.items():
        if plan.has(name):
            return float(low + (high - low) * place)
    return float(normal + 0.006 * plan.has("LAnFB"))


def qrs_timing(
    plan: Plan, duration: float, core: float, rng: np.random.Generator
) -> tuple[Float[Array, " wave"], Float[Array, " wave"]]:
    """Return centres and widths of the eight nodes, an initial Q and a terminal wave."""
    given = calibration()
    centre = np.append(given.node_fraction * core, [0.0, 0.0])
    width = np.append(np.full(8, given.node_width * core), [0.0, 0.0])
    centre[_Q], width[_Q] = rng.uniform(0.018, 0.026), rng.uniform(0.011, 0.014)
    rest = max(duration - core, 0.012)
    if plan.has("IRBBB"):
        centre[_TERMINAL], width[_TERMINAL] = duration - 0.016, rng.uniform(0.008, 0.011)
    else:
        centre[_TERMINAL], width[_TERMINAL] = core + 0.35 * rest, max(0.30 * rest, 0.010)
    return centre, width


def shape_qrs(
    plan: Plan, qrs: Float[Array, "n wave 3"], rng: np.random.Generator
) -> Float[Array, "n wave 3"]:
    """Return the QRS vectors with conduction and Q-wave conditions put in."""
    qrs, n = qrs.copy(), len(qrs)
    if plan.has("LBBB", "PR"):
        qrs = _left_bundle_block(qrs, rng)
    if plan.has("RBBB", "IRBBB"):
        direction = np.stack(
            [rng.uniform(-0.8, -0.45, n), rng.normal(0.0, 0.15, n), rng.uniform(-0.75, -0.35, n)], 1
        )
        low, high = (0.45, 0.95) if plan.has("RBBB") else (0.42, 0.70)
        qrs[:, 5:8] *= 0.6
        qrs[:, _TERMINAL] = direction * rng.uniform(low, high, (n, 1))
    if plan.has("LAnFB"):
        qrs[:, 1] += np.stack([np.zeros(n), rng.uniform(0.06, 0.14, n), np.zeros(n)], axis=1)
        qrs[:, 4:7, 1] += rng.uniform(-0.40, -0.15, (n, 1))
    if plan.has("NSIVCB"):
        qrs[np.arange(n), rng.integers(2, 5, n)] *= rng.uniform(0.2, 0.6, (n, 1))
        qrs[:, 4:7] += 0.14 * rng.standard_normal((n, 3, 3))
    if plan.has("PRWP"):
        qrs[:, 2, 2] += rng.uniform(0.15, 0.40, n)
        qrs[:, 3, 2] += rng.uniform(0.30, 0.80, n)
    if plan.has("QAb"):
        qrs[:, 1:3] *= rng.uniform(0.0, 0.5, (n, 1, 1))
        qrs[:, _Q] = _q_direction(plan, rng) * rng.uniform(0.35, 0.75, (n, 1))
    return qrs


def _left_bundle_block(
    qrs: Float[Array, "n wave 3"], rng: np.random.Generator
) -> Float[Array, "n wave 3"]:
    """Return the slow, notched QRS of a ventricle activated from the right, backward and left."""
    qrs, n = qrs.copy(), len(qrs)
    gain = rng.uniform(0.75, 1.3, (n, 1))
    qrs[:, :8, 0] = _LBBB_X * gain * rng.uniform(0.8, 1.5, (n, 1))
    qrs[:, :8, 1] *= 0.3
    qrs[:, :8, 2] = _LBBB_Z * gain * rng.uniform(0.8, 1.2, (n, 1))
    notch = rng.uniform(0.10, 0.22, n)
    qrs[:, 3, 0] -= notch
    qrs[:, 5, 0] += notch / 2.0
    return qrs


def _q_direction(plan: Plan, rng: np.random.Generator) -> Float[Array, " 3"]:
    """Return where the initial forces point: away from an inferior, anterior or lateral scar."""
    regions = np.array([[0.0, -1.0, 0.0], [0.1, 0.0, 1.0], [-1.0, 0.1, 0.1]])
    region = int(rng.choice(3, p=[0.45, 0.40, 0.15]))
    return regions[1 if plan.has("LAnFB", "LAD", "RAD") else region]


def steer_axis(
    plan: Plan,
    field: Float[Array, "n 8 3"],
    qrs: Float[Array, "n wave 3"],
    width: Float[Array, " wave"],
    rng: np.random.Generator,
) -> Float[Array, "n wave 3"]:
    """Return the QRS turned in the frontal plane until its axis is the wanted one.

    The first two nodes stay in a fascicular block: its initial forces point down and right.
    """
    n = len(qrs)
    ranges = {
        "LAnFB": (-80.0, -47.0),
        "LAD": (-60.0, -33.0) if plan.has("LBBB") else (-44.5, -31.0),
        "RAD": (92.0, 130.0),
        "PR": (-85.0, -40.0),
        "LBBB": (-20.0, 60.0),
    }
    planned = [limits for name, limits in ranges.items() if plan.has(name)]
    low, high = planned[0] if planned else (-15.0, 75.0)
    is_steered = bool(planned) or plan.has("QAb", "RBBB", "NSIVCB", "IRBBB")
    target = rng.uniform(low, high, n)
    if not is_steered:
        return qrs
    first = 2 if plan.has("LAnFB") else 0
    for _ in range(5):
        turn = np.radians(target - axis_of(field, qrs, width))
        qrs = qrs.copy()
        x, y = qrs[:, first:, 0].copy(), qrs[:, first:, 1].copy()
        cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
        qrs[:, first:, 0], qrs[:, first:, 1] = cos * x - sin * y, sin * x + cos * y
    return qrs


def shape_t(
    plan: Plan,
    qrs: Float[Array, "n wave 3"],
    t_vector: Float[Array, "n 3"],
    rng: np.random.Generator,
) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
    """Return T and ST vectors with repolarisation conditions, primary and secondary, put in."""
    n = len(t_vector)
    st_vector = np.zeros((n, 3))
    if plan.has("LBBB", "PR"):
        total = qrs[:, :8].sum(axis=1)
        direction = -total / np.linalg.norm(total, axis=1, keepdims=True)
        t_vector = direction * rng.uniform(0.35, 0.75, (n, 1)) + 0.15 * t_vector
        st_vector = 0.25 * t_vector
    elif plan.has("RBBB"):
        t_vector = t_vector + np.array([0.0, 0.0, 1.0]) * rng.uniform(0.15, 0.35, (n, 1))
    if plan.has("TAb"):
        is_flat = rng.random() < 0.6
        gain = rng.uniform(0.0, 0.30, (n, 1)) if is_flat else rng.uniform(0.2, 0.4, (n, 1))
        t_vector = t_vector * gain + (0.02 if is_flat else 0.07) * rng.standard_normal((n, 3))
        if rng.random() < 0.4:
            total = qrs[:, :8].sum(axis=1)
            direction = total / np.linalg.norm(total, axis=1, keepdims=True)
            st_vector = -direction * rng.uniform(0.03, 0.12, (n, 1))
    if plan.has("TInv"):
        regions = np.array([[-0.10, -0.10, 0.9], [0.3, -0.9, -0.2], [-0.9, 0.1, -0.2]])
        region = int(rng.choice(3, p=[0.45, 0.25, 0.30]))
        direction = regions[region] + 0.15 * rng.standard_normal((n, 3))
        t_vector = direction * rng.uniform(0.22, 0.60, (n, 1))
    return t_vector, st_vector


def lower_voltage(
    field: Float[Array, "n 8 3"],
    centre: Float[Array, " wave"],
    width: Float[Array, " wave"],
    qrs: Float[Array, "n wave 3"],
    t_vector: Float[Array, "n 3"],
    duration: float,
    rng: np.random.Generator,
) -> tuple[Float[Array, "n 8 3"], Float[Array, "n 3"]]:
    """Return a lead field with low limb (70 %) or chest voltages, and T vectors kept visible.

    The torso, not the heart, lowers them, and the other leads less: by the root of the factor.
    """
    measures = measure(field, centre, width, qrs, t_vector, duration)
    if rng.random() < 0.7:
        gain = rng.uniform(0.26, 0.48, len(field)) / measures.limb_voltage
        low, other = slice(0, 2), slice(2, 8)
    else:
        gain = rng.uniform(0.60, 0.96, len(field)) / measures.chest_voltage
        low, other = slice(2, 8), slice(0, 2)
    gain = np.minimum(gain, 1.0)[:, None, None]
    field = field.copy()
    field[:, low] *= gain
    field[:, other] *= np.sqrt(gain)
    return field, t_vector * gain[:, :, 0] ** -0.3
