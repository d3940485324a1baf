"""Fetching: what arrives is whole and remembered, wherever it comes from and goes."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archive_server import (
    LARGE,
    QUICK,
    SMALL,
    TEST_ARCHIVE,
    ArchiveServer,
    Fault,
    assert_never_called_whole,
    assert_whole,
    files_in,
    make_files,
    served,
)

from leadlens.data.fetching.crew import FetchProgress
from leadlens.data.fetching.fetch import Fetched, fetch, in_units
from leadlens.data.fetching.ledger import read_marker
from leadlens.data.fetching.listing import Entry
from leadlens.data.fetching.origins import Body, FolderOrigin
from leadlens.data.fetching.transfer import Pace, StoppedError, partial_of, transfer
from leadlens.data.fetching.web import HttpOrigin
from leadlens.errors import ConfigError, FetchError

Fetch = Callable[..., Fetched]


# What arrives


@pytest.mark.parametrize("connections", [1, 4, 16])
def test_every_file_arrives_and_a_marker_says_so(
    get: Fetch, server: ArchiveServer, tmp_path: Path, connections: int
) -> None:
    done = get(connections=connections)
    assert_whole(server, tmp_path)
    assert done.n_fetched == len(server.files) - 1
    assert (
        done.n_received
        == done.marker.n_bytes
        == sum(map(len, server.files.values())) - len(server.files["SHA256SUMS.txt"])
    )
    listing = (tmp_path / "out" / "SHA256SUMS.txt").read_bytes()
    assert done.marker.listing_sha256 == hashlib.sha256(listing).hexdigest()


def test_small_files_share_a_connection(get: Fetch, server: ArchiveServer) -> None:
    get(connections=2)
    assert len({request.connection for request in server.requests}) <= 3


def test_a_second_fetch_asks_nothing(get: Fetch, server: ArchiveServer) -> None:
    first = get()
    server.requests.clear()
    second = get()
    assert server.requests == []
    assert (second.n_fetched, second.marker) == (0, first.marker)


def test_only_what_is_missing_or_changed_is_fetched(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    get()
    (tmp_path / "out" / SMALL).write_bytes(b"edited")
    (tmp_path / "out" / "RECORDS").unlink()
    server.requests.clear()
    done = get()
    asked = sorted(request.path for request in server.requests)
    assert asked == ["RECORDS", "SHA256SUMS.txt", SMALL]
    assert (done.n_fetched, done.n_replaced) == (2, 1)
    assert_whole(server, tmp_path)


def test_files_that_were_brought_by_hand_are_hashed_and_kept(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    place = tmp_path / "out" / LARGE
    place.parent.mkdir(parents=True)
    place.write_bytes(server.files[LARGE])
    get()
    assert server.asked(LARGE) == []
    assert_whole(server, tmp_path)


def test_a_change_that_size_and_time_hide_is_found_by_verify_only(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    get()
    place = tmp_path / "out" / SMALL
    status = place.stat()
    place.write_bytes(bytes(status.st_size))
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    get()
    assert place.read_bytes() == bytes(status.st_size)
    done = get(verify=True)
    assert (done.n_fetched, done.n_replaced) == (1, 1)
    assert_whole(server, tmp_path)


def test_verifying_what_is_whole_needs_no_network(get: Fetch, server: ArchiveServer) -> None:
    get()
    server.requests.clear()
    seen: list[FetchProgress] = []
    assert get(verify=True, on_progress=seen.append).n_fetched == 0
    assert server.requests == []
    assert {progress.note for progress in seen} == {"checking what is there"}


def test_a_part_is_marked_as_a_part_and_parts_add_up(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    assert get(only=("training/*",)).marker.only == ("training/*",)
    asked = {path for path in server.files if path.startswith("training/")}
    assert set(files_in(tmp_path / "out")) == {"SHA256SUMS.txt"} | asked
    marker = get(only=("large/*",)).marker
    assert marker.only == ("large/*", "training/*")
    assert marker.n_files == 7
    assert get().marker.only == ()
    assert_whole(server, tmp_path)
    assert get(only=("large/*",)).marker.only == ()


def test_a_part_of_a_part_is_marked_too(get: Fetch) -> None:
    get(only=("training/*",))
    assert get(only=("*1.hea",)).marker.only == ("*1.hea", "training/*")


def test_a_part_that_is_there_does_not_pass_for_the_whole(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    get(only=("training/*",))
    server.always[LARGE] = Fault(status=404)
    with pytest.raises(FetchError, match=LARGE):
        get()
    marker = read_marker(tmp_path / "out")
    assert marker is not None
    assert marker.only == ("training/*",)


@pytest.mark.parametrize("first", [(), ("training/*",)], ids=["whole", "part"])
def test_the_marker_goes_before_a_file_that_it_covers_is_fetched_again(
    get: Fetch, server: ArchiveServer, tmp_path: Path, first: tuple[str, ...]
) -> None:
    get(only=first)
    (tmp_path / "out" / SMALL).unlink()
    server.always[SMALL] = Fault(status=503)
    with pytest.raises(FetchError):
        get()
    assert_never_called_whole(tmp_path, SMALL)


def test_a_folder_that_lost_a_file_is_not_called_complete_even_without_network(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    get()
    (tmp_path / "out" / SMALL).unlink()
    server.always["SHA256SUMS.txt"] = Fault(status=503)
    with pytest.raises(FetchError, match="503"):
        get()
    assert_never_called_whole(tmp_path, SMALL)


@pytest.mark.parametrize("only", [(), ("training/*",)], ids=["whole", "part"])
def test_a_file_that_goes_while_others_come_is_not_called_complete(
    get: Fetch, server: ArchiveServer, tmp_path: Path, only: tuple[str, ...]
) -> None:
    place = tmp_path / "out" / SMALL
    place.parent.mkdir(parents=True)
    place.write_bytes(server.files[SMALL])

    def remove(progress: FetchProgress) -> None:
        if progress.n_files >= (9 if not only else 6):
            place.unlink(missing_ok=True)

    with pytest.raises(FetchError, match=rf"{SMALL} was removed or changed.*same command again"):
        get(only=only, on_progress=remove)
    assert_never_called_whole(tmp_path, SMALL)
    get()
    assert_whole(server, tmp_path)


def test_a_pattern_without_files_is_told_with_examples(get: Fetch) -> None:
    said = r"--only 'nothing/\*' matches none of 9 files.*training/g1/E00000.hea"
    with pytest.raises(ConfigError, match=said):
        get(only=("nothing/*",))


# When it ends early


def test_an_interrupted_fetch_ends_at_once_and_goes_on(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[LARGE] = [Fault(stall=500_000)]

    def interrupt(progress: FetchProgress) -> None:
        if progress.n_bytes > 400_000:
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        get(on_progress=interrupt, timeout=1.5)
    assert time.monotonic() - started < 20
    assert_never_called_whole(tmp_path, LARGE)
    server.ended.set()
    time.sleep(1)
    server.requests.clear()
    get()
    assert server.asked(LARGE)[0].range == "bytes=500000-"
    assert_whole(server, tmp_path)


def test_an_interrupt_does_not_wait_for_each_stalled_connection(tmp_path: Path) -> None:
    def interrupt(progress: FetchProgress) -> None:
        if progress.n_bytes >= 8 * 50_000:
            raise KeyboardInterrupt

    with served(make_files(n_small=0, n_large=8, size=100_000)) as server:
        server.always = {path: Fault(stall=50_000) for path in server.files if "part" in path}
        origin, started = HttpOrigin(server.url, 8.0), time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            fetch(TEST_ARCHIVE, tmp_path / "out", origin, ("large/*",), 8, on_progress=interrupt)
        assert time.monotonic() - started < 5


def test_a_connection_that_wakes_after_the_end_writes_nothing(tmp_path: Path) -> None:
    pace = Pace()

    def late() -> Iterator[bytes]:
        yield b"in time"
        pace.stop.set()
        yield b"too late"

    class Origin(FolderOrigin):
        def open(self, *_: object) -> Body:
            return Body(0, None, None, late())

    entry, place = Entry("a", "sha256", "0" * 64), tmp_path / "a"
    with pytest.raises(StoppedError):
        transfer(entry, Origin(tmp_path), place, pace, QUICK, lambda _: None)
    assert partial_of(place).read_bytes() == b"in time"


@pytest.mark.parametrize("rest", [0, 1, 40, 100])
def test_a_ledger_cut_short_by_a_kill_is_not_believed(
    get: Fetch, server: ArchiveServer, tmp_path: Path, rest: int
) -> None:
    get()
    ledger = tmp_path / "out" / ".fetch" / "ledger.tsv"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:3]) + lines[3][:rest])
    (tmp_path / "out" / "fetched.json").unlink()
    server.requests.clear()
    assert get().n_fetched == 0
    assert [request.path for request in server.requests] == ["SHA256SUMS.txt"]
    server.requests.clear()
    get()
    assert server.requests == []
    assert_whole(server, tmp_path)


def test_progress_never_runs_beyond_the_whole(get: Fetch, server: ArchiveServer) -> None:
    server.faults[LARGE] = [Fault(is_wrong=True), Fault(cut=5000), Fault(ignores_range=True)]
    seen: list[FetchProgress] = []
    done = get(on_progress=seen.append)
    assert all(0 <= progress.n_bytes <= done.marker.n_bytes for progress in seen)
    assert seen[-1].n_bytes == done.marker.n_bytes
    assert seen[-1].n_files == seen[-1].n_files_total == 9


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_960, "100 kB"), (999_600, "1.0 MB"),
     (3_200_000_000, "3.2 GB"), (50_600_000_000, "50.6 GB"), (4e12, "4000 GB")],
)  # fmt: skip
def test_bytes_are_told_in_units(n_bytes: float, said: str) -> None:
    assert in_units(n_bytes) == said


def test_what_a_kill_after_the_renaming_left_beside_a_file_is_cleared_away(
    get: Callable[..., Fetched], tmp_path: Path
) -> None:
    get()
    whole = next(path for path in (tmp_path / "out").rglob("*") if path.suffix == ".zip")
    left = whole.with_name(whole.name + ".partial.version")
    left.write_text("W")
    (tmp_path / "out" / "fetched.json").unlink()
    get()
    assert not left.exists()
