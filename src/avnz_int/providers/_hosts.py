"""Which hosts that a user names may be spoken to: public ones, and those that the operator vouches for.

Standard library only, so that checks through an SDK use the same rules as those through HTTP.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers.contract import CheckReport
from avnz_int.settings import AllowedHost, allowed_host

Address = IPv4Address | IPv6Address

_HTTPS = 443
# Below these only 443 speaks HTTPS; above them some that listen for lines would read a request as commands.
_FIRST_FREE_PORT = 1024
_LINE_PORTS = frozenset(
    {1719, 1720, 1723, 2049, 3306, 3659, 4045, 4190, 5060, 5061, 5432, 6000, 6379, 6566, 10080, 11211, 27017}
    | set(range(6665, 6670))
    | {6697}
)

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
# What a resolver reads as a number, so that 127.1, 0x7f000001 and 017700000001 are addresses to it.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)

# Written out, as `is_global` differs between versions of Python and calls multicast global.
_NOT_PUBLIC_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's agent for its machines, a public number that only they reach
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
# Inside it: protocol assignments (Teredo, benchmarking, ORCHID), documentation, 6to4.
_NOT_PUBLIC_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64 = IPv6Network("64:ff9b::/96")
# Machines ask these about themselves, credentials included: a name in the list of the operator, whose
# records somebody else may write, does not open them; the address itself does.
_BY_ADDRESS_ONLY = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("168.63.129.16/32"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("192.0.0.192/32"),
    IPv4Network("224.0.0.0/3"),
    IPv6Network("::/128"),
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::/32"),
    IPv6Network("fd20:ce::254/128"),
    IPv6Network("ff00::/8"),
)


class RefusedHostError(Exception):
    """Nothing may be sent to this host; the argument says why, in our own words and without an address.

    Attributes:
        allowable: whether an entry of the operator's list would change that.
    """

    def __init__(self, why: str, *, allowable: bool = False) -> None:
        super().__init__(why)
        self.allowable = allowable


def check_url(url: str, allow: Sequence[str] = ()) -> None:
    """Refuse a user's address whose form alone rules it out; `resolve` looks at the rest.

    Raises:
        RefusedHostError: not https, user information, a fragment, or no host and port that may be used.
    """
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise RefusedHostError("is empty or holds spaces or characters that no address has")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RefusedHostError("is not an address") from None
    if parts.scheme != "https":
        raise RefusedHostError("is not an https address")
    if "@" in parts.netloc:
        raise RefusedHostError("holds a user name or password")
    if "#" in url:
        raise RefusedHostError("has a fragment")
    check_name(host or "", _HTTPS if port is None else port, allow)


def check_name(host: str, port: int, allow: Sequence[str] = ()) -> None:
    """Refuse a `host` that is no name or plainly written IP address, and a `port` that is none for HTTPS.

    Raises:
        RefusedHostError: it is neither, or a port of other services.
    """
    if _address(host) is None:
        labels = host.split(".")
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
            raise RefusedHostError("names no host: write it in plain letters, digits, hyphens and dots")
        if _NUMBER.fullmatch(labels[-1]):
            raise RefusedHostError("is an IP address in disguise: write the host's name")
    usual = port == _HTTPS or (port >= _FIRST_FREE_PORT and port not in _LINE_PORTS)
    if not usual and not any(only == port and _fits(entry, host) for entry, only in _entries(allow)):
        raise RefusedHostError("names a port that is not for HTTPS", allowable=True)


def resolve(host: str, port: int, allow: Sequence[str] = ()) -> list[str]:
    """The addresses to connect to, every one of them allowed; blocks while the name is looked up.

    Raises:
        RefusedHostError: the name or one of its addresses is not allowed.
        socket.gaierror: the name is unknown, or there is no name service.
    """
    check_name(host, port, allow)
    return _checked(host, port, socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), allow)


async def resolve_async(host: str, port: int, allow: Sequence[str] = ()) -> list[str]:
    """As `resolve`, off the event loop.

    Raises:
        RefusedHostError: the name or one of its addresses is not allowed.
        socket.gaierror: the name is unknown, or there is no name service.
    """
    check_name(host, port, allow)
    loop = asyncio.get_running_loop()
    return _checked(host, port, await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), allow)


def refused_report(error: RefusedHostError, *, who: str, host: str) -> CheckReport:
    """The report of a host that may not be spoken to; no address of it is told."""
    meant = (
        "; if this is meant, the operator of this machine names it in AVNZ_INT_ALLOW_HOSTS"
        if error.allowable
        else ""
    )
    return CheckReport(
        Outcome.INVALID_CONFIG,
        CheckCode.INVALID_CONFIG,
        f"nothing was sent to {who}: the address in the configuration ({host}) {error}{meant}",
    )


def _checked(host: str, port: int, found: Iterable[tuple[Any, ...]], allow: Sequence[str]) -> list[str]:
    """The addresses of a look-up's rows, each once, in order: all of them are allowed, or none is used."""
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    entries = _entries(allow)
    for text in addresses:
        address = ip_address(text)
        inner = _inner(address)
        if not _is_public(inner) and not _vouched(host, port, (address, inner), entries):
            raise RefusedHostError("is, or leads to, an address that is not public", allowable=True)
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return addresses


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)


def _inner(address: Address) -> Address:
    """The IPv4 address that a mapped or a NAT64 address leads to, else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _vouched(host: str, port: int, addresses: Iterable[Address], entries: Iterable[AllowedHost]) -> bool:
    by_name = not any(address in network for address in addresses for network in _BY_ADDRESS_ONLY)
    for entry, only in entries:
        if only not in {None, port}:
            continue
        if isinstance(entry, str):
            if by_name and _fits(entry, host):
                return True
        elif any(address in entry for address in addresses):
            return True
    return False


def _fits(entry: str | IPv4Network | IPv6Network, host: str) -> bool:
    if isinstance(entry, str):
        return entry == host.lower()
    address = _address(host)
    return address is not None and address in entry


def _entries(allow: Sequence[str]) -> list[AllowedHost]:
    return [allowed_host(entry) for entry in allow]


def _address(host: str) -> Address | None:
    if "%" in host:  # a zone of this machine
        return None
    try:
        return ip_address(host)
    except ValueError:
        return None
