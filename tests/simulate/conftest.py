"""Cohorts that several tests look at, drawn once."""

import pytest

from leadlens.simulate import CohortSettings
from leadlens.simulate.cohort import Case, draw_case


@pytest.fixture(scope="session")
def balanced() -> list[Case]:
    settings = CohortSettings(n_recordings=1500, seed=1)
    return [draw_case(settings, index) for index in range(1500)]
