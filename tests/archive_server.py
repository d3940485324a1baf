"""A real web server for the tests of fetching: it serves files, and misbehaves when told to."""

import hashlib
import json
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from leadlens.data.fetching.archives import Archive
from leadlens.data.fetching.ledger import read_marker
from leadlens.data.fetching.transfer import Patience


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer.

    Attributes:
        status: answered instead of the file, with `headers`.
        cut: bytes of the body after which the connection ends, by a reset if `is_reset`.
        stall: bytes of the body after which nothing more comes.
        is_wrong: the body has other bytes.
        length: announced, and sent, instead of the body's.
        ignores_range: the whole file is sent although a part was asked for.
        has_no_length: the body ends where the connection ends, as in HTTP/1.0.
        reason: the server's words beside the status.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    is_reset: bool = False
    stall: int | None = None
    is_wrong: bool = False
    length: int | None = None
    ignores_range: bool = False
    has_no_length: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Request:
    """One request that came."""

    path: str
    range: str | None
    if_range: str | None
    connection: int
    time: float


class ArchiveServer(ThreadingHTTPServer):
    """Serves `files` below /archive/; `faults[path]` go wrong one after another, then none.

    With `ends_quietly`, every connection ends after one answer, without a word beforehand.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(files)
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.requests: list[Request] = []
        self.has_etags = True
        self.chunk_pause = 0.0
        self.answer_pause = 0.0
        self.ends_quietly = False
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        """The address of the archive's folder."""
        return f"http://127.0.0.1:{self.server_address[1]}/archive/"

    @property
    def zenodo_url(self) -> str:
        """The address of the archive as Zenodo's records API gives it."""
        return f"http://127.0.0.1:{self.server_address[1]}/api/records/1"

    def asked(self, path: str) -> list[Request]:
        """Return the requests for one file."""
        return [request for request in self.requests if request.path == path]

    def content(self, path: str) -> bytes | None:
        """Return the bytes at an address below the server's root."""
        if path == "/api/records/1":
            return self._record()
        return self.files.get(path.removeprefix("/archive/"))

    def _record(self) -> bytes:
        """Return Zenodo's description of the files."""
        files = [
            {
                "key": key,
                "size": len(content),
                "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
                "links": {"self": self.url + key},
            }
            for key, content in self.files.items()
            if not key.endswith("SUMS.txt")
        ]
        return json.dumps({"id": 1, "files": files}).encode()

    def next_fault(self, path: str) -> Fault:
        """Return what goes wrong with this answer."""
        return self.faults[path].pop(0) if self.faults[path] else self.always.get(path, Fault())

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that went away."""


class Handler(BaseHTTPRequestHandler):
    """Answers GET, with ranges, ETags and faults."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ArchiveServer

    def do_GET(self) -> None:
        """Answer."""
        path = unquote(urlsplit(self.path).path)
        name = path.removeprefix("/archive/")
        asked = self.headers.get("Range"), self.headers.get("If-Range")
        self.server.requests.append(Request(name, *asked, self.client_address[1], time.monotonic()))
        fault = self.server.next_fault(name)
        if self.server.answer_pause and fault.status is None:
            self.server.ended.wait(self.server.answer_pause)
        content = self.server.content(path)
        if fault.status is not None or content is None:
            headers = {"Content-Length": "4", **fault.headers}
            self._head(fault.status or 404, headers, fault.reason)
            self.wfile.write(b"oops")
            return
        etag = f'"{hashlib.md5(content).hexdigest()[:12]}"' if self.server.has_etags else None
        start = self._start(etag) if not fault.ignores_range else 0
        if start > 0 and start >= len(content):
            self._head(416, {"Content-Length": "0", "Content-Range": f"bytes */{len(content)}"})
            return
        self._send(content, start, etag, fault)

    def _start(self, etag: str | None) -> int:
        """Return the first byte asked for; 0 if the file changed since."""
        part = self.headers.get("Range", "")
        is_same = self.headers.get("If-Range") == etag
        return int(part.removeprefix("bytes=").rstrip("-")) if part and is_same else 0

    def _send(self, content: bytes, start: int, etag: str | None, fault: Fault) -> None:
        body = content[start:][: fault.length]
        if fault.is_wrong:
            body = bytes(255 - byte for byte in body)
        headers = {} if fault.has_no_length else {"Content-Length": str(len(body))}
        if etag:
            headers["ETag"] = etag
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._head(206 if start else 200, headers | fault.headers)
        end = next((n for n in (fault.cut, fault.stall) if n is not None), len(body))
        for place in range(0, end, 1 << 16):
            self.wfile.write(body[place : min(place + (1 << 16), end)])
            if self.server.chunk_pause:
                self.server.ended.wait(self.server.chunk_pause)
        self.wfile.flush()
        if fault.stall is not None:
            self.server.ended.wait(10)
        if end < len(body) or fault.has_no_length or self.server.ends_quietly:
            self.close_connection = True
        if fault.is_reset:
            # A reset takes away what the client has not read yet.
            self.server.ended.wait(0.1)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _head(self, status: int, headers: dict[str, str], reason: str | None = None) -> None:
        self.send_response(status, reason)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def make_files(n_small: int = 6, n_large: int = 0, size: int = 3 << 20) -> dict[str, bytes]:
    """Return an archive in PhysioNet's form: small files, large ones, and their listing."""
    rng = np.random.default_rng(0)
    files = {f"training/g1/E{i:05d}.hea": rng.bytes(300 + i) for i in range(n_small)}
    files |= {f"large/part {i}.zip": rng.bytes(size + i) for i in range(n_large)}
    files |= {"RECORDS": b"training/g1/\n", "empty.txt": b""}
    return files | {"SHA256SUMS.txt": sums_of(files)}


def sums_of(files: dict[str, bytes]) -> bytes:
    """Return the listing of files as PhysioNet writes it, with one space."""
    lines = [f"{hashlib.sha256(content).hexdigest()} {path}" for path, content in files.items()]
    return ("\n".join(lines) + "\n").encode()


@contextmanager
def served(
    files: dict[str, bytes], context: ssl.SSLContext | None = None
) -> Iterator[ArchiveServer]:
    """Yield a running server; with a context, by https."""
    server = ArchiveServer(files)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


TEST_ARCHIVE = Archive(
    name="ludb",
    title="A test",
    version="1.0.1",
    url="http://localhost/",
    n_recordings=6,
    n_bytes=10_000,
    licence="ODC-By 1.0",
    citation="Somebody et al.",
)
"""An archive of a known name, so that tests may compare with the command."""


def archive_of(n_bytes: int) -> Archive:
    """Return the test archive with another published size."""
    return replace(TEST_ARCHIVE, n_bytes=n_bytes)


QUICK = Patience(attempts=4, first_wait=0.01, resumed_from=1 << 16)
"""For tests: a server that recovers does so at once."""
SMALL = "training/g1/E00001.hea"
LARGE = "large/part 0.zip"


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the fetched files, without what leadlens notes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".fetch" not in path.parts and path.name != "fetched.json"
    }


def assert_whole(server: ArchiveServer, tmp_path: Path) -> None:
    assert files_in(tmp_path / "out") == server.files
    marker = read_marker(tmp_path / "out")
    assert marker is not None
    assert marker.only == ()
    assert marker.n_files == len(server.files) - 1


def assert_never_called_whole(tmp_path: Path, path: str) -> None:
    assert not (tmp_path / "out" / path).exists()
    assert read_marker(tmp_path / "out") is None
