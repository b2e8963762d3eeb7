"""What an exchange that failed is called: by the most specific thing known about it, never by its text."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

import httpx

from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers._replies import TRY_AGAIN
from avnz_int.providers.contract import CheckReport


class BadReplyError(Exception):
    """The reply breaks HTTP or our limits; the argument says how, in our own words."""


def failure_report(exc: Exception, *, who: str, host: str, timeout_s: float) -> CheckReport:
    """The report of an exchange that failed: what, where, and what to do next."""
    if isinstance(exc, BadReplyError):
        return unreachable(
            CheckCode.UNEXPECTED_REPLY, f"{who} ({host}) sent a reply that {exc}: is a proxy in between?"
        )
    # What a timeout interrupted (a handshake, a look-up) is not what went wrong.
    links = [] if isinstance(exc, TimeoutError | httpx.TimeoutException) else chain(exc)
    if any(tls_fault(link) for link in links):
        return unreachable(
            CheckCode.TLS,
            f"no trusted TLS connection to {who} ({host}): its certificate or protocol was not accepted; "
            "an intercepting proxy's certificate goes into SSL_CERT_FILE",
        )
    if any(isinstance(link, socket.gaierror) for link in links):
        return unreachable(
            CheckCode.NETWORK, f"the name of {who} ({host}) cannot be resolved: check network and DNS"
        )
    for kind in type(exc).__mro__:
        if kind in _FAILURES:
            outcome, code, words = _FAILURES[kind]
            break
    else:
        outcome, code, words = _NOT_HTTP
    if isinstance(exc, httpx.RemoteProtocolError) and not any(_from_parser(link) for link in links):
        outcome, code, words = _CLOSED
    return CheckReport(outcome, code, words.format(who=f"{who} ({host})", timeout=f"{timeout_s:g} s"))


def unreachable(code: CheckCode, message: str) -> CheckReport:
    """The report that nothing is known about the credentials."""
    return CheckReport(Outcome.UNREACHABLE, code, message)


_NOT_HTTP = (
    Outcome.UNREACHABLE,
    CheckCode.UNEXPECTED_REPLY,
    "{who} sent something that is not a whole HTTP reply: is a proxy in between?",
)
_CLOSED = (
    Outcome.UNREACHABLE,
    CheckCode.NETWORK,
    f"{{who}} closed the connection without an answer: {TRY_AGAIN}",
)
_SLOW = (
    Outcome.UNREACHABLE,
    CheckCode.TIMEOUT,
    f"{{who}} gave no whole answer within {{timeout}}: {TRY_AGAIN}",
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


def chain(exc: BaseException) -> list[BaseException]:
    """An exception and what it was raised from, each once."""
    links = [exc]
    while (link := links[-1].__cause__ or links[-1].__context__) is not None and link not in links:
        links.append(link)
    return links


def tls_fault(exc: BaseException) -> bool:
    """Whether TLS itself failed; waiting for the next bytes of a handshake is an SSLError too."""
    return isinstance(exc, ssl.SSLError) and not isinstance(exc, ssl.SSLWantReadError | ssl.SSLWantWriteError)


def _from_parser(exc: BaseException) -> bool:
    """Whether the HTTP parser below httpx found fault with bytes; without any bytes it is not asked."""
    return type(exc).__module__.partition(".")[0] == "h11"


def host_of(url: str) -> str:
    """The host of an address, for messages."""
    try:
        return httpx.URL(url).host or "no host"
    except httpx.InvalidURL:
        return "no host"
