"""Cohort: settings, and the recordings they give, in batches or one at a time.

Recording i depends on the seed, i and the other settings, never on how many are made, in what
order, or in batches of what size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadlens.ecg.diagnoses import diagnoses, never_used
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.ecg.resample import resample_array
from leadlens.errors import ConfigError
from leadlens.simulate.accept import draw_beats
from leadlens.simulate.annotators import annotate
from leadlens.simulate.conditions import FINDINGS, Plan, codes_of, planned_as
from leadlens.simulate.devices import (
    DEVICE_NAMES,
    DeviceName,
    Devices,
    draw_devices,
    fault_matrix,
    low_pass_width,
    shift_baseline,
)
from leadlens.simulate.heart import add_heart, add_spikes, heart_leads
from leadlens.simulate.noise import NoiseDraws, NoiseName, draw_noise, fast_noise, slow_noise
from leadlens.simulate.plans import CohortName, draw_plans
from leadlens.simulate.programme import (
    Programme,
    Truth,
    draw_people,
    truth,
    write_programme,
)
from leadlens.simulate.streams import Streams
from leadlens.simulate.torso import twelve_leads

BATCH: Final = 1024
"""Recordings whose programmes are written together; it changes nothing but the speed."""

LOWEST_RENDERING_FS: Final = 200.0
"""Slower recordings are rendered at a multiple of their rate and decimated: the QRS reaches
beyond the Nyquist frequency of a slow rate."""

Array = np.ndarray


class CohortSettings(BaseModel):
    """What to simulate.

    Attributes:
        cohort: "balanced", every diagnosis in at least 4 %; "challenge", prevalences and
            co-occurrence of the Challenge; "factorial", diagnoses uncorrelated; "pairs",
            recordings 2i with a diagnosis and 2i + 1, the same without it.
        n_recordings: how many.
        seed: two cohorts with the same seed and settings are the same, byte for byte.
        fs: sampling rate, Hz.
        duration: of each recording, s.
        noise: "bank" (stretches of noise made once), "fresh" or "none".
        device: "mixed" or the electrocardiograph of one of the Challenge's sources.
        faults: share of recordings with a lead off or electrodes exchanged.
        labels: "criteria" (complete truth) or "annotator" (as the device's source would label).
        diagnosis: of "pairs": the one that the twins lack; None takes all in turn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cohort: CohortName = "balanced"
    n_recordings: int = Field(ge=1)
    seed: int = 0
    fs: float = Field(default=500.0, ge=50.0, le=1000.0)
    duration: float = Field(default=10.0, ge=5.0, le=60.0)
    noise: NoiseName = "bank"
    device: DeviceName = "mixed"
    faults: float = Field(default=0.0, ge=0.0, le=1.0)
    labels: Literal["criteria", "annotator"] = "criteria"
    diagnosis: str | None = None

    @model_validator(mode="after")
    def _agree(self) -> "CohortSettings":
        """Refuse settings that contradict each other."""
        if self.cohort == "pairs" and self.n_recordings % 2:
            raise ValueError(
                f"pairs come in twos: give an even number of recordings, not {self.n_recordings}"
            )
        if self.cohort in ("pairs", "factorial") and self.labels == "annotator":
            raise ValueError(
                f"cohort {self.cohort!r} is for exact truth, labels 'annotator' leave some out: "
                "use labels 'criteria', or cohort 'balanced' or 'challenge'"
            )
        if self.cohort == "pairs" and self.faults:
            raise ValueError(
                f"faults {self.faults} in cohort 'pairs': a fault hides what tells twins apart; "
                "use faults 0"
            )
        if self.diagnosis is not None and self.cohort != "pairs":
            raise ValueError(
                f"diagnosis {self.diagnosis!r} is for cohort 'pairs', not {self.cohort!r}"
            )
        if self.diagnosis is not None and self.diagnosis not in PAIRED:
            raise ValueError(f"diagnosis {self.diagnosis!r} is none of {', '.join(PAIRED)}")
        return self


PAIRED: Final = tuple(sorted({item.abbreviation for item in diagnoses()} - {"NSR"}))
"""The diagnoses that twins may lack: all but normal sinus rhythm, which twins have instead."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some recordings of a cohort: their programme and how they were taken."""

    settings: CohortSettings
    index: Int[Array, " n"]
    programme: Programme
    truth: Truth
    devices: Devices
    noise: NoiseDraws

    def __len__(self) -> int:
        """The number of recordings."""
        return len(self.index)


def programme_batch(settings: CohortSettings, index: Int[Array, " n"]) -> Batch:
    """Return the programmes of recordings `index`; cheap, as nothing is rendered."""
    subject = index // 2 if settings.cohort == "pairs" else index
    streams = Streams(settings.seed, subject)
    if settings.cohort == "pairs":
        plan, attempt, age, is_male = _plan_pairs(settings, index, streams)
    else:
        plan = draw_plans(settings.cohort, streams)
        age, is_male = draw_people(plan, streams)
        plan, attempt = draw_beats(plan, is_male, streams)
    taken = streams.at(attempt)
    programme = write_programme(plan, age, is_male, taken, settings.duration)
    devices = draw_devices(settings.device, settings.faults, streams)
    noise = draw_noise(devices, settings.duration, streams)
    return Batch(settings, index, programme, truth(programme), devices, noise)


def render(batch: Batch, row: int) -> Float32[Array, "12 time"]:
    """Return the signal of one recording of a batch in mV, as its device stores it."""
    settings, wander = batch.settings, None
    n_steps, fs, n = _rendering(settings)
    low_pass = low_pass_width(float(batch.devices.low_pass[row]))
    if settings.noise == "none":
        leads = heart_leads(batch.programme, row, fs, n, low_pass)
    else:
        heart_mix, heart = add_heart(batch.programme, row, fs, n, low_pass)
        fresh = None
        if settings.noise == "fresh":
            fresh = batch.programme.streams.first.take(np.array([row]))
        noise_mix, noise = fast_noise(batch.noise, batch.devices, row, fs, n, fresh)
        leads = heart_mix @ heart
        leads += noise_mix @ noise
        wander = slow_noise(batch.noise, row, fs, n)
        add_spikes(batch.programme, row, fs, low_pass, leads)
    leads = _as_stored(batch, row, leads, wander, fs, n_steps)
    signal = twelve_leads(leads)
    step = np.float32(batch.devices.step[row])
    if settings.noise != "none":
        np.rint(signal / step, out=signal)
        signal *= step
    return signal


def render_all(batch: Batch) -> Float32[Array, "n 12 time"]:
    """Return the signals of a whole batch in mV."""
    n_samples = round(batch.settings.duration * batch.settings.fs)
    signals = np.empty((len(batch), 12, n_samples), dtype=np.float32)
    for row in range(len(batch)):
        signals[row] = render(batch, row)
    return signals


def clean_leads(batch: Batch, programme: Programme, row: int) -> Float32[Array, "8 time"]:
    """Return what the heart gives on the eight leads behind the device's filters and faults."""
    n_steps, fs, n = _rendering(batch.settings)
    low_pass = low_pass_width(float(batch.devices.low_pass[row]))
    leads = heart_leads(programme, row, fs, n, low_pass)
    return _as_stored(batch, row, leads, None, fs, n_steps)


def recording_of(batch: Batch, row: int) -> Recording:
    """Return one recording of a batch: twelve leads in mV, with its labels.

    With labels of annotators, what their source never writes down is unknown; one to which they
    have nothing to say is not annotated.
    """
    settings, programme = batch.settings, batch.programme
    names, unknown = set(batch.truth.names[row]), tuple[str, ...]()
    if settings.labels == "annotator":
        source = DEVICE_NAMES[batch.devices.device[row]]
        names = annotate(batch.truth.names[row], programme, row, source)
        unknown = never_used(source)
    codes = codes_of(names, is_ectopic=bool(programme.plan.has("EAR")[row]))
    index = int(batch.index[row])
    subject = index // 2 if settings.cohort == "pairs" else index
    return Recording(
        signal=render(batch, row),
        fs=settings.fs,
        leads=STANDARD_LEADS,
        record_id=f"SIM{index:06d}",
        source="simulated",
        age=float(programme.age[row]),
        sex="male" if programme.is_male[row] else "female",
        codes=codes or None,
        not_annotated=unknown if codes else (),
        patient=f"SIM{subject:06d}",
    )


def simulate_batches(
    settings: CohortSettings, start: int = 0, size: int = BATCH
) -> Iterator[Batch]:
    """Yield recordings `start` to the last of the cohort, `size` at a time, not yet rendered."""
    for first in range(start, settings.n_recordings, size):
        last = min(first + size, settings.n_recordings)
        yield programme_batch(settings, np.arange(first, last))


def simulate_cohort(settings: CohortSettings, start: int = 0) -> Iterator[Recording]:
    """Yield recordings `start` to the last of the cohort; only one signal is held in memory."""
    for batch in simulate_batches(settings, start):
        for row in range(len(batch)):
            yield recording_of(batch, row)


def simulate_recording(settings: CohortSettings, index: int) -> Recording:
    """Return recording `index` of the cohort.

    Raises:
        ConfigError: the cohort has no such recording.
    """
    if not 0 <= index < settings.n_recordings:
        raise ConfigError(f"recording {index}: the cohort has 0 to {settings.n_recordings - 1}")
    return recording_of(programme_batch(settings, np.array([index])), 0)


def pair_target(settings: CohortSettings, pair: int) -> str:
    """Return the diagnosis that the second recording of a pair lacks."""
    return settings.diagnosis or PAIRED[pair % len(PAIRED)]


def _plan_pairs(
    settings: CohortSettings, index: Int[Array, " n"], streams: Streams
) -> tuple[Plan, Int[Array, " n"], Float[Array, " n"], Bool[Array, " n"]]:
    """Return plan, attempt, age and sex of pairs: the plan of the second lacks the target."""
    names = tuple(pair_target(settings, int(pair)) for pair in index // 2)
    plan = draw_plans("pairs", streams, names)
    age, is_male = draw_people(plan, streams)
    keep = np.array([[f in planned_as(name) for f in FINDINGS] for name in names])
    plan, attempt = draw_beats(plan, is_male, streams, keep)
    rhythm, finding, is_slow = plan.rhythm.copy(), plan.finding.copy(), plan.is_slow.copy()
    for name in set(names):
        rows = np.flatnonzero((np.array(names) == name) & (index % 2 == 1))
        twin = plan.take(rows).without(name)
        rhythm[rows], finding[rows], is_slow[rows] = twin.rhythm, twin.finding, twin.is_slow
    plan = replace(plan, rhythm=rhythm, finding=finding, is_slow=is_slow)
    return plan, attempt, age, is_male


def _rendering(settings: CohortSettings) -> tuple[int, float, int]:
    """Return the decimation, the rate in Hz and the number of samples of the rendering."""
    n_steps = 1
    if settings.fs < LOWEST_RENDERING_FS:
        n_steps = int(np.ceil(LOWEST_RENDERING_FS / settings.fs))
    n_samples = round(settings.duration * settings.fs)
    return n_steps, settings.fs * n_steps, n_samples * n_steps


def _as_stored(
    batch: Batch,
    row: int,
    leads: Float32[Array, "8 time"],
    wander: Float32[Array, "8 block"] | None,
    fs: float,
    n_steps: int,
) -> Float32[Array, "8 n"]:
    """Return the leads with wander, behind the high-pass and the faults, at the cohort's rate."""
    shift_baseline(leads, wander, float(batch.devices.high_pass[row]), fs)
    matrix = fault_matrix(batch.devices, row)
    if matrix is not None:
        leads = matrix.astype(np.float32) @ leads
    if n_steps > 1:
        leads = resample_array(leads, Fraction(1, n_steps)).astype(np.float32)
    return leads
