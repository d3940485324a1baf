"""Where a fetch brings files from, and into what."""

import errno
import hashlib
import os
import re
import shutil
import threading
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
    assert_whole,
    files_in,
    make_files,
)

from leadlens.data.fetching.crew import FetchProgress
from leadlens.data.fetching.fetch import Fetched, fetch, origin_of
from leadlens.data.fetching.ledger import read_marker
from leadlens.data.fetching.origins import FolderOrigin
from leadlens.data.fetching.web import HttpOrigin
from leadlens.errors import ConfigError, FetchError

Fetch = Callable[..., Fetched]


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


def test_a_file_that_is_right_is_kept_although_the_folder_has_a_part_of_it(
    server: ArchiveServer, tmp_path: Path
) -> None:
    for path, data in server.files.items():
        for folder, kept in (("disk", data[:100] if path == LARGE else data), ("out", data)):
            (tmp_path / folder / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / path).write_bytes(kept)
    origin = FolderOrigin(tmp_path / "disk")
    assert fetch(TEST_ARCHIVE, tmp_path / "out", origin, patience=QUICK).n_fetched == 0
    assert_whole(server, tmp_path)


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


def test_a_listing_made_on_windows_is_read(get: Fetch, server: ArchiveServer) -> None:
    lines = server.files["SHA256SUMS.txt"].decode().upper().replace("\n", "\r\n")
    names = {name.upper(): name for name in server.files}
    for upper, name in names.items():
        lines = lines.replace(upper, name)
    server.files["SHA256SUMS.txt"] = b"\xef\xbb\xbf" + lines.encode()
    assert get().n_fetched == 9
    server.requests.clear()
    assert get().n_fetched == 0
    assert server.requests == []


@pytest.mark.parametrize(
    "given",
    ["nowhere", "ftp://a/b", "https:///b", "http://a:b/c", "http://a:99999/", "http://[::1/"],
)
def test_a_place_that_is_none_is_named(given: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(given)):
        origin_of(TEST_ARCHIVE, given)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="holds a user's name") as told:
        origin_of(TEST_ARCHIVE, "https://me:secret@mirror.org/ludb")
    assert "secret" not in str(told.value)


def test_the_folder_to_fill_cannot_be_the_one_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give two folders"):
        fetch(TEST_ARCHIVE, tmp_path, FolderOrigin(tmp_path))


# Where it goes


@pytest.mark.parametrize(
    "path",
    [
        "../evil",
        "/etc/evil",
        "a/../../evil",
        "..\\evil",
        "C:\\evil",
        ".fetch/ledger.tsv",
        ".Fetch/ledger.tsv",
        "././md5sums.txt",
        "a.partial.version",
        "a.partial/",
    ],
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


def test_a_disk_that_fails_is_told_with_the_file(
    get: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(FetchError, match=r"out/RECORDS: Input/output error; what came is kept"):
        get(only=("RECORDS",))


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
