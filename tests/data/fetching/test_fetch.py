"""Fetching: what arrives is whole and remembered, wherever it comes from and goes."""

import errno
import hashlib
import os
import shutil
import threading
import time
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from archive_server import (
    LARGE,
    QUICK,
    SMALL,
    TEST_ARCHIVE,
    ArchiveServer,
    Fault,
    archive_of,
    assert_never_called_whole,
    assert_whole,
    files_in,
    make_files,
)

from leadlens.data.fetching.crew import FetchProgress
from leadlens.data.fetching.fetch import Fetched, fetch, in_units, origin_of
from leadlens.data.fetching.ledger import read_marker
from leadlens.data.fetching.origins import FolderOrigin
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


def test_a_pattern_without_files_is_told_with_examples(get: Fetch) -> None:
    said = r"--only 'nothing/\*' matches none of 9 files.*training/g1/E00000.hea"
    with pytest.raises(ConfigError, match=said):
        get(only=("nothing/*",))


# Where it comes from


@pytest.mark.parametrize("listing", ["SHA256SUMS.txt", "md5sums.txt"])
def test_a_folder_is_as_good_as_a_server(tmp_path: Path, listing: str) -> None:
    files = make_files(n_large=1, size=100_000)
    if listing == "md5sums.txt":
        del files["SHA256SUMS.txt"]
        lines = [f"{hashlib.md5(data).hexdigest()}  {path}" for path, data in files.items()]
        files[listing] = "\n".join(lines).encode()
    for path, data in files.items():
        (tmp_path / "disk" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "disk" / path).write_bytes(data)
    origin = origin_of(TEST_ARCHIVE, str(tmp_path / "disk"))
    assert isinstance(origin, FolderOrigin)
    marker = fetch(TEST_ARCHIVE, tmp_path / "out", origin, patience=QUICK).marker
    assert marker.listing == listing
    assert files_in(tmp_path / "out") == files
    (tmp_path / "disk" / SMALL).unlink()
    (tmp_path / "out" / SMALL).unlink()
    with pytest.raises(FetchError, match=rf"{SMALL} \(No such file"):
        fetch(TEST_ARCHIVE, tmp_path / "out", origin, patience=QUICK)


def test_a_zenodo_record_is_read_by_its_api(server: ArchiveServer, tmp_path: Path) -> None:
    archive = replace(TEST_ARCHIVE, url=server.zenodo_url)
    server.faults[LARGE] = [Fault(is_wrong=True)]
    done = fetch(archive, tmp_path / "out", origin_of(archive), patience=QUICK)
    assert done.marker.listing == "md5sums.txt"
    assert (tmp_path / "out" / LARGE).read_bytes() == server.files[LARGE]
    server.requests.clear()
    assert fetch(archive, tmp_path / "out", origin_of(archive)).n_fetched == 0
    assert server.requests == []


def test_a_size_that_zenodo_does_not_list_is_refused_before_it_comes(
    server: ArchiveServer, tmp_path: Path
) -> None:
    archive = replace(TEST_ARCHIVE, url=server.zenodo_url)
    server.always[LARGE] = Fault(length=1000)
    with pytest.raises(FetchError, match=r"has 1,000 bytes, the listing says 1,048,576"):
        fetch(archive, tmp_path / "out", origin_of(archive), patience=QUICK)


def test_a_listing_of_another_data_set_is_refused(server: ArchiveServer, tmp_path: Path) -> None:
    archive = replace(TEST_ARCHIVE, name="cpsc-2018", only=("training/cpsc_2018/*",))
    said = r"no file of the listing is like training/cpsc_2018/\*: it is not of cpsc-2018"
    with pytest.raises(FetchError, match=said):
        fetch(archive, tmp_path / "out", HttpOrigin(server.url), patience=QUICK)


def test_an_archive_that_is_a_part_of_another_is_complete_with_its_part(
    server: ArchiveServer, tmp_path: Path
) -> None:
    archive = replace(TEST_ARCHIVE, only=("training/*",))
    marker = fetch(archive, tmp_path / "out", HttpOrigin(server.url), patience=QUICK).marker
    assert (marker.only, marker.n_files) == ((), 6)
    server.requests.clear()
    fetch(archive, tmp_path / "out", HttpOrigin(server.url), patience=QUICK)
    assert server.requests == []


def test_a_place_without_hashes_is_refused(get: Fetch, server: ArchiveServer) -> None:
    del server.files["SHA256SUMS.txt"]
    said = r"does not give SHA256SUMS.txt or md5sums.txt \(404 Not Found\)"
    with pytest.raises(FetchError, match=said):
        get()


def test_a_page_instead_of_the_listing_is_shown(get: Fetch, server: ArchiveServer) -> None:
    server.files["SHA256SUMS.txt"] = b"<!DOCTYPE html>\n<p>Please log in"
    with pytest.raises(FetchError, match=r"line 1 is not a hash and a path: '<!DOCTYPE html>'"):
        get()


@pytest.mark.parametrize("given", ["nowhere", "ftp://a/b", "https:///b"])
def test_a_place_that_is_none_is_named(given: str) -> None:
    with pytest.raises(ConfigError, match=given):
        origin_of(TEST_ARCHIVE, given)


def test_the_folder_to_fill_cannot_be_the_one_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give two folders"):
        fetch(TEST_ARCHIVE, tmp_path, FolderOrigin(tmp_path))


# Where it goes


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil", ".fetch/ledger.tsv"]
)
def test_a_listing_that_leaves_the_folder_is_refused_before_anything_is_fetched(
    get: Fetch, server: ArchiveServer, tmp_path: Path, path: str
) -> None:
    server.files["SHA256SUMS.txt"] += f"{'0' * 64}  {path}\n".encode()
    with pytest.raises(FetchError, match="lists"):
        get()
    assert files_in(tmp_path / "out") == {}
    assert [request.path for request in server.requests] == ["SHA256SUMS.txt"]


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 2_000_000))
    origin = HttpOrigin(server.url)
    with pytest.raises(FetchError, match=r"room for 2.0 MB, but about 3.0 GB are to come"):
        fetch(archive_of(3_000_000_000), tmp_path / "out", origin, patience=QUICK)
    assert [request.path for request in server.requests] == ["SHA256SUMS.txt"]
    fetch(archive_of(1_900_000), tmp_path / "out", origin, patience=QUICK)
    assert_whole(server, tmp_path)


def test_a_disk_that_fills_up_is_told_and_the_fetch_goes_on_later(
    get: Fetch, server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(FetchError, match="is full; what came is kept"):
            get()
    assert read_marker(tmp_path / "out") is None
    get()
    assert_whole(server, tmp_path)


def test_a_folder_is_kept_for_one_data_set(get: Fetch, server: ArchiveServer) -> None:
    folder = get().folder
    other = replace(TEST_ARCHIVE, name="ptbdb", version="1.0.0")
    said = r"is for ludb 1.0.1: give another folder for ptbdb 1.0.0 with --out"
    with pytest.raises(FetchError, match=said):
        fetch(other, folder, HttpOrigin(server.url))


def test_two_fetches_into_one_folder_are_refused(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[LARGE] = [Fault(stall=1000)]
    failed: list[str] = []

    def second(_: FetchProgress) -> None:
        if not failed:
            with pytest.raises(FetchError, match="another fetch is writing into") as told:
                get()
            failed.append(str(told.value))

    get(on_progress=second)
    assert len(failed) == 1
    assert_whole(server, tmp_path)


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
    assert time.monotonic() - started < 3
    assert_never_called_whole(tmp_path, LARGE)
    server.ended.set()
    time.sleep(1)
    server.requests.clear()
    get()
    assert server.asked(LARGE)[0].range == "bytes=500000-"
    assert_whole(server, tmp_path)


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
