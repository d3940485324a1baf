"""Heart: a rhythm and a beat become the eight independent leads."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.simulate.beat import Beat
from leadlens.simulate.rhythm import BeatKind, Rhythm
from leadlens.simulate.torso import draw_atrial_lead_field
from leadlens.simulate.waves import (
    Components,
    fibrillation_waves,
    flutter_waves,
    join,
    render,
    repeat_wave,
)

Array = np.ndarray

# height of the eight nodes of a ventricular ectopic QRS
_ECTOPIC_NODES: Final = np.array([0.10, 0.35, 0.80, 1.00, 0.80, 0.45, 0.15, 0.03])

# origin of an ectopic beat: direction of its QRS (x, y, z) and how often it is drawn
_ECTOPIC_DIRECTIONS: Final = np.array([[0.25, 0.85, 0.60], [-0.55, 0.35, -0.80], [0.3, -0.9, 0.3]])
_ECTOPIC_SHARES: Final = (0.4, 0.4, 0.2)


def beat_leads(
    rhythm: Rhythm, beat: Beat, streams: dict[str, np.random.Generator], fs: float, n: int
) -> Float[Array, "8 n"]:
    """Return the eight independent leads in mV, `n` samples at `fs` Hz, free of noise.

    `streams` has the random streams "p", "ectopy.shape" and "qrs.pace".
    """
    field = _respiring_gain(rhythm, streams["qrs.pace"])
    ventricles = [
        *_conducted(rhythm, beat, field),
        *_ectopic(rhythm, beat, streams["ectopy.shape"]),
    ]
    leads = beat.lead_field @ render(join(ventricles), fs, n)
    leads = leads + _atria(rhythm, streams["p"], fs, n)
    is_paced = rhythm.kind == BeatKind.PACED
    if is_paced.any():
        leads = leads + render(_spikes(rhythm.onset[is_paced], streams["qrs.pace"]), fs, n)
    return leads


def _respiring_gain(rhythm: Rhythm, rng: np.random.Generator) -> Float[Array, " beat"]:
    """Return a gain a beat: 3 to 5 % with respiration, 2 % at random."""
    rate, phase, depth = rng.uniform(0.15, 0.35), rng.uniform(0.0, 6.28), rng.uniform(0.02, 0.05)
    gain = 1.0 + depth * np.sin(2 * np.pi * rate * rhythm.onset + phase)
    return gain * (1.0 + 0.02 * rng.standard_normal(len(gain)))


def _conducted(rhythm: Rhythm, beat: Beat, gain: Float[Array, " beat"]) -> list[Components]:
    """Return QRS, ST and T of all beats but the ventricular premature ones."""
    chosen = rhythm.kind != BeatKind.VENTRICULAR_PREMATURE
    onset, gain = rhythm.onset[chosen], gain[chosen, None, None]
    width = beat.qrs_width[None]
    qrs = repeat_wave(onset, beat.qrs_centre[None], width, width, gain * beat.qrs_vector)
    qt = beat.qtc * np.cbrt(rhythm.qt_rr[chosen])
    return [
        qrs,
        _repolarisation(onset, qt, beat.qrs_duration, gain * beat.t_vector, beat.st_vector),
    ]


def _repolarisation(
    onset: Float[Array, " beat"],
    qt: Float[Array, " beat"],
    qrs_duration: float,
    t_vector: Float[Array, "#beat 1 3"],
    st_vector: Float[Array, " 3"],
) -> Components:
    """Return T (one asymmetric Gaussian), its early shoulder, and the ST shift of each beat.

    T ends at QT: the peak lies 2.1 widths of its falling side before.
    """
    fall = np.clip(0.038 * np.sqrt(qt / 0.40), 0.022, 0.055)
    peak = qt - 2.1 * fall
    rise = np.clip(0.064 * (peak - qrs_duration) / 0.215, 0.025, 0.100)
    shoulder = np.maximum(peak - 0.075, qrs_duration + 0.03)
    middle = qrs_duration + 0.35 * (peak - qrs_duration)
    early = 0.12 * t_vector + np.array([0.02, 0.0, -0.04])
    shift = np.broadcast_to(st_vector, t_vector.shape)
    side = np.full_like(peak, 0.045)
    st_width = 0.35 * (peak - qrs_duration) * 0.8
    return repeat_wave(
        onset,
        np.stack([peak, shoulder, middle], axis=1),
        np.stack([rise, side * 0.8, st_width], axis=1),
        np.stack([fall, side, st_width], axis=1),
        np.concatenate([t_vector, early, shift], axis=1),
    )


def _ectopic(rhythm: Rhythm, beat: Beat, rng: np.random.Generator) -> list[Components]:
    """Return the wide QRS and the discordant T of ventricular premature beats, all of one form."""
    onset = rhythm.onset[rhythm.kind == BeatKind.VENTRICULAR_PREMATURE]
    if len(onset) == 0:
        return []
    direction = _ECTOPIC_DIRECTIONS[int(rng.choice(3, p=_ECTOPIC_SHARES))]
    direction = direction + 0.2 * rng.standard_normal(3)
    direction = direction / np.linalg.norm(direction)
    duration = float(rng.uniform(0.132, 0.180))
    size = rng.uniform(0.9, 1.7)
    turn = np.linspace(-1.0, 1.0, 8)[:, None] * 0.3 * rng.standard_normal(3)
    vectors = size * _ECTOPIC_NODES[:, None] * (direction + turn)
    fraction = 0.04 + 0.1314 * np.arange(8)
    width = np.full((1, 8), 0.075 * duration)
    qrs = repeat_wave(onset, duration * fraction[None], width, width, vectors[None])
    t_vector = -size * rng.uniform(0.35, 0.55) * direction
    rr = np.clip(rhythm.qt_rr[rhythm.kind == BeatKind.VENTRICULAR_PREMATURE], 0.5, 1.2)
    qt = (0.40 + 0.6 * (duration - 0.09)) * np.cbrt(rr)
    repolarisation = _repolarisation(
        onset, qt, duration, np.tile(t_vector, (len(onset), 1, 1)), 0.15 * t_vector
    )
    is_low = np.ptp(beat.lead_field @ vectors.T) < 0.8
    gain = 1.8 if is_low else 1.0  # an ectopic beat that no lead shows would be no finding
    return [_scaled(qrs, gain), _scaled(repolarisation, gain)]


def _scaled(components: Components, gain: float) -> Components:
    """Return the components `gain` times as high."""
    return Components(components.centre, components.rise, components.fall, gain * components.vector)


def _atria(rhythm: Rhythm, rng: np.random.Generator, fs: float, n: int) -> Float[Array, "8 n"]:
    """Return P, f or F waves on the eight independent leads."""
    field = draw_atrial_lead_field(rng)
    if rhythm.flutter_cycle is not None:
        return flutter_waves(rng, np.arange(n) / fs, rhythm.flutter_cycle)
    has_p = ~np.isnan(rhythm.pr)
    if not has_p.any():
        is_paced = bool((rhythm.kind == BeatKind.PACED).any())
        return np.zeros((8, n)) if is_paced else fibrillation_waves(rng, np.arange(n) / fs)
    return field @ render(_p_waves(rhythm, has_p, rng), fs, n)


def _p_waves(rhythm: Rhythm, has_p: Bool[Array, " beat"], rng: np.random.Generator) -> Components:
    """Return P waves of a right and a left atrial part; premature ones differ in direction.

    Sizes and times: measured P vectors (0.058, 0.096, -0.009) mV, duration 106 (12) ms.
    """
    scale = np.exp(0.22 * rng.standard_normal((2, 1)))
    right_left = 0.92 * scale * np.array([[0.045, 0.085, -0.020], [0.040, 0.055, 0.030]])
    length = float(np.clip(rng.normal(1.0, 0.10), 0.8, 1.25))
    turned = rng.uniform([-0.8, -1.4, -1.0], [0.8, -0.3, 1.0])
    vectors = np.repeat(right_left[None], int(has_p.sum()), axis=0)
    is_premature = rhythm.kind[has_p] == BeatKind.ATRIAL_PREMATURE
    vectors[is_premature] *= turned
    centre = length * np.array([[0.038, 0.068]])
    width = length * np.array([[0.0155, 0.0165]])
    return repeat_wave(rhythm.onset[has_p] - rhythm.pr[has_p], centre, width, width, vectors)


def _spikes(onset: Float[Array, " beat"], rng: np.random.Generator) -> Components:
    """Return pacing spikes, below 1 ms, straight on the leads; 15 % are hardly visible."""
    size = rng.uniform(0.3, 1.6) if rng.random() < 0.85 else 0.03
    vector = size * rng.standard_normal((1, 1, 8))
    width = np.full((1, 1), 0.0008)
    return repeat_wave(onset, np.full((1, 1), -0.006), width, width, vector)
