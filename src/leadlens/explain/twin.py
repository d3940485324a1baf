"""Twin: what is known of a simulated recording, as a model's window shows it.

The evidence lies beside the recording's file: `leadlens simulate --evidence`.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from leadlens.bundle import Bundle
from leadlens.ecg.band import limit_band
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.ecg.resample import resample
from leadlens.ecg.window import cut_window, window_starts
from leadlens.errors import ConfigError, StoreError
from leadlens.simulate.evidence import Evidence
from leadlens.simulate.evidence_file import StoredEvidence, evidence_beside, read_evidence

Array = np.ndarray


def evidence_of(file: Path, recording: Recording) -> StoredEvidence | None:
    """Return the evidence beside a recording's file, or None where there is none.

    Raises:
        StoreError: what lies there is no evidence, or that of another recording.
    """
    path = evidence_beside(file)
    if not path.exists():
        return None
    stored = read_evidence(path)
    mine = (recording.record_id, recording.fs, recording.n_samples)
    if (stored.record_id, stored.fs, stored.n_samples) != mine:
        raise StoreError(
            f"{path} is the evidence of {stored.record_id}, {stored.n_samples} samples at "
            f"{stored.fs:g} Hz; {file} is {mine[0]}, {mine[2]} at {mine[1]:g} Hz: move it away"
        )
    return stored


def needed_evidence(file: Path, recording: Recording) -> StoredEvidence:
    """Return the evidence beside a recording's file, for replacement 'healthy_twin'.

    Raises:
        ConfigError: there is none.
        StoreError: what lies there is no evidence, or that of another recording, or has no twins.
    """
    stored = evidence_of(file, recording)
    path = evidence_beside(file)
    if stored is None:
        raise ConfigError(
            "replacement 'healthy_twin' needs the ECG without its diagnoses, which only simulated "
            f"ones have: there is no {path}; write it by 'leadlens simulate --evidence', or use "
            "replacement 'median_beat'"
        )
    if stored.evidence and not stored.effects:
        raise StoreError(
            f"{path} was written by an older leadlens and holds no twins: delete it and run "
            "'leadlens simulate --evidence' again"
        )
    return stored


def evidence_at(bundle: Bundle, stored: StoredEvidence) -> dict[str, Evidence]:
    """Return each diagnosis' evidence on the first window at the model's rate, by abbreviation.

    Each sample has that of the stored sample nearest to it; after the recording's end is none.
    """
    n_window = round(bundle.config.fs * bundle.config.duration)
    nearest = np.round(np.arange(n_window) * stored.fs / bundle.config.fs).astype(int)
    is_there = nearest < stored.n_samples
    nearest = np.minimum(nearest, stored.n_samples - 1)
    return {
        item.diagnosis: replace(
            item,
            difference=item.difference[:, nearest] * is_there,
            mask=item.mask[:, nearest] & is_there,
            rule=item.rule[:, nearest] & is_there,
            secondary=item.secondary[:, nearest] & is_there,
        )
        for item in stored.evidence
    }


def effect_at(
    bundle: Bundle, stored: StoredEvidence, name: str, window: int = 0
) -> Float32[Array, "12 time"]:
    """Return with - without a diagnosis in mV on one window at the model's rate.

    After the recording's end it is NaN, as the window is.

    Raises:
        ConfigError: the recording does not have the diagnosis, or no such window.
    """
    if name not in stored.effects:
        raise ConfigError(f"{stored.record_id} has no {name}, so no twin without it")
    config = bundle.config
    whole = Recording(stored.effects[name], stored.fs, STANDARD_LEADS, stored.record_id)
    signal = resample(whole, config.fs, config.resampling).signal
    signal = limit_band(signal, config.fs, config.band)
    n_window = round(config.fs * config.duration)
    return cut_window(signal, window_starts(signal.shape[1], n_window)[window], n_window)


def twin_at(
    bundle: Bundle,
    signal: Float32[Array, "lead time"],
    stored: StoredEvidence,
    code: str,
    window: int = 0,
) -> Float32[Array, "lead time"]:
    """Return a window without one diagnosis: the same draws, the same noise.

    Args:
        bundle: the model.
        signal: the window, in mV, with the model's leads at its rate.
        stored: the recording's evidence.
        code: of the diagnosis.
        window: which one it is.

    Raises:
        ConfigError: the recording does not have the diagnosis.
    """
    rows = [STANDARD_LEADS.index(lead) for lead in bundle.config.leads]
    return signal - effect_at(bundle, stored, diagnosis(code).abbreviation, window)[rows]
