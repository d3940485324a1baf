"""Simulated 12-lead recordings with the 30 diagnoses: everything runs without any data."""

from leadlens.simulate.cohort import (
    Batch,
    CohortSettings,
    programme_batch,
    recording_of,
    render_all,
    simulate_batches,
    simulate_cohort,
    simulate_recording,
)
from leadlens.simulate.evidence import Evidence, evidence, evidence_for
from leadlens.simulate.evidence_file import read_evidence

__all__ = [
    "Batch",
    "CohortSettings",
    "Evidence",
    "evidence",
    "evidence_for",
    "programme_batch",
    "read_evidence",
    "recording_of",
    "render_all",
    "simulate_batches",
    "simulate_cohort",
    "simulate_recording",
]
