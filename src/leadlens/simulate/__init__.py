"""Simulated 12-lead recordings with the 30 diagnoses: everything runs without any data."""

from leadlens.simulate.cohort import CohortSettings, simulate_cohort, simulate_recording

__all__ = ["CohortSettings", "simulate_cohort", "simulate_recording"]
