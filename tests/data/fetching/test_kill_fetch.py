"""A fetch that is killed again and again ends with the same folder, byte for byte."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_server import ArchiveServer, Fault, make_files, served

from leadlens.data.fetching.ledger import read_marker

# The command's own imports take most of a start, so the kills would all hit them; this is what it
# calls, with the limits of a slow line in small.
RUN = """
import sys
from pathlib import Path
from leadlens.data.fetching.archives import find_archive
from leadlens.data.fetching.fetch import fetch, origin_of
from leadlens.data.fetching.transfer import Patience

archive = find_archive("ludb")
origin = origin_of(archive, sys.argv[1], timeout=2.0)
print("started", flush=True)
fetch(archive, Path(sys.argv[2]), origin, patience=Patience(first_wait=0.02, resumed_from=1 << 16))
"""


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    """A slow server with many small files and some large ones."""
    with served(make_files(n_small=60, n_large=6, size=1 << 20)) as server:
        server.chunk_pause = 0.01
        yield server


def start(server: ArchiveServer, folder: Path) -> subprocess.Popen[str]:
    """Start a fetch and return it once it has."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, server.url, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return all files but the notes of when each was checked."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".fetch" not in path.parts
    }


def assert_nothing_false(server: ArchiveServer, folder: Path) -> None:
    """Check that whatever has a file's own name is that file, whole."""
    for path, content in snapshot(folder).items():
        if not path.endswith((".partial", ".partial.version")) and not path.startswith("."):
            assert path in server.files, path
            assert server.files[path] == content, path
    assert read_marker(folder) is None


def kill_and_compare(server: ArchiveServer, tmp_path: Path, n_kills: int, seed: int) -> None:
    """Kill a fetch so often, at moments drawn by chance, and compare with one left alone."""
    draw = random.Random(seed)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    n_done = 0
    for _ in range(n_kills):
        server.faults["large/part 1.zip"] = [Fault(cut=draw.randrange(1 << 20))]
        process = start(server, killed)
        time.sleep(draw.uniform(0, 0.12))
        process.send_signal(signal.SIGKILL)
        assert process.wait() in (-signal.SIGKILL, 0)
        assert process.stdout is not None
        process.stdout.close()
        if read_marker(killed) is not None:
            # It was through before it was killed: one of its files goes, and the next has work.
            n_done += 1
            assert {**server.files} == {
                path: content for path, content in snapshot(killed).items() if path in server.files
            }
            (killed / draw.choice(["RECORDS", "large/part 3.zip"])).unlink()
            (killed / "fetched.json").unlink()
        assert_nothing_false(server, killed)
    assert n_done < n_kills / 2, "most fetches ended before they were killed"
    server.faults.clear()
    server.chunk_pause = 0.0
    for folder in (killed, whole):
        process = start(server, folder)
        assert process.wait() == 0
        assert process.stdout is not None
        process.stdout.close()
    assert snapshot(killed) == snapshot(whole)
    assert {
        path: content for path, content in snapshot(killed).items() if path != "fetched.json"
    } == (server.files)


def test_a_fetch_killed_again_and_again_ends_as_one_left_alone(
    server: ArchiveServer, tmp_path: Path
) -> None:
    kill_and_compare(server, tmp_path, n_kills=6, seed=1)
    assert any(request.range for request in server.requests)


@pytest.mark.slow
def test_a_fetch_killed_fifty_times_ends_as_one_left_alone(
    server: ArchiveServer, tmp_path: Path
) -> None:
    # Slower still, so that fifty pieces are not the whole long before the fiftieth.
    server.chunk_pause = 0.1
    kill_and_compare(server, tmp_path, n_kills=50, seed=2)
    assert sum(request.range is not None for request in server.requests) > 20
