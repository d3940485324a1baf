"""The programmes that several tests look at."""

import os

import pytest
from programmes import Table, read_tables


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    """Programmes of thousands of recordings of each cohort; workers of one run share them."""
    folder = tmp_path_factory.getbasetemp()
    return read_tables(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
