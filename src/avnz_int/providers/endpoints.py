"""What the operator may put in place of a provider's own address (`AVNZ_INT_ENDPOINT_<PROVIDER>`)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from avnz_int.errors import UsageError

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_HINT = "give an address like https://proxy.example.com, or http://127.0.0.1:8080 for a mock on this machine"


def check_endpoint(url: str, *, variable: str | None = None) -> str:
    """`url`, if credentials may be sent there: https anywhere, http to loopback only.

    The messages never repeat the address, which may hold a password.

    Args:
        url: base URL; a path is kept, nothing may follow it.
        variable: name of the environment variable that holds it, for the message.

    Raises:
        UsageError: not a URL, another scheme, http to elsewhere, user information, a query or a fragment.
    """
    what = variable or "the endpoint that replaces the provider's own"
    problem = _problem(url)
    if problem is not None:
        raise UsageError(f"{what} {problem}", hint=_HINT)
    return url


@lru_cache(maxsize=64)
def _problem(url: str) -> str | None:
    # urlsplit drops tabs and line ends instead of refusing them; a backslash is read as / by some.
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        return "is empty or holds spaces or characters that no URL has"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in {"http", "https"}:
        return "is not an https URL"
    if not host or port == 0 or not _well_formed(host):
        return "has no usable host and port"
    return _forbidden(parts, host)


def _forbidden(parts: SplitResult, host: str) -> str | None:
    if "@" in parts.netloc:
        return "holds a user name or password, which would be logged on the way"
    if parts.query or parts.fragment:
        return "has a query or fragment; only host, port and path may be replaced"
    if parts.scheme == "http" and not _loopback(host):
        return "is http to another machine: credentials would cross the network unencrypted"
    return None


def _well_formed(host: str) -> bool:
    if ":" in host:
        return _address(host) is not None
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback
