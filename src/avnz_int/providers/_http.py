"""One HTTP exchange of a check: bounded in time and size, no redirects, every failure a report.

Called by provider modules only. No text of a reply, an exception or a proxy setting reaches a message.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import httpx

from avnz_int import __version__
from avnz_int.clock import elapsed_ms
from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.providers.endpoints import check_endpoint

# At INFO httpx logs whole URLs, at DEBUG httpcore logs headers.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

LIMIT = 1024 * 1024
"""Most bytes of a reply's body, as sent and as decoded."""

# The registry ends a check at its whole deadline; ending a little before lets the report name the host.
_SHARE = 0.95
# httpcore closes the socket of a TLS handshake that its own timeout ends, not of one that is cancelled.
_CONNECT_SHARE = 0.9
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_TRY_AGAIN = "try again later"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        headers: lower-case name -> value.
        body: decoded (gzip, deflate), at most the limit asked for.
        latency_ms: from before the connection to the last byte.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: int


class BadReplyError(Exception):
    """The reply breaks HTTP or our limits; the argument says how, in our own words."""


def target(request: CheckRequest, own: str) -> str:
    """Where to send: the provider's `own` URL, or the operator's endpoint.

    Raises:
        UsageError: the operator's endpoint is not allowed.
    """
    return own if request.endpoint is None else check_endpoint(request.endpoint)


async def send(
    request: CheckRequest,
    method: str,
    url: str,
    *,
    who: str,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    limit: int = LIMIT,
) -> Reply | CheckReport:
    """The reply to one request, or the report of why there is none.

    Proxies of the environment (`HTTPS_PROXY`) serve the provider's own hosts, never an operator's endpoint;
    `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured for both.

    Args:
        request: the check this belongs to.
        method: HTTP method.
        url: where to, as `target` gave it.
        who: the provider's name in messages.
        content: the body.
        headers: added to ours.
        timeout_s: deadline of the whole exchange, default that of the check.
        limit: most bytes of the body.
    """
    deadline_s = request.timeout_s if timeout_s is None else timeout_s
    try:
        client = _client(deadline_s, proxies=request.endpoint is None)
    except OSError:
        return _unreachable(
            CheckCode.TLS, f"{who}: the certificates that SSL_CERT_FILE or SSL_CERT_DIR name cannot be read"
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        return _unreachable(
            CheckCode.NETWORK,
            f"{who}: the proxy that HTTPS_PROXY or ALL_PROXY names cannot be used: correct or unset it",
        )
    began = time.perf_counter()
    try:
        async with (
            asyncio.timeout(deadline_s * _SHARE),
            client,
            client.stream(method, url, content=content, headers=headers) as response,
        ):
            body = await _body(response, limit)
    except (httpx.HTTPError, httpx.InvalidURL, BadReplyError, OSError, UnicodeError) as exc:
        return failure_report(exc, who=who, host=_host(url), timeout_s=deadline_s)
    named = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, named, body, elapsed_ms(began))


def failure_report(exc: Exception, *, who: str, host: str, timeout_s: float) -> CheckReport:
    """The report of an exchange that failed: by the most specific thing known about it, never by its text."""
    if isinstance(exc, BadReplyError):
        return _unreachable(
            CheckCode.UNEXPECTED_REPLY, f"{who} ({host}) sent a reply that {exc}: is a proxy in between?"
        )
    # What a timeout interrupted (a handshake, a look-up) is not what went wrong.
    chain = [] if isinstance(exc, TimeoutError | httpx.TimeoutException) else _chain(exc)
    if any(_tls_fault(link) for link in chain):
        return _unreachable(
            CheckCode.TLS,
            f"no trusted TLS connection to {who} ({host}): its certificate or protocol was not accepted; "
            "an intercepting proxy's certificate goes into SSL_CERT_FILE",
        )
    if any(isinstance(link, socket.gaierror) for link in chain):
        return _unreachable(
            CheckCode.NETWORK, f"the name of {who} ({host}) cannot be resolved: check network and DNS"
        )
    for kind in type(exc).__mro__:
        if kind in _FAILURES:
            outcome, code, words = _FAILURES[kind]
            break
    else:
        outcome, code, words = _NOT_HTTP
    if isinstance(exc, httpx.RemoteProtocolError) and not any(_from_parser(link) for link in chain):
        outcome, code, words = _CLOSED
    return CheckReport(outcome, code, words.format(who=f"{who} ({host})", timeout=f"{timeout_s:g} s"))


def status_report(reply: Reply, *, who: str) -> CheckReport | None:
    """The report of a reply that says nothing about credentials, or None if it has to be read.

    429 is `rate_limited`, 500 and above `provider_down`; a redirect or an HTML page is `unexpected_reply`.
    """
    code, words = None, ""
    if reply.status == 429:
        wait = reply.headers.get("retry-after", "")
        after = f"in {wait} s" if wait.isascii() and wait.isdigit() and len(wait) < 6 else "later"
        code, words = CheckCode.RATE_LIMITED, f"{who} takes no more requests now: try again {after}"
    elif reply.status >= 500:
        code, words = CheckCode.PROVIDER_DOWN, f"{who} is out of order (HTTP {reply.status}): {_TRY_AGAIN}"
    elif 300 <= reply.status < 400:
        code, words = (
            CheckCode.UNEXPECTED_REPLY,
            f"{who} redirects elsewhere, which is not followed: is a proxy in between?",
        )
    elif _is_html(reply):
        code, words = (
            CheckCode.UNEXPECTED_REPLY,
            f"{who} answered with a web page: is a proxy or a login page in between?",
        )
    if code is None:
        return None
    return CheckReport(Outcome.UNREACHABLE, code, words, reply.latency_ms, f"HTTP {reply.status}")


def _client(deadline_s: float, *, proxies: bool) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=_tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        trust_env=proxies,
        follow_redirects=False,
        # The deadline around the whole exchange does the rest: bytes that drip do not extend that one.
        timeout=httpx.Timeout(None, connect=deadline_s * _CONNECT_SHARE),
        headers={"User-Agent": f"avnz-int/{__version__}", "Accept-Encoding": "identity"},
    )


@lru_cache(maxsize=4)
def _tls(_cert_file: str | None, _cert_dir: str | None) -> ssl.SSLContext:
    """The TLS settings; kept for each value of the variables that httpx reads, as loading takes 10 ms."""
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _body(response: httpx.Response, limit: int) -> bytes:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise BadReplyError("is encoded in a way that was not asked for")
    # Not httpx's own decoding: it inflates 64 KiB at a time into as many MiB before we could look.
    inflate = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding not in {"", "identity"} else None
    raw, body = 0, bytearray()
    async for chunk in response.aiter_raw():
        raw += len(chunk)
        try:
            body += inflate.decompress(chunk, limit + 1 - len(body)) if inflate else chunk
        except zlib.error:
            raise BadReplyError("is not compressed as it claims") from None
        if max(raw, len(body)) > limit:
            raise BadReplyError(f"is longer than {limit} bytes")
    if inflate and raw and not inflate.eof:
        raise BadReplyError("ends in the middle")
    return bytes(body)


def _unreachable(code: CheckCode, message: str) -> CheckReport:
    return CheckReport(Outcome.UNREACHABLE, code, message)


_NOT_HTTP = (
    Outcome.UNREACHABLE,
    CheckCode.UNEXPECTED_REPLY,
    "{who} sent something that is not a whole HTTP reply: is a proxy in between?",
)
_CLOSED = (
    Outcome.UNREACHABLE,
    CheckCode.NETWORK,
    f"{{who}} closed the connection without an answer: {_TRY_AGAIN}",
)
_SLOW = (
    Outcome.UNREACHABLE,
    CheckCode.TIMEOUT,
    f"{{who}} gave no whole answer within {{timeout}}: {_TRY_AGAIN}",
)
_LOST = (
    Outcome.UNREACHABLE,
    CheckCode.NETWORK,
    "no connection to {who}, or it broke: check network, firewall and proxy, then try again",
)
_UNSENDABLE = (
    Outcome.INVALID_CONFIG,
    CheckCode.INVALID_CONFIG,
    "nothing was sent to {who}: a field holds characters that cannot stand in an HTTP request or address",
)
_FAILURES: Mapping[type, tuple[Outcome, CheckCode, str]] = {
    TimeoutError: _SLOW,
    httpx.TimeoutException: _SLOW,
    OSError: _LOST,
    httpx.TransportError: _LOST,
    httpx.ProtocolError: _NOT_HTTP,
    httpx.DecodingError: _NOT_HTTP,
    httpx.LocalProtocolError: _UNSENDABLE,
    httpx.UnsupportedProtocol: _UNSENDABLE,
    httpx.InvalidURL: _UNSENDABLE,
    UnicodeError: _UNSENDABLE,
}


def _chain(exc: BaseException) -> list[BaseException]:
    links = [exc]
    while (link := links[-1].__cause__ or links[-1].__context__) is not None and link not in links:
        links.append(link)
    return links


def _tls_fault(exc: BaseException) -> bool:
    """Whether TLS itself failed; waiting for the next bytes of a handshake is an SSLError too."""
    return isinstance(exc, ssl.SSLError) and not isinstance(exc, ssl.SSLWantReadError | ssl.SSLWantWriteError)


def _from_parser(exc: BaseException) -> bool:
    """Whether the HTTP parser below httpx found fault with bytes; without any bytes it is not asked."""
    return type(exc).__module__.partition(".")[0] == "h11"


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host or "no host"
    except httpx.InvalidURL:
        return "no host"


def _is_html(reply: Reply) -> bool:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in {"text/html", "application/xhtml+xml"} or reply.body.lstrip()[:1] == b"<"
