"""Ingest on many machines: the bytes of one machine, whatever is lost on the way."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster import TwoNodes
from recordings import make_recording

from leadlens import files
from leadlens.data import ingest as ingesting
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.parts import PartPlace, write_part
from leadlens.data.sources import FolderSource
from leadlens.ecg.recording import Recording
from leadlens.engines.ray import RayEngine
from leadlens.errors import SignalError, StoreError
from leadlens.simulate import CohortSettings
from leadlens.simulate.export import export_wfdb

FIVE_SECONDS = IngestSettings(fs=50, duration=5)


@dataclass(frozen=True)
class SlowSource:
    """Recordings of 5 s at 50 Hz; every 7th is bad.

    On the node `stuck` none can be read, and others wait until one was tried there.
    """

    n_recordings: int
    stuck: str = ""
    note: Path = Path()

    def __len__(self) -> int:
        return self.n_recordings

    def name(self, position: int) -> str:
        """Return a name."""
        return f"slow {position}"

    def load(self, position: int) -> Recording:
        """Return a recording."""
        if self.stuck:
            self._wait()
        if position % 7 == 3:
            raise SignalError(f"slow {position}: bad, as every seventh")
        return make_recording(50, 5, position)

    def _wait(self) -> None:
        import ray

        if ray.get_runtime_context().get_node_id() == self.stuck:
            self.note.touch()
            time.sleep(600)
        deadline = time.monotonic() + 60
        while not self.note.exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    def describe(self) -> dict[str, object]:
        """Return what identifies this source."""
        return {"kind": "slow", "n": self.n_recordings}


class NowhereEngine:
    """An engine whose machines write where this one does not see it."""

    def map_items(
        self, function: Callable[[Any], Any], items: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the positions."""
        del function
        yield from ((position, None) for position in range(len(items)))


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder`, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


def test_a_node_that_is_lost_in_the_middle_changes_no_byte(
    ray_cluster: TwoNodes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ingesting, "PART_SIZE", 4)
    whole = ingest(SlowSource(40), tmp_path / "whole", FIVE_SECONDS)
    third = ray_cluster.add()
    lost = []

    def lose_it(done: int, total: int) -> None:
        if 0 < done < total and not lost:
            assert (tmp_path / "note").exists()
            lost.append(done)
            ray_cluster.lose(third)

    source = SlowSource(40, third.node_id, tmp_path / "note")
    store = ingest(source, tmp_path / "s", FIVE_SECONDS, RayEngine(), lose_it)
    assert len(lost) == 1
    assert bytes_of(store.path) == bytes_of(whole.path)
    assert "node" not in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_simulated_files_are_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.simulate.export.PART_SIZE", 3)
    monkeypatch.chdir(tmp_path)
    settings = CohortSettings(n_recordings=7, seed=4, fs=100, noise="none")
    export_wfdb(settings, Path("one"), with_evidence=True)
    export_wfdb(settings, Path("many"), with_evidence=True, engine=RayEngine())
    assert bytes_of(tmp_path / "many") == bytes_of(tmp_path / "one")


def leadlens(*words: object) -> list[str]:
    """Return the words that start the command line."""
    start = "import sys; sys.argv[0] = 'leadlens'; from leadlens.cli import main; main()"
    return [sys.executable, "-c", start, *map(str, words)]


def check_command(folder: Path, address: str | None) -> None:
    """Ingest `in` on this machine and with Ray: the same store, and nothing else said."""
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    environment.pop("RAY_ADDRESS", None)
    said = []
    for engine in ("local", "ray"):
        words = ("ingest", "in", "--out", engine, "--fs", "50", "--workers", "1", "--json")
        if address and engine == "ray":
            environment["RAY_ADDRESS"] = address
        done = subprocess.run(
            leadlens(*words, "--engine", engine),
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # The progress, which a slow machine is told of.
        lines = [line for line in done.stderr.splitlines() if not line.startswith("reading ECGs: ")]
        assert (done.returncode, lines) == (0, [])
        said.append(json.loads(done.stdout))
    assert [facts.pop("store") for facts in said] == ["local", "ray"]
    assert said[0] == said[1]
    assert said[0]["refused"] == 1
    assert bytes_of(folder / "ray") == bytes_of(folder / "local")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a short path: those of Ray's sockets may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ll-", dir=os.environ.get("RAY_TMPDIR", "/tmp")) as new:
        yield Path(new)


@pytest.fixture
def three_good_records(write_record: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with the folder `in` of four records, one of them without a signal."""
    for name in ("A1", "A2", "A3", "gone"):
        header = write_record(name, folder=tmp_path / "in")
    header.with_suffix(".mat").unlink()
    return tmp_path


def test_the_command_joins_a_cluster_and_prints_its_results_alone(
    ray_cluster: TwoNodes, three_good_records: Path
) -> None:
    check_command(three_good_records, ray_cluster.address)


@pytest.mark.slow
def test_the_command_starts_ray_here_and_leaves_nothing(
    three_good_records: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(short_folder))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    check_command(three_good_records, None)
    assert list(short_folder.iterdir()) == []
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(short_folder) not in running.stdout


@pytest.mark.slow
def test_ctrl_c_ends_the_workers_and_keeps_what_is_finished(
    ray_cluster: TwoNodes, tmp_path: Path
) -> None:
    words = ("simulate", "--out", tmp_path / "s", "--n", "20000", "--engine", "ray")
    environment = {**os.environ, "RAY_ADDRESS": ray_cluster.address}
    process = subprocess.Popen(
        leadlens(*words), env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("s/part-*.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 130, stderr
    assert stderr.startswith("stopped; what is finished is kept")
    time.sleep(1)
    names = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert "part-00000.jsonl" in names
    time.sleep(2)
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == names


def test_a_part_that_is_not_seen_here_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SEEN_WITHIN", 0.2)
    with pytest.raises(StoreError, match=r"signal-00000.npy was written.*does every node see"):
        ingest(SlowSource(3), tmp_path / "s", FIVE_SECONDS, NowhereEngine())
    settings = CohortSettings(n_recordings=2, fs=100)
    with pytest.raises(StoreError, match=r"SIM000000.mat was written.*does every node see"):
        export_wfdb(settings, tmp_path / "w", engine=NowhereEngine())


def test_a_worker_that_does_not_see_the_store_writes_nothing(tmp_path: Path) -> None:
    work = range(2), (PartPlace(tmp_path / "elsewhere", 0, FIVE_SECONDS),)
    with pytest.raises(StoreError, match=r"elsewhere is not there.*does every node see it"):
        write_part(SlowSource(2), work)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_does_not_see_the_recordings_refuses_none_of_them(
    write_record: Callable[..., Path], tmp_path: Path
) -> None:
    header = write_record(folder=tmp_path / "in")
    source = FolderSource.find([tmp_path / "in"])
    header.unlink()
    (tmp_path / "s").mkdir()
    with pytest.raises(StoreError, match=r"A0001.hea is not there.*does every node see it"):
        write_part(source, (range(1), (PartPlace(tmp_path / "s", 0, FIVE_SECONDS),)))
    assert list((tmp_path / "s").iterdir()) == []
