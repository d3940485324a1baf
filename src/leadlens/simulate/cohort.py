"""Cohort: settings, and the recordings they give, one at a time.

Recording i depends on the seed, i and the other settings, never on how many are made or in what
order. Each part of it draws from a random stream of its own name, so a change to one part leaves
the others as they were.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording, Sex
from leadlens.ecg.resample import resample_array
from leadlens.simulate.artefacts import draw_noise
from leadlens.simulate.beat import Beat, draw_beat
from leadlens.simulate.conditions import Plan, codes_of, draw_plan, implied
from leadlens.simulate.heart import beat_leads
from leadlens.simulate.rhythm import Rhythm, draw_rhythm
from leadlens.simulate.torso import twelve_leads

LOWEST_RENDERING_FS = 200.0
"""Slower recordings are rendered at a multiple of their rate and decimated: the QRS reaches
beyond the Nyquist frequency of a slow rate."""


class CohortSettings(BaseModel):
    """What to simulate.

    Attributes:
        cohort: "balanced", every diagnosis in at least 4 %, or "challenge", prevalences that
            follow the Challenge's totals.
        n_recordings: how many.
        seed: two cohorts with the same seed and settings are the same, byte for byte.
        fs: sampling rate, Hz.
        duration: of each recording, s.
        noise: "default" or "none".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cohort: Literal["balanced", "challenge"] = "balanced"
    n_recordings: int = Field(ge=1)
    seed: int = 0
    fs: float = Field(default=500.0, ge=50.0, le=1000.0)
    duration: float = Field(default=10.0, ge=5.0, le=60.0)
    noise: Literal["default", "none"] = "default"


@dataclass(frozen=True, eq=False)
class Case:
    """All that is programmed of one recording, before it becomes a signal."""

    plan: Plan
    age: float
    sex: Sex
    rhythm: Rhythm
    beat: Beat
    codes: tuple[str, ...]


def simulate_cohort(settings: CohortSettings, start: int = 0) -> Iterator[Recording]:
    """Yield recordings `start` to the last of the cohort; only one is held in memory."""
    for index in range(start, settings.n_recordings):
        yield simulate_recording(settings, index)


def simulate_recording(settings: CohortSettings, index: int) -> Recording:
    """Return recording `index` of the cohort: twelve leads in mV, labels complete."""
    case = draw_case(settings, index)
    name = f"SIM{index:06d}"
    return Recording(
        signal=twelve_leads(_independent_leads(case, settings, index)),
        fs=settings.fs,
        leads=STANDARD_LEADS,
        record_id=name,
        source="simulated",
        age=case.age,
        sex=case.sex,
        codes=case.codes,
        patient=name,
    )


def draw_case(settings: CohortSettings, index: int) -> Case:
    """Return what is programmed of recording `index`; cheap, as nothing is rendered."""
    plan = draw_plan(_stream(settings, index, "labels"), settings.cohort)
    subject = _stream(settings, index, "subject")
    sex: Sex = "male" if subject.random() < 0.5 else "female"
    age = float(np.clip(np.round(subject.normal(60.0, 17.0)), 18.0, 90.0))
    ectopy = _stream(settings, index, "ectopy")
    rhythm = draw_rhythm(plan, age, settings.duration, _stream(settings, index, "rhythm"), ectopy)
    beat = draw_beat(
        plan,
        sex,
        _stream(settings, index, "leadfield"),
        _stream(settings, index, "qrs"),
        _stream(settings, index, "t"),
    )
    codes = codes_of(_label_names(plan, rhythm, beat))
    return Case(plan, age, sex, rhythm, beat, codes)


def _label_names(plan: Plan, rhythm: Rhythm, beat: Beat) -> set[str]:
    """Return every diagnosis whose criterion the programmed parameters meet."""
    unmeasured = ("IAVB", "PAC", "PVC", "RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB", "LQT")
    names = {plan.rhythm} | {name for name in unmeasured if plan.has(name)} | beat.measured
    if rhythm.rate < 60.0:
        names.add("Brady")
        if plan.rhythm == "SA":
            names.add("SB")
    return implied(names)


def _independent_leads(
    case: Case, settings: CohortSettings, index: int
) -> Float[np.ndarray, "8 time"]:
    """Return the eight independent leads in mV, with noise unless it is off."""
    n_steps = int(np.ceil(LOWEST_RENDERING_FS / settings.fs)) if settings.fs < 200.0 else 1
    n_samples = round(settings.duration * settings.fs)
    fs, n = settings.fs * n_steps, n_samples * n_steps
    streams = {name: _stream(settings, index, name) for name in ("p", "ectopy.shape", "qrs.pace")}
    leads = beat_leads(case.rhythm, case.beat, streams, fs, n)
    if settings.noise == "default":
        leads = leads + draw_noise(_stream(settings, index, "noise"), fs, n)
    if n_steps == 1:
        return leads
    return resample_array(leads, Fraction(1, n_steps))


def _stream(settings: CohortSettings, index: int, name: str) -> np.random.Generator:
    """Return the random stream called `name` of one recording."""
    text = f"{settings.seed}/{index}/{name}".encode()
    key = np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
