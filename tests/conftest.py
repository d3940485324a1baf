"""Shared inputs: small recordings, WFDB files as the archives write them, and real data if any."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from cluster import TwoNodes, two_nodes
from hypothesis import settings
from recordings import make_recording

from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.data.store import Store
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.simulate import CohortSettings

# A slow machine is no failure: no test is judged by its time.
settings.register_profile("leadlens", deadline=None)
settings.load_profile("leadlens")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every command that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; tests that need it are skipped where there is none."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("LEADLENS_REAL_DATA", beside))
    if not (path / "records.csv").exists():
        pytest.skip("no real recordings here (set LEADLENS_REAL_DATA to their folder)")
    return path


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a WFDB record in the Challenge's form and gives its header."""

    def write(
        name: str = "A0001",
        counts: np.ndarray | None = None,
        *,
        folder: Path = tmp_path,
        fs: int = 500,
        gain: str = "1000/mV",
        comments: tuple[str, ...] = ("#Age: 60", "#Sex: Male", "#Dx: 426783006"),
        leads: tuple[str, ...] = STANDARD_LEADS,
        record_line: str | None = None,
    ) -> Path:
        if counts is None:
            counts = np.round(make_recording(fs=fs).signal * 1000).astype(np.int16)[: len(leads)]
        n_leads, n_samples = counts.shape
        lines = [record_line or f"{name} {n_leads} {fs} {n_samples}"]
        lines += [f"{name}.mat 16+24 {gain} 16 0 {row[0]} 0 0 {lead}"
                  for row, lead in zip(counts, leads, strict=True)]  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.mat").write_bytes(b"\0" * 24 + counts.T.astype("<i2").tobytes())
        header = folder / f"{name}.hea"
        header.write_text("\n".join([*lines, *comments]) + "\n")
        return header

    return write


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of 96 simulated recordings at 50 Hz."""
    path = tmp_path_factory.mktemp("small") / "store"
    cohort = CohortSettings(n_recordings=96, seed=3, fs=50)
    return ingest(CohortSource(cohort), path, IngestSettings(fs=50))


@pytest.fixture(scope="session")
def two_ray_nodes() -> Iterator[TwoNodes]:
    """A Ray cluster of two nodes."""
    with two_nodes() as cluster:
        yield cluster


@pytest.fixture
def ray_cluster(two_ray_nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch) -> TwoNodes:
    """The cluster of two nodes, joined by the engine 'ray'."""
    monkeypatch.setenv("RAY_ADDRESS", two_ray_nodes.address)
    return two_ray_nodes


@pytest.fixture(scope="session")
def make_ecg() -> Callable[..., Recording]:
    """Return `make_recording`, which test files cannot import."""
    return make_recording


@pytest.fixture(scope="session")
def tiny_bundle(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a one-module InceptionTime, trained for four epochs on `small_store`."""
    # Here, not above: tests of rooms below the networks do without torch.
    from leadlens.training.single import train_single

    path = tmp_path_factory.mktemp("bundle") / "model"
    changes = {
        "model": {"name": "inception_time", "depth": 1, "n_filters": 4, "kernels": (9, 5)},
        "epochs": 4,
    }
    train_single(small_store.path, path, "small", changes, min_positives=12, device="cpu")
    return path


TINY_STUDY = """
name: tiny
question: Do two losses differ?
data:
  simulate: {cohort: balanced, n_recordings: 60, seed: 3, fs: 50}
  min_positives: 6
folds: {k: 2}
preset: small
training:
  model: {name: inception_time, depth: 1, n_filters: 2, kernels: [9, 5]}
  epochs: 2
axes:
  loss: [bce, double_soft_f1]
  fs: [50]
explain:
  condition: {loss: bce, fs: 50}
  n_per_class: 5
  settings: {n_segments: 2}
compare: singstad_muten_2025
"""


@pytest.fixture(scope="session")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of a study of four cells, in a YAML file."""
    path = tmp_path_factory.mktemp("settings") / "tiny.yaml"
    path.write_text(TINY_STUDY)
    return path


@pytest.fixture(scope="session")
def tiny_study(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that study, run; copy it before changing anything in it."""
    from leadlens.study.run import run_study
    from leadlens.study.settings import read_study

    folder = tmp_path_factory.mktemp("study") / "tiny"
    run_study(read_study(study_file), folder, device="cpu")
    return folder
