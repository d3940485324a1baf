"""Stores of several rates in one pass, and folders that one run at a time may write into."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from recordings import ListSource
from test_derive import RECORDINGS
from test_ingest import FIVE_SECONDS, MadeSource, bytes_of

from leadlens.data import ingest as ingesting
from leadlens.data import parts
from leadlens.data.derive import derive_store
from leadlens.data.ingest import IngestSettings, ingest, ingest_rates
from leadlens.data.sources import find_sources
from leadlens.ecg.recording import Recording
from leadlens.ecg.resample import ResampleMethod
from leadlens.engines.local import LocalEngine
from leadlens.errors import ConfigError, SignalError, StoreError
from leadlens.files import only_writer
from leadlens.simulate import CohortSettings
from leadlens.simulate.export import export_evidence, export_wfdb

RATES = tuple(IngestSettings(fs=fs, duration=5) for fs in (50, 25, 10))


@dataclass(frozen=True)
class CountedSource(MadeSource):
    """Counts how often each recording is read."""

    loads: list[int] = field(default_factory=list)

    def load(self, position: int) -> Recording:
        """Return a recording."""
        self.loads.append(position)
        return super().load(position)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 4 recordings."""
    monkeypatch.setattr(ingesting, "PART_SIZE", 4)


def alone(folder: Path, source: MadeSource) -> None:
    """Ingest each rate by itself."""
    for settings in RATES:
        ingest(source, folder / f"{settings.fs:g}hz", settings)


@pytest.mark.usefixtures("small_parts")
def test_several_rates_are_the_stores_of_each_alone_and_each_recording_is_read_once(
    tmp_path: Path,
) -> None:
    source = CountedSource(22)
    stores = ingest_rates(source, tmp_path / "together", RATES)
    assert [store.path.name for store in stores] == ["50hz", "25hz", "10hz"]
    assert source.loads == list(range(22))
    alone(tmp_path / "alone", MadeSource(22))
    assert bytes_of(tmp_path / "together") == bytes_of(tmp_path / "alone")


def test_several_workers_write_the_same_bytes_of_several_rates(tmp_path: Path) -> None:
    source = MadeSource(ingesting.PART_SIZE + 5)
    for n_workers in (1, 2):
        ingest_rates(source, tmp_path / str(n_workers), RATES, LocalEngine(n_workers))
    assert bytes_of(tmp_path / "1") == bytes_of(tmp_path / "2")


@pytest.mark.usefixtures("small_parts")
def test_a_rate_may_be_added_later(tmp_path: Path) -> None:
    ingest_rates(MadeSource(9), tmp_path / "s", RATES[:2])
    source = CountedSource(9)
    ingest_rates(source, tmp_path / "s", RATES)
    assert source.loads == list(range(9))
    alone(tmp_path / "alone", MadeSource(9))
    assert bytes_of(tmp_path / "s") == bytes_of(tmp_path / "alone")


@pytest.mark.usefixtures("small_parts")
def test_several_rates_go_on_where_each_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ingesting, "finish_store", lambda *_: None)
        with pytest.raises(StoreError, match="not a finished store"):
            ingest_rates(MadeSource(22), tmp_path / "s", RATES)
    (tmp_path / "s" / "25hz" / "part-00003.jsonl").unlink()
    source, seen = CountedSource(22), list[tuple[int, int]]()
    ingest_rates(source, tmp_path / "s", RATES, on_progress=lambda *n: seen.append(n))
    assert source.loads == [12, 13, 14, 15]
    assert seen == [(18, 22), (22, 22)]
    alone(tmp_path / "alone", MadeSource(22))
    assert bytes_of(tmp_path / "s") == bytes_of(tmp_path / "alone")


def test_a_recording_that_fails_at_one_rate_is_kept_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = parts.resample

    def fragile(recording: Recording, fs: float, method: ResampleMethod) -> Recording:
        if (recording.record_id, fs) == ("R00001", 25):
            raise SignalError("R00001: not at 25 Hz")
        return whole(recording, fs, method)

    monkeypatch.setattr(parts, "resample", fragile)
    stores = ingest_rates(MadeSource(3), tmp_path / "s", RATES)
    assert [store.manifest.n_refused for store in stores] == [0, 1, 0]
    assert [len(store.keys) for store in stores] == [3, 2, 3]
    assert "not at 25 Hz" in (tmp_path / "s" / "25hz" / "refused.csv").read_text()


def test_the_same_rate_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the rates 50, 50 Hz: give each once"):
        ingest_rates(MadeSource(3), tmp_path / "s", (RATES[0], RATES[0]))


def test_a_store_of_one_rate_is_not_mixed_with_stores_of_several(tmp_path: Path) -> None:
    ingest(MadeSource(3), tmp_path / "one", FIVE_SECONDS)
    with pytest.raises(StoreError, match="is a store of one rate"):
        ingest_rates(MadeSource(3), tmp_path / "one", RATES)
    ingest_rates(MadeSource(3), tmp_path / "several", RATES[:2])
    with pytest.raises(StoreError, match="exists and is not a store"):
        ingest(MadeSource(3), tmp_path / "several", FIVE_SECONDS)
    (tmp_path / "several" / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="holds other files"):
        ingest_rates(MadeSource(3), tmp_path / "several", RATES)


COHORT = CohortSettings(n_recordings=2, fs=50)


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: ingest(MadeSource(3), folder, FIVE_SECONDS),
        lambda folder: ingest_rates(MadeSource(3), folder, RATES),
        lambda folder: export_wfdb(COHORT, folder),
        lambda folder: export_evidence(COHORT, folder),
    ],
    ids=["ingest", "ingest at several rates", "export", "evidence"],
)
def test_a_folder_that_is_being_written_is_refused_and_free_afterwards(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    with only_writer(tmp_path / "s"), pytest.raises(StoreError, match=r"another run is writing"):
        write(tmp_path / "s")
    assert bytes_of(tmp_path / "s") == {}
    write(tmp_path / "s")
    assert not [name for name in bytes_of(tmp_path / "s") if "lock" in name]


def test_a_derived_store_that_is_being_written_is_refused(tmp_path: Path) -> None:
    store = ingest(ListSource(RECORDINGS[:1]), tmp_path / "s", IngestSettings(fs=500))
    with only_writer(tmp_path / "d"), pytest.raises(StoreError, match=r"another run is writing"):
        derive_store(store, 100, tmp_path / "d")
    derived = derive_store(store, 100, tmp_path / "d")
    assert sorted(bytes_of(derived.path)) == ["index.csv", "manifest.json", "signal-00000.npy"]


def test_a_store_of_one_of_several_rates_cannot_be_written_by_another_run(tmp_path: Path) -> None:
    with (
        only_writer(tmp_path / "s" / "25hz"),
        pytest.raises(StoreError, match=r"writing into .*25hz"),
    ):
        ingest_rates(MadeSource(3), tmp_path / "s", RATES)


def test_a_finished_store_is_opened_while_its_folder_is_held(tmp_path: Path) -> None:
    store = ingest(MadeSource(3), tmp_path / "s", FIVE_SECONDS)
    with only_writer(tmp_path / "s"):
        assert ingest(MadeSource(3), tmp_path / "s", FIVE_SECONDS).rows == store.rows


def test_what_a_kill_after_the_manifest_left_is_removed_by_the_next_run(tmp_path: Path) -> None:
    store = ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS)
    before = bytes_of(store.path)
    (store.path / "part-00000.jsonl").write_text("{}")
    (store.path / ".index.csv.77.partial").write_text("half")
    (store.path / "signal-00009.npy").write_bytes(b"of no window")
    ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS)
    assert bytes_of(store.path) == before


_SCRIPT = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import leadlens.data.ingest as ingesting
from test_ingest import MadeSource
from test_rates_and_locks import RATES

class SlowSource(MadeSource):
    def load(self, position):
        time.sleep(0.002)
        return super().load(position)

ingesting.PART_SIZE = 16
ingesting.ingest_rates(SlowSource(640), Path(sys.argv[1]), RATES)
"""


def test_several_rates_killed_in_the_middle_leave_no_lock_and_end_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, tests = tmp_path / "killed", Path(__file__).parents[1]
    command = [sys.executable, "-c", _SCRIPT, str(killed), str(tests), str(tests / "data")]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 60
    while len(list(killed.glob("*/part-*.jsonl"))) < 8 and time.monotonic() < deadline:
        time.sleep(0.005)
    monkeypatch.setattr(ingesting, "PART_SIZE", 16)
    with pytest.raises(StoreError, match="another run is writing"):
        ingest_rates(MadeSource(640), killed, RATES)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (killed / ".writing.lock").exists()
    ingest_rates(MadeSource(640), killed, RATES)
    alone(tmp_path / "alone", MadeSource(640))
    assert bytes_of(killed) == bytes_of(tmp_path / "alone")


@pytest.mark.parametrize("inside", ["", "training"])
def test_a_fetch_that_is_not_finished_is_noted(
    write_record: Callable[..., Path], tmp_path: Path, inside: str
) -> None:
    folder = tmp_path / "in" / inside
    write_record(folder=folder)
    (tmp_path / "in" / ".fetch").mkdir()
    (note,) = find_sources([folder]).notes
    assert "is not finished" in note
    (tmp_path / "in" / "fetched.json").write_text("{}")
    assert find_sources([folder]).notes == ()
