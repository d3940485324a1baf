"""An archive's files on a web server, by HTTP or HTTPS, on connections that are kept."""

import http.client
import re
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import leadlens
from leadlens.data.fetching.origins import CHUNK, Body, ChangedError, PassingError, RefusedError
from leadlens.errors import ConfigError

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_PASSING: Final = (408, 425, 429, 500, 502, 503, 504)
"""Statuses after which the same request may succeed later."""
_MOST_REDIRECTS: Final = 5
_MOST_DRAINED: Final = 1 << 16
_CONTENT_RANGE: Final = re.compile(r"bytes[ =]*(\d{1,18})-\d*/(\d{1,18}|\*)", re.ASCII)
_AS_THEY_ARE: Final = "/%:@!$&'()*+,;=~?"


@dataclass
class HttpOrigin:
    """A folder on a web server.

    Every thread keeps its connections: the Challenge's 88,253 recordings are 176,506 small files,
    and a new TLS connection costs several times a small file's own time.
    """

    base: str
    timeout: float = 30.0
    _local: threading.local = field(default_factory=threading.local)
    _context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        """Check the address and end it with a slash, so that paths lie below it."""
        try:
            parts = urlsplit(self.base)
            is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address:
            raise ConfigError(
                f"{self.base!r} is not an address (https://...); a folder is given by its path"
            )
        if parts.username is not None:
            # It would stand, with its password, in messages and in fetched.json.
            raise ConfigError(
                f"the address of {parts.hostname} holds a user's name: only open servers are "
                "asked; bring the files by other means, then give their folder"
            )
        self.base = self.base.rstrip("/") + "/"

    def describe(self) -> str:
        """Return the address."""
        return self.base

    def sizes(self, paths: list[str]) -> dict[str, int]:
        """Return nothing: a server tells the size of a file only when asked for it."""
        del paths
        return {}

    def open(self, path: str, url: str | None, offset: int, validator: str | None) -> Body:
        """Ask for a file, from `offset` on when `validator` names a version."""
        headers = {"User-Agent": f"leadlens/{leadlens.__version__}", "Accept-Encoding": "identity"}
        is_range = offset > 0 and validator is not None
        if is_range:
            # If-Range: the rest only of the same version, else the whole of the new one.
            headers |= {"Range": f"bytes={offset}-", "If-Range": str(validator)}
        try:
            response = self._follow(url or urljoin(self.base, quote(path)), headers)
        except ValueError as error:
            # A host or a port, of the listing or of a redirect, that is none.
            raise RefusedError(f"an address that cannot be understood: {error}") from error
        if response.status == 200:
            return self._body(response, 0, response.length)
        if response.status == 206 and is_range:
            start, size = _content_range(response.headers.get("Content-Range", ""))
            if start == offset and _validator(response) in (None, validator):
                if size is None and response.length is not None:
                    size = offset + response.length
                return self._body(response, offset, size)
            self._forget(response)
            raise ChangedError("the server sent another part than was asked for")
        # Not the server's own words: they may hold anything.
        reason = f"{response.status} {http.client.responses.get(response.status, '')}".strip()
        wait = _retry_after(response.headers.get("Retry-After"))
        self._forget(response)
        if response.status == 416:
            raise ChangedError(reason)
        if response.status in _PASSING:
            raise PassingError(reason, wait)
        raise RefusedError(reason)

    def _body(self, response: http.client.HTTPResponse, offset: int, size: int | None) -> Body:
        return Body(offset, size, _validator(response), self._chunks(response, response.length))

    def _chunks(self, response: http.client.HTTPResponse, left: int | None) -> Iterator[bytes]:
        """Yield the body; a connection is kept only if all of it was read."""
        is_whole = False
        try:
            while left is None or left > 0:
                # read1 gives what has come; read would lose up to a chunk when the line stalls.
                chunk = response.read1(CHUNK if left is None else min(CHUNK, left))
                if not chunk:
                    break
                left = None if left is None else left - len(chunk)
                yield chunk
            is_whole = left == 0
        except (OSError, http.client.HTTPException) as error:
            raise _passing(error, self.timeout) from error
        finally:
            response.close()
            if not is_whole:
                self.close()

    def _follow(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Return the answer to a GET, through redirects."""
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                response = self._ask(urlsplit(url), headers)
            except ssl.SSLCertVerificationError as error:
                raise RefusedError(
                    f"the certificate of {urlsplit(url).hostname} is not trusted "
                    f"({error.verify_message}): set SSL_CERT_FILE to your organisation's "
                    "certificates, or try another network"
                ) from error
            except http.client.InvalidURL as error:
                raise RefusedError(str(error)) from error
            except (OSError, http.client.HTTPException) as error:
                raise _passing(error, self.timeout) from error
            where = response.headers.get("Location")
            if response.status not in _REDIRECTS or not where:
                return response
            self._forget(response)
            target = urljoin(url, where)
            schemes = urlsplit(url).scheme, urlsplit(target).scheme
            if schemes[1] not in ("http", "https") or schemes == ("https", "http"):
                raise RefusedError(f"redirected to {target!r}, which is not https")
            url = target
        raise RefusedError(f"redirected more than {_MOST_REDIRECTS} times")

    def _ask(self, parts: SplitResult, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send one GET on this thread's connection; a kept one that has ended is renewed once."""
        kept: dict[str, http.client.HTTPConnection] = self._local.__dict__
        key = f"{parts.scheme}://{parts.netloc}"
        proxy = _proxy(parts)
        target = quote(parts.path or "/", _AS_THEY_ARE)
        target += f"?{quote(parts.query, _AS_THEY_ARE)}" if parts.query else ""
        if proxy and parts.scheme == "http":
            target, headers = f"{key}{target}", headers | _credentials(proxy)
        for is_kept in (True, False):
            connection = kept.get(key) if is_kept else self._connect(parts, proxy)
            if connection is None:
                continue
            try:
                connection.request("GET", target, headers=headers)
                kept[key] = connection
                return connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                kept.pop(key, None)
                if not is_kept or isinstance(error, TimeoutError):
                    raise
        raise http.client.NotConnected(key)

    def _connect(self, parts: SplitResult, proxy: SplitResult | None) -> http.client.HTTPConnection:
        """Return a new connection, through the machine's proxy where it has one."""
        near = proxy or parts
        port = near.port or (443 if near.scheme == "https" and not proxy else 80)
        host = near.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self.timeout)
        self._context = self._context or ssl.create_default_context()
        secure = http.client.HTTPSConnection(
            host, port, timeout=self.timeout, context=self._context
        )
        if proxy:
            secure.set_tunnel(parts.hostname or "", parts.port or 443, _credentials(proxy))
        return secure

    def _forget(self, response: http.client.HTTPResponse) -> None:
        """Read the rest of an answer that nobody needs if it is short, else end its connection."""
        try:
            is_read = len(response.read(_MOST_DRAINED)) < _MOST_DRAINED and response.isclosed()
        except (OSError, http.client.HTTPException):
            is_read = False
        response.close()
        if not is_read:
            self.close()

    def close(self) -> None:
        """Close this thread's connections."""
        for connection in self._local.__dict__.values():
            connection.close()
        self._local.__dict__.clear()


def _passing(error: OSError | http.client.HTTPException, timeout: float) -> PassingError:
    """Return what went wrong on the line, in words."""
    if isinstance(error, TimeoutError):
        return PassingError(f"nothing came for {timeout:g} s")
    if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected):
        return PassingError("the server ended the connection")
    if isinstance(error, http.client.HTTPException):
        return PassingError(f"an answer that is not HTTP ({error!r:.80})")
    return PassingError(error.strerror or str(error) or type(error).__name__)


def _validator(response: http.client.HTTPResponse) -> str | None:
    """Return what names this version of the file: a strong ETag, else the date of change."""
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _content_range(text: str) -> tuple[int | None, int | None]:
    """Return the first byte and the whole size of "bytes 5-9/10", which may be a star."""
    found = _CONTENT_RANGE.fullmatch(text.strip())
    if not found:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])


def _retry_after(text: str | None) -> float | None:
    """Return the seconds that Retry-After asks for, given as such or as a date."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _proxy(parts: SplitResult) -> SplitResult | None:
    """Return the proxy that the machine's settings name for an address (https_proxy, no_proxy)."""
    given = getproxies().get(parts.scheme)
    if not given or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return urlsplit(given if "://" in given else f"http://{given}")


def _credentials(proxy: SplitResult) -> dict[str, str]:
    """Return the header for a proxy with a user and a password in its address."""
    if proxy.username is None:
        return {}
    word = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(word.encode()).decode()}"}
