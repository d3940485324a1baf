"""Recording: one ECG, in millivolts, with what is known about it."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Float32

from leadlens.ecg.leads import STANDARD_LEADS, complete_limb_leads
from leadlens.errors import SignalError

Units = Literal["mV", "relative"]
Sex = Literal["female", "male"]


@dataclass(frozen=True, eq=False)
class Recording:
    """One ECG; never changed, only replaced.

    Attributes:
        signal: (lead, time) float32 in mV, read-only; NaN where nothing was recorded.
        fs: sampling rate in Hz.
        leads: one name a row of `signal`.
        record_id: the recording's name.
        source: the data set or hospital it comes from.
        age: years, or None; 90 stands for "over 89", as data sets withhold higher ages.
        sex: "female", "male" or None.
        codes: SNOMED CT codes of all diagnoses given; None when nobody annotated the recording.
        not_annotated: codes that nobody looked for in this recording: unknown, not negative.
        patient: the patient's id within the source, or None.
        units: "mV", or "relative" when each lead is known only up to a factor.
        fold: the fold that the data set itself proposes (PTB-XL's `strat_fold`), or None.
    """

    signal: Float32[np.ndarray, "lead time"]
    fs: float
    leads: tuple[str, ...]
    record_id: str
    source: str = "unknown"
    age: float | None = None
    sex: Sex | None = None
    codes: tuple[str, ...] | None = None
    not_annotated: tuple[str, ...] = field(default=())
    patient: str | None = None
    units: Units = "mV"
    fold: int | None = None

    def __post_init__(self) -> None:
        """Check the shape, rate and lead names."""
        if self.signal.ndim != 2 or self.signal.shape[0] != len(self.leads):
            raise SignalError(
                f"{self.record_id}: a signal of shape {self.signal.shape} for "
                f"{len(self.leads)} leads: (lead, time) is needed"
            )
        if self.signal.shape[1] == 0:
            raise SignalError(f"{self.record_id}: the recording has no samples")
        if not (np.isfinite(self.fs) and self.fs > 0):
            raise SignalError(f"{self.record_id}: sampling rate {self.fs} Hz is not positive")
        if len(set(self.leads)) != len(self.leads):
            raise SignalError(f"{self.record_id}: a lead occurs twice in {', '.join(self.leads)}")
        view = np.asarray(self.signal, dtype=np.float32).view()
        view.setflags(write=False)
        object.__setattr__(self, "signal", view)

    @property
    def n_leads(self) -> int:
        """The number of leads."""
        return self.signal.shape[0]

    @property
    def n_samples(self) -> int:
        """The number of samples in each lead."""
        return self.signal.shape[1]

    @property
    def duration(self) -> float:
        """The length in seconds."""
        return self.n_samples / self.fs

    @property
    def lead_mask(self) -> np.ndarray:
        """(lead,) bool: True where the lead holds at least one recorded sample."""
        # Most leads begin with a sample: then the others need not be looked at.
        mask = ~np.isnan(self.signal[:, 0])
        if not mask.all():
            mask[~mask] = ~np.isnan(self.signal[~mask]).all(axis=1)
        return mask


def select_leads(recording: Recording, leads: tuple[str, ...]) -> Recording:
    """Return `recording` with exactly `leads`, in that order; those it lacks are NaN."""
    if leads == recording.leads:
        return recording
    signal = np.full((len(leads), recording.n_samples), np.nan, dtype=np.float32)
    for row, name in enumerate(leads):
        if name in recording.leads:
            signal[row] = recording.signal[recording.leads.index(name)]
    return replace(recording, signal=signal, leads=leads)


def standard_leads(recording: Recording) -> Recording:
    """Return `recording` with the twelve standard leads.

    Missing limb leads are computed when two are present and the unit is mV; every other missing
    lead is NaN.
    """
    twelve = select_leads(recording, STANDARD_LEADS)
    n_limb = int(twelve.lead_mask[:6].sum())
    if recording.units != "mV" or n_limb in (0, 1, 6):
        return twelve
    signal = np.array(twelve.signal)
    signal[:6] = complete_limb_leads(signal, STANDARD_LEADS)
    return replace(twelve, signal=signal)


def content_hash(recording: Recording) -> str:
    """Return a hash of the waveform that ignores gain, baseline, and lead order.

    It hashes the sign of every sample-to-sample difference, which no positive gain and no offset
    changes: the same waveform stored with 4880 and with 1000 counts a millivolt is the same.
    """
    digest = hashlib.sha256(str(recording.n_samples).encode())
    before, after = recording.signal[:, :-1], recording.signal[:, 1:]
    is_up, is_down = after > before, after < before
    if np.isnan(recording.signal.min()):
        # No step is both.
        is_missing = np.isnan(before) | np.isnan(after)
        is_up[is_missing] = is_down[is_missing] = True
    up, down = np.packbits(is_up, axis=1), np.packbits(is_down, axis=1)
    for name in sorted(recording.leads):
        row = recording.leads.index(name)
        digest.update(name.encode() + up[row].tobytes() + down[row].tobytes())
    return digest.hexdigest()[:32]
