"""Fetching from servers that answer oddly, elsewhere, or in another language."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
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
    assert_whole,
    make_files,
    served,
)

from leadlens.data.fetching.fetch import Fetched, fetch
from leadlens.data.fetching.web import HttpOrigin
from leadlens.errors import FetchError

Fetch = Callable[..., Fetched]


def test_a_part_whose_whole_size_is_not_told_is_resumed_too(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    part = {"Content-Range": "bytes 400000-1048575/*"}
    server.faults[LARGE] = [Fault(cut=400_000), Fault(headers=part, cut=200_000)]
    get()
    assert [request.range for request in server.asked(LARGE)][1:] == [
        "bytes=400000-",
        "bytes=600000-",
    ]
    assert_whole(server, tmp_path)


@pytest.mark.parametrize(
    "told",
    ["", "bytes */5", "bytes 0-5/10", "bytes x-y/z", f"bytes {'9' * 5000}-/9", "items 1-2/3"],
)
def test_a_part_that_says_to_be_another_is_thrown_away(
    get: Fetch, server: ArchiveServer, tmp_path: Path, told: str
) -> None:
    server.faults[LARGE] = [Fault(cut=400_000), Fault(headers={"Content-Range": told})]
    get()
    assert [request.range for request in server.asked(LARGE)] == [None, "bytes=400000-", None]
    assert_whole(server, tmp_path)


def test_a_listed_size_tells_a_cut_where_the_server_tells_no_length(
    server: ArchiveServer, tmp_path: Path
) -> None:
    archive = replace(TEST_ARCHIVE, url=server.zenodo_url)
    server.faults[LARGE] = [Fault(has_no_length=True, cut=1000 + i) for i in range(3)]
    fetch(archive, tmp_path / "out", HttpOrigin(server.zenodo_url), patience=QUICK)
    assert (tmp_path / "out" / LARGE).read_bytes() == server.files[LARGE]


@pytest.mark.parametrize("left", [b"\0" * 40, b'"a\nb"', b"\xff", b""])
def test_a_version_damaged_by_a_power_cut_is_not_sent(
    get: Fetch, server: ArchiveServer, tmp_path: Path, left: bytes
) -> None:
    place = tmp_path / "out" / LARGE
    place.parent.mkdir(parents=True)
    place.with_name(place.name + ".partial").write_bytes(server.files[LARGE][:500_000])
    place.with_name(place.name + ".partial.version").write_bytes(left)
    get()
    assert [request.range for request in server.asked(LARGE)] == [None]
    assert_whole(server, tmp_path)


@pytest.mark.parametrize(
    "where", ["http://[", "http://localhost:port/", "http://a..b/", "http://localhost:99999/"]
)
def test_a_redirect_to_an_address_that_is_none_is_refused(
    get: Fetch, server: ArchiveServer, where: str
) -> None:
    server.always[SMALL] = Fault(status=302, headers={"Location": where})
    with pytest.raises(FetchError, match="an address that cannot be understood"):
        get()


def test_the_servers_own_words_are_not_shown(get: Fetch, server: ArchiveServer) -> None:
    server.always[SMALL] = Fault(status=403, reason="\x1b[31m[/bold]")
    with pytest.raises(FetchError, match=rf"{SMALL} \(403 Forbidden\)"):
        get()


def test_a_server_that_speaks_something_else_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = door.accept()
                    connection.sendall(b"SSH-2.0-\x1b[31m\r\n")
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1 << 16)
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        origin = HttpOrigin(f"http://127.0.0.1:{door.getsockname()[1]}/", 1.0)
        said = r"not HTTP \(BadStatusLine\('SSH-2.0-\\x1b"
        with pytest.raises(FetchError, match=said):
            fetch(TEST_ARCHIVE, tmp_path / "out", origin, patience=QUICK)
        door.shutdown(socket.SHUT_RDWR)


def test_redirects_are_followed(get: Fetch, server: ArchiveServer, tmp_path: Path) -> None:
    server.files["moved"] = server.files[SMALL]
    server.faults[SMALL] = [Fault(status=302, headers={"Location": "../../moved"})]
    get()
    assert (tmp_path / "out" / SMALL).read_bytes() == server.files[SMALL]


def test_a_circle_of_redirects_is_refused(get: Fetch, server: ArchiveServer) -> None:
    server.always[SMALL] = Fault(status=301, headers={"Location": "E00001.hea"})
    with pytest.raises(FetchError, match="redirected more than 5 times"):
        get()


def test_a_redirect_to_something_else_than_the_web_is_refused(
    get: Fetch, server: ArchiveServer
) -> None:
    server.always[SMALL] = Fault(status=301, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(FetchError, match="redirected to 'file:///etc/passwd'"):
        get()


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with served({}) as gone:
        url = gone.url
    with pytest.raises(FetchError, match=rf"{url}: Connection refused, 4 times.*--from"):
        fetch(TEST_ARCHIVE, tmp_path / "out", HttpOrigin(url), patience=QUICK)


def test_a_proxy_is_used_where_the_machine_names_one(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    origin = HttpOrigin("http://physionet.invalid/archive/", 1.0)
    fetch(TEST_ARCHIVE, tmp_path / "out", origin, patience=QUICK)
    assert_whole(server, tmp_path)


def test_https_is_checked_against_the_machines_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with served(make_files(), context) as server:
        url = server.url.replace("http://", "https://")
        said = r"certificate of 127.0.0.1 is not trusted .*SSL_CERT_FILE"
        with pytest.raises(FetchError, match=said):
            fetch(TEST_ARCHIVE, tmp_path / "out", HttpOrigin(url, 2.0), patience=QUICK)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        server.always[SMALL] = Fault(status=302, headers={"Location": server.url + SMALL})
        with pytest.raises(FetchError, match=r"redirected to 'http://.*', which is not https"):
            fetch(TEST_ARCHIVE, tmp_path / "out", HttpOrigin(url, 2.0), patience=QUICK)
        server.always.clear()
        fetch(TEST_ARCHIVE, tmp_path / "out", HttpOrigin(url, 2.0), patience=QUICK)
        assert_whole(server, tmp_path)
        assert len({request.connection for request in server.requests}) < 15
