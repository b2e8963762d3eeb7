"""How AWS checks send: under botocore, in place of its own transport; bounded in time and size, once a call.

A handler of botocore's event `before-send` that answers with a response takes the place of sending. So the
signed request stays botocore's, while look-up, address, deadline and limits are ours.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection

from avnz_int import __version__
from avnz_int.clock import elapsed_ms
from avnz_int.model.enums import CheckCode
from avnz_int.providers import _hosts
from avnz_int.providers._aws_keys import host_of
from avnz_int.providers._replies import TRY_AGAIN, CheckEndedError, ended

LIMIT = 1024 * 1024
"""Most bytes of a body."""

_CHUNK = 64 * 1024
# A document type or entity: a web page, or XML that could grow without limit when it is read. AWS sends none.
_PAGE = re.compile(rb"<!(?:doctype|entity)|<html\b", re.IGNORECASE)


class UnknownHostError(CheckEndedError):
    """A check ends because a host's name cannot be resolved."""


class ElsewhereError(CheckEndedError):
    """A check ends because the answer was to ask elsewhere."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is known of an answer beside its body: `headers` is lower-case name -> value."""

    status: int
    headers: Mapping[str, str]
    latency_ms: int | None


@dataclass(slots=True)
class Wire:
    """The transport of one call.

    Attributes:
        who: the service in messages.
        deadline: `time.monotonic()` at which every exchange ends.
        timeout_s: the whole check's time, for messages.
        allow: None for hosts of AWS and of the operator; else a user named the host, so that it must be a
            public one, or one of these.
        proxies: whether the environment's proxies serve; never for hosts that a user or the operator named.
        bundle: a file or folder of certificates in place of the usual ones.
        api_key: what an unsigned request shows in place of a signature; botocore would not show one to a mock
            on this machine.
        last: the latest answer.
    """

    who: str
    deadline: float
    timeout_s: float
    allow: Sequence[str] | None = None
    proxies: bool = True
    bundle: str | None = None
    api_key: str = field(default="", repr=False)
    last: Exchange | None = None
    _sent: bool = field(default=False, init=False)

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """The response to `request`, as botocore's event `before-send` wants it.

        Raises:
            CheckEndedError: there is none, or none that AWS can have sent.
        """
        if self._sent:
            # botocore's S3 client would follow a bucket into another region, against the settings.
            words = f"{self.who} redirects elsewhere, which is not followed: is a proxy in between?"
            raise ElsewhereError(ended(CheckCode.UNEXPECTED_REPLY, words).report)
        self._sent = True
        url = str(request.url)
        host = host_of(url)
        began = time.perf_counter()
        sockets = _Sockets(self.deadline)
        try:
            with sockets:
                status, named, body = self._exchange(request, url, sockets)
        except _hosts.RefusedHostError as error:
            raise CheckEndedError(_hosts.refused_report(error, who=self.who, host=host)) from None
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as exc:
            # From None: a message of urllib3 may repeat the request.
            raise self._failure(exc, host, late=sockets.late) from None
        headers = {name.lower(): value for name, value in named.items()}
        self.last = Exchange(status, headers, elapsed_ms(began))
        return self._answer(url, status, headers, body)

    def _exchange(
        self, request: AWSPreparedRequest, url: str, sockets: _Sockets
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self.allow is not None:
            _hosts.check_url(url, self.allow)
        pool = _pool(url, self.bundle, get_environ_proxies(url) if self.proxies else {})
        # urllib3 reads the class from the pool: each connection knows who opens it and until when.
        kind = HTTPSConnection if pool.scheme == "https" else HTTPConnection
        members = {"sockets": sockets, "allow": self.allow}
        pool.ConnectionCls = type("_Connection", (_Connection, kind), members)
        parts = urlsplit(url)
        with contextlib.closing(pool):
            response = pool.urlopen(
                request.method,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                body=cast("bytes | str | None", request.body),
                headers={**dict(request.headers.items()), **self._own_headers()},
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=max(0.01, sockets.left()),
                preload_content=False,
                decode_content=False,
            )
            try:
                return response.status, response.headers, _body(response, sockets)
            finally:
                response.close()

    def _own_headers(self) -> dict[str, str]:
        own = {"User-Agent": f"avnz-int/{__version__}"}
        return {**own, "Authorization": f"Bearer {self.api_key}"} if self.api_key else own

    def _answer(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> AWSResponse:
        # NUL: what UTF-16 would put between the letters. The content's type tells nothing: some stores send
        # their XML as HTML.
        if _PAGE.search(body.replace(b"\0", b"")):
            if status < 500 and status != 429:
                raise ended(
                    CheckCode.UNEXPECTED_REPLY,
                    f"{self.who} answered with a web page (HTTP {status}): is a proxy or a login in between?",
                )
            body = b""
        return AWSResponse(url, status, cast("Any", headers), _Raw(body))

    def _failure(self, exc: Exception, host: str, *, late: bool) -> CheckEndedError:
        who, chain = f"{self.who} ({host})", list(_chain(exc))

        def any_of(*kinds: type[BaseException]) -> bool:
            return any(isinstance(link, kinds) for link in chain)

        if late or any_of(TimeoutError, urllib3.exceptions.TimeoutError):
            return ended(
                CheckCode.TIMEOUT, f"{who} gave no whole answer within {self.timeout_s:g} s: {TRY_AGAIN}"
            )
        if any_of(_TooLongError):
            return ended(
                CheckCode.UNEXPECTED_REPLY,
                f"{who} sent a reply that is longer than {LIMIT} bytes: is a proxy in between?",
            )
        if any_of(ssl.SSLError):
            return ended(
                CheckCode.TLS,
                f"no trusted TLS connection to {who}: its certificate or protocol was not accepted; an "
                "intercepting proxy's certificate goes into AWS_CA_BUNDLE",
            )
        if any_of(socket.gaierror):
            unknown = ended(
                CheckCode.NETWORK, f"the name of {who} cannot be resolved: check region, network and DNS"
            )
            return UnknownHostError(unknown.report)
        if any_of(http.client.RemoteDisconnected, ConnectionError):
            return ended(CheckCode.NETWORK, f"{who} closed or refused the connection: {TRY_AGAIN}")
        if any_of(http.client.HTTPException, urllib3.exceptions.ProtocolError, ValueError):
            return ended(
                CheckCode.UNEXPECTED_REPLY,
                f"{who} sent something that is not a whole HTTP reply: is a proxy in between?",
            )
        return ended(
            CheckCode.NETWORK, f"no connection to {who}: check network, firewall and proxy, then try again"
        )


class _TooLongError(OSError):
    """The body is over the limit."""


class _Raw:
    """A body that is here already, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """All of it."""
        yield self._body


class _Sockets:
    """The connections of one exchange, all of them ended at its deadline.

    A socket's own timeout starts anew with each byte: a server that drips would never be late.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(0.0, self.left()), self._end)
        self._timer.daemon = True
        self.late = False

    def left(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - time.monotonic()

    def keep(self, connected: socket.socket) -> None:
        """Watch over a connection; a duplicate, since TLS takes the socket itself away."""
        with self._lock:
            self._open.append(connected.dup())

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for duplicate in self._open:
                duplicate.close()
            self._open.clear()

    def _end(self) -> None:
        self.late = True
        with self._lock:
            for duplicate in self._open:
                with contextlib.suppress(OSError):
                    duplicate.shutdown(socket.SHUT_RDWR)


class _Connection:
    """Mixed into urllib3's connections: connects to the addresses that were looked up and checked, once."""

    sockets: _Sockets
    allow: Sequence[str] | None
    host: str
    port: int

    def _new_conn(self) -> socket.socket:
        if self.allow is None:
            rows = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
        else:
            addresses = _hosts.resolve(self.host, self.port, self.allow)
        for tried, address in enumerate(addresses, start=1):
            share = max(0.01, self.sockets.left() / (len(addresses) - tried + 1))
            try:
                connected = socket.create_connection((address, self.port), timeout=share)
            except OSError:
                if tried == len(addresses):
                    raise
            else:
                self.sockets.keep(connected)
                return connected
        raise socket.gaierror(socket.EAI_NONAME, "no address")


def _pool(url: str, bundle: str | None, proxies: Mapping[str, str]) -> urllib3.HTTPConnectionPool:
    secure = urlsplit(url).scheme == "https"
    options: dict[str, Any] = {"ssl_context": _tls(bundle or str(get_cert_path(True)))} if secure else {}
    proxy = proxies.get("https" if secure else "http")
    if proxy is None:
        return urllib3.connection_from_url(url, **options)
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        manager = urllib3.ProxyManager(
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            proxy_headers=urllib3.util.make_headers(proxy_basic_auth=login) if login else None,
            **options,
        )
        return manager.connection_from_url(url)
    except (ValueError, urllib3.exceptions.HTTPError):
        raise ended(
            CheckCode.NETWORK, "the proxy that HTTPS_PROXY names cannot be used: correct or unset it"
        ) from None


@lru_cache(maxsize=4)
def _tls(bundle: str) -> ssl.SSLContext:
    """The TLS settings; kept, as reading the certificates takes some 10 ms."""
    folder = Path(bundle).is_dir()
    try:
        context = ssl.create_default_context(
            cafile=None if folder else bundle, capath=bundle if folder else None
        )
    except OSError:
        raise ended(CheckCode.TLS, "the certificates that AWS_CA_BUNDLE names cannot be read") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _body(response: urllib3.BaseHTTPResponse, sockets: _Sockets) -> bytes:
    body = bytearray()
    for chunk in response.stream(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > LIMIT:
            raise _TooLongError
    if sockets.late:
        # A connection that was cut looks like the end of a body of no stated length.
        raise TimeoutError
    return bytes(body)


def _chain(exc: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[object] = [exc]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            # urllib3 keeps the cause among the arguments as well.
            waiting += [link.__cause__, link.__context__, *link.args]
