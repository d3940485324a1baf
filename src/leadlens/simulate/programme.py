"""Programme: all that is decided of a batch of recordings, before any of it becomes a signal.

It is a function of the seed, the indices, the plan and the attempt; with the plan of a twin and
everything else the same, it is the twin's programme.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.simulate.accept import MEASURED, judged
from leadlens.simulate.atria import Atria, draw_atria, draw_p_waves
from leadlens.simulate.beat import Beats, shape_beats
from leadlens.simulate.conditions import SINUS, Plan, implied
from leadlens.simulate.ectopy import put_premature
from leadlens.simulate.measure import Answers, criteria
from leadlens.simulate.premature import Premature, draw_premature
from leadlens.simulate.rhythm import Rhythm, draw_rhythm
from leadlens.simulate.shape import TERMINAL_CONDITIONS
from leadlens.simulate.streams import Streams, between
from leadlens.simulate.ventricles import BeatTimes, Ventricles, beat_times, draw_ventricles
from leadlens.simulate.waves import BatchWaves

Array = np.ndarray

_PROGRAMMED: Final = ("IAVB", "PAC", "PVC", "RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB", "LQT")


@dataclass(frozen=True, eq=False)
class Programme:
    """What a batch of recordings is made from.

    Attributes:
        plan: the conditions.
        streams: of the attempt whose beats were taken.
        duration: of every recording, s.
        age: years; is_male: the sex.
        rhythm, beats, atria, premature: the parts.
        gain: height of each beat, from respiration and at random.
    """

    plan: Plan
    streams: Streams
    duration: float
    age: Float[Array, " n"]
    is_male: Bool[Array, " n"]
    rhythm: Rhythm
    beats: Beats
    atria: Atria
    premature: Premature
    gain: Float[Array, "n beat"]

    def __len__(self) -> int:
        """The number of recordings."""
        return len(self.plan)

    @cached_property
    def times(self) -> BeatTimes:
        """The durations of every beat."""
        return beat_times(self.rhythm, self.beats, self.premature)

    @cached_property
    def ventricles(self) -> Ventricles:
        """QRS and repolarisation of every beat."""
        return draw_ventricles(
            self.rhythm,
            self.beats,
            self.premature,
            self.gain,
            self.beats.residual[1],
            self.duration,
        )

    @cached_property
    def p_waves(self) -> BatchWaves:
        """The P waves of every beat that has one."""
        return draw_p_waves(self.atria, self.rhythm, self.duration)


def draw_people(plan: Plan, streams: Streams) -> tuple[Float[Array, " n"], Bool[Array, " n"]]:
    """Return ages (18 to 90 years) and which subjects are male.

    Ages 60 (17), higher by up to 12 years with fibrillation, block or abnormal Q or T, lower with
    right axis and incomplete block, as in Chapman-Shaoxing.
    """
    normal, uniform = streams.normal("age", 1)[:, 0], streams.uniform("sex", 1)[:, 0]
    older = plan.has("AF", "LBBB", "RBBB", "LAnFB", "PR", "QAb", "IAVB", "LAD", "LQT")
    younger = plan.has("SA", "RAD", "IRBBB", "STach")
    mean = 60.0 + 9.0 * older - 9.0 * younger
    return np.clip(np.round(mean + 16.0 * normal), 18.0, 90.0), uniform < 0.5


def write_programme(
    plan: Plan,
    age: Float[Array, " n"],
    is_male: Bool[Array, " n"],
    streams: Streams,
    duration: float,
) -> Programme:
    """Return the programme of these plans with the draws of `streams`."""
    once = streams.first
    rhythm = put_premature(draw_rhythm(plan, age, duration, once), plan, duration, once)
    beats = shape_beats(plan, is_male, streams)
    return Programme(
        plan=plan,
        streams=streams,
        duration=duration,
        age=age,
        is_male=is_male,
        rhythm=rhythm,
        beats=beats,
        atria=draw_atria(plan, rhythm, once),
        premature=draw_premature(plan, beats.lead_field, once),
        gain=_gain(rhythm, once),
    )


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of each recording of a batch, by abbreviations of the 30 diagnoses.

    Attributes:
        names: every diagnosis whose criterion the programmed values meet.
        borderline: those whose criterion is met or missed by a narrow margin: rate within
            2.5/min of 60 or 100, RR range within 15 ms of 120, PR within 12 ms of 200, QRS within
            6 ms of 110 or 120 (IRBBB: 3 ms), QTc within 15 ms, axis within 4 degrees, and
            amplitudes within 10 %.
    """

    names: tuple[frozenset[str], ...]
    borderline: tuple[frozenset[str], ...]


def truth(programme: Programme) -> Truth:
    """Return the complete labels of a batch."""
    plan, rate, measures = programme.plan, programme.rhythm.rate, programme.beats.measures
    met, applies = criteria(measures), judged(plan)
    is_sinus, is_sa = plan.has(*SINUS), plan.has("SA") & (programme.rhythm.rr_range > 0.120)
    holds = {name: plan.has(name) for name in _PROGRAMMED}
    holds |= {name: met[name] & applies[name] for name in MEASURED}
    holds |= {name: plan.has(name) for name in ("AF", "AFL", "PR")}
    holds |= {
        "SA": is_sa,
        "SB": is_sinus & (rate < 60.0),
        "STach": is_sinus & (rate > 100.0),
        "NSR": is_sinus & ~is_sa & (rate >= 60.0) & (rate <= 100.0),
        "Brady": rate < 60.0,
    }
    near = _borderline(programme)
    # a block at the limit of its own axis is left axis deviation all the same
    fascicular = near.pop("LAnFB")
    borderline = tuple(
        names | {"LAnFB"} if is_near else names
        for names, is_near in zip(_names(near), fascicular, strict=True)
    )
    return Truth(_names(holds), borderline)


def _names(holds: Answers) -> tuple[frozenset[str], ...]:
    """Return the set of names that hold for each recording, with what they imply."""
    table = np.stack(list(holds.values()), axis=1)
    names = np.array(list(holds))
    return tuple(frozenset(implied(set(names[row].tolist()))) for row in table)


def _borderline(programme: Programme) -> Answers:
    """Return for each diagnosis which recordings are close to its threshold.

    Only where it may apply: a QRS of 121 ms is close to right bundle branch block if it has that
    shape, and a wide QRS is close to no diagnosis of T waves.
    """
    rhythm, beats, plan = programme.rhythm, programme.beats, programme.plan
    limit = np.where(programme.is_male, 0.450, 0.460)
    pr = np.nan_to_num(rhythm.pr, nan=9.0).min(axis=1)
    is_sinus, is_paced = plan.has(*SINUS), plan.has("PR")
    is_slow = np.abs(rhythm.rate - 60.0) < 2.5
    is_fast = np.abs(rhythm.rate - 100.0) < 2.5
    is_110 = np.abs(beats.qrs_duration - 0.110) < 0.006
    is_120 = np.abs(beats.qrs_duration - 0.120) < 0.006
    # its whole range is 10 ms
    is_partial = np.minimum(*(np.abs(beats.qrs_duration - edge) for edge in (0.110, 0.120))) < 0.003
    is_right, is_left = plan.has(*TERMINAL_CONDITIONS), plan.has("LBBB")
    has_qt = ~plan.has("RBBB", "LBBB", "PR", "AFL")
    axis = beats.measures.axis
    is_superior = np.minimum(np.abs(axis + 45.0), np.abs(axis + 90.0)) < 4.0
    near = {
        "SB": is_slow & is_sinus, "STach": is_fast & is_sinus, "Brady": is_slow,
        "NSR": (is_slow | is_fast) & is_sinus,
        "SA": (np.abs(rhythm.rr_range - 0.120) < 0.015) & is_sinus,
        "IAVB": (np.abs(pr - 0.200) < 0.012) & ~is_paced,
        "NSIVCB": is_110 & ~is_right & ~is_left & ~is_paced,
        "IRBBB": is_partial & is_right, "RBBB": is_120 & is_right, "LBBB": is_120 & is_left,
        "LQT": (np.abs(beats.after_qrs.qtc - limit) < 0.015) & has_qt,
        "LAnFB": is_superior & ~is_left & ~is_paced,
    }  # fmt: skip
    loose, tight = criteria(beats.measures, 0.1), criteria(beats.measures, -0.1)
    applies = judged(plan)
    return near | {name: (loose[name] != tight[name]) & applies[name] for name in MEASURED}


def _gain(rhythm: Rhythm, streams: Streams) -> Float[Array, "n beat"]:
    """Return a gain a beat: 2 to 5 % with respiration, 2 % at random."""
    uniform = streams.uniform("respiration", 3)
    normal = streams.normal("beat.gain", rhythm.onset.shape[1])
    rate = between(uniform[:, 0], 0.15, 0.35)[:, None]
    depth = between(uniform[:, 1], 0.02, 0.05)[:, None]
    phase = 2 * np.pi * uniform[:, 2:]
    onset = np.nan_to_num(rhythm.onset)
    return (1.0 + depth * np.sin(2 * np.pi * rate * onset + phase)) * (1.0 + 0.02 * normal)
