"""The fetch command: what people see, and what they can do next."""

import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_server import ArchiveServer, Fault, make_files, served
from rich.console import Console

from leadlens.cli import fetching
from leadlens.data.fetching.archives import ARCHIVES
from leadlens.data.fetching.crew import FetchProgress

RUN = [sys.executable, "-c", "from leadlens.cli import main; main()", "fetch"]


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    """A server with twenty small files and two large ones."""
    with served(make_files(n_small=20, n_large=2, size=1 << 20)) as server:
        yield server


def run(folder: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, without a terminal."""
    return subprocess.run(
        [*RUN, *map(str, words)], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "200", **environment},
    )  # fmt: skip


def test_the_list_has_every_data_set_with_its_size_and_licence(tmp_path: Path) -> None:
    lines = run(tmp_path, "--list").stdout.splitlines()
    for archive in ARCHIVES:
        (line,) = [line for line in lines if line.split()[:1] == [archive.name]]
        assert f"{archive.n_recordings:,}" in line
        assert archive.licence in line
        assert re.search(r"\d [GM]B", line)
    assert [row["name"] for row in json.loads(run(tmp_path, "--list", "--json").stdout)] == [
        archive.name for archive in ARCHIVES
    ]


def test_the_list_fits_a_narrow_terminal(tmp_path: Path) -> None:
    lines = run(tmp_path, "--list", COLUMNS="50").stdout.splitlines()
    assert len(lines) == len(ARCHIVES) + 2
    assert max(map(len, lines)) <= 50


def test_a_fetch_says_what_is_there_its_licence_and_what_to_cite(
    server: ArchiveServer, tmp_path: Path
) -> None:
    done = run(tmp_path, "ludb", "--from", server.url)
    assert done.returncode == 0, done.stderr
    there, licence, cite = done.stdout.splitlines()
    assert there == "data/ludb: ludb 1.0.1, 24 files (2.1 MB), 24 fetched now, all checked"
    assert licence == "licence: ODC-By 1.0"
    assert "please cite: Kalyakulina" in cite
    assert "doi 10.13026/eegm-h675" in cite
    assert "Goldberger" in cite
    assert (tmp_path / "data/ludb/training/g1/E00001.hea").exists()


def test_the_same_for_machines_is_one_object(server: ArchiveServer, tmp_path: Path) -> None:
    words = ("ludb", "--from", server.url, "--out", "x", "--only", "training/*", "--json")
    said = json.loads(run(tmp_path, *words).stdout)
    assert said["folder"] == "x"
    assert (said["fetched"], said["n_files"], said["only"]) == (20, 20, ["training/*"])
    assert said["licence"] == "ODC-By 1.0"
    again = json.loads(run(tmp_path, *words).stdout)
    assert (again["fetched"], again["bytes_received"]) == (0, 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say which data set"),
        (("lubd",), "unknown data set 'lubd': allowed values are challenge-2021, cpsc-2018"),
        (("ludb", "--from", "nowhere"), "--from 'nowhere' is neither a folder nor an address"),
        (("ludb", "--out", "/dev/null"), "/dev/null"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wait_is_told_once_where_there_is_no_terminal(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults["RECORDS"] = [Fault(status=503, headers={"Retry-After": "2"})]
    done = run(tmp_path, "ludb", "--from", server.url)
    assert done.stderr.splitlines() == [
        "ludb: reading the list of files",
        "ludb: 503 Service Unavailable: trying again in 2 s",
    ]


def test_an_interrupt_says_how_to_go_on_and_what_came_is_kept(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults["large/part 0.zip"] = [Fault(stall=1_000_000)]
    server.faults["large/part 1.zip"] = [Fault(stall=1_000_000)]
    process = subprocess.Popen(
        [*RUN, "ludb", "--from", server.url], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    partial = tmp_path / "data/ludb/large/part 0.zip.partial"
    stop = time.monotonic() + 20
    while not (partial.exists() and partial.stat().st_size):
        assert time.monotonic() < stop
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    # The server would say nothing for ever.
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert re.search(r"ludb: \d+ of 24 files are in data/ludb", err)
    assert "run the same command again to go on" in err
    assert "Traceback" not in err
    assert not (tmp_path / "data/ludb/fetched.json").exists()
    assert run(tmp_path, "ludb", "--from", server.url).returncode == 0


def test_progress_fits_a_narrow_terminal(server: ArchiveServer, tmp_path: Path) -> None:
    server.chunk_pause = 0.03
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.environ |= {"COLUMNS": "50", "TERM": "xterm"}
        os.execv(RUN[0], [*RUN, "ludb", "--from", server.url, "--only", "large/*"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    shown = b""
    while select.select([terminal], [], [], 20)[0]:
        try:
            shown += os.read(terminal, 1 << 16)
        except OSError:
            break
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    lines = [line for line in re.split(r"[\r\n]+", text) if " files " in line and "/s" in line]
    assert any(re.search(r"[01]/2 files \d.*[kM]B \d.*[kM]B/s -:--:--", line) for line in lines)
    assert all(len(line) <= 50 for line in lines)


def test_progress_shows_what_went_wrong_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(fetching, "err", Console(file=screen, force_terminal=True, width=100))
    with fetching._bar("ludb") as (move, _):
        move(FetchProgress(note="[Errno 5] [/bold]: trying again in 3 s"))
        time.sleep(0.2)
    assert "[Errno 5] [/bold]: trying again in 3 s" in screen.getvalue()
