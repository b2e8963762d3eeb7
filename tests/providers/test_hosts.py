"""Which hosts of users may be spoken to: every spelling, every kind of address, and the operator's list."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.errors import UsageError
from avnz_int.providers import _hosts
from avnz_int.providers._hosts import RefusedHostError
from avnz_int.settings import Settings, allowed_host

PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.1.2.3
    168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.8 192.0.0.192
    192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
    64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 100::1 2001::1 2001:0:7f00:1::
    2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1:: 2002:808:808:: 3fff::1 5f00::1
    fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""
PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 168.63.129.15
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 198.17.255.255
    198.20.0.0 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::808:808 2001:200::1 2001:4860:4860::8888
    2606:4700::1111 2a00:1450:4001::1
"""

Lookup = Callable[..., None]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; those that carry another stand for that one."""
    return _hosts._is_public(_hosts._inner(ipaddress.ip_address(address)))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Lookup:
    """Makes every look-up find these addresses."""

    def put(*addresses: str) -> None:
        def getaddrinfo(_host: str, port: int, *_args: object, **_more: object) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return put


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private(address: str) -> None:
    """Addresses that are not of the public internet are told as such, whatever they are wrapped in."""
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public(address: str) -> None:
    """The neighbours of every private block are public."""
    assert is_public(address)


@given(st.ip_addresses())
def test_never_more_than_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """What Python calls not global, or multicast, is never public here."""
    if is_public(str(address)):
        inner = getattr(address, "ipv4_mapped", None) or address
        assert inner.is_global
        assert not inner.is_multicast


@given(st.ip_addresses(v=4))
def test_wrapped(address: ipaddress.IPv4Address) -> None:
    """IPv4 inside a mapped or NAT64 address is judged as itself; 6to4 and Teredo are never public."""
    number, expected = int(address), is_public(str(address))
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        wrapped = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number)
        assert expected == is_public(str(wrapped))
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))))
    assert not is_public(str(ipaddress.IPv6Address((0x20010000 << 96) | number)))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "//example.com/",
        "example.com",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://@example.com/",
        "https://example.com/#there",
        "https://example.com#@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://exa mple.com/",
        "https://example.com/\n",
        "https://exa\tmple.com/",
        "https://example.com./",
        "https://example..com/",
        "https://-example.com/",
        "https://" + "a" * 64 + ".com/",
        "https://" + "a." * 127 + "com/",
        "https://ex%61mple.com/",
        "https://127%2e0.0.1/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://b\u00fccher.example/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://127.0.0.1./",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://example.0x/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://[example.com]/",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:6379/",
        "https://example.com:65536/",
        "https://example.com:x/",
        "",
    ],
)
def test_bad_forms(url: str) -> None:
    """Whatever is not plainly an https address of a named host is refused before anything is looked up."""
    with pytest.raises(RefusedHostError) as caught:
        _hosts.check_url(url)
    assert "127" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://EXAMPLE.com/a/b?c=d",
        "https://xn--bcher-kva.example/",
        "https://a_b.example.com:8443/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:443/",
    ],
)
def test_good_forms(url: str) -> None:
    """Plain https addresses have nothing against them in their form."""
    _hosts.check_url(url)


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "017700000001", "127.1"])
def test_numbers(spelling: str) -> None:
    """What the resolver of this machine reads as an address is refused as a name."""
    assert "127.0.0.1" == socket.getaddrinfo(spelling, 443, type=socket.SOCK_STREAM)[0][4][0]
    with pytest.raises(RefusedHostError, match="in disguise"):
        _hosts.resolve(spelling, 443)


def test_all_addresses_count(names: Lookup) -> None:
    """One private address among a name's public ones is enough to refuse it, without telling which."""
    names("8.8.8.8", "10.1.2.3", "1.1.1.1")
    with pytest.raises(RefusedHostError) as caught:
        _hosts.resolve("example.com", 443)
    assert caught.value.allowable
    assert "10.1" not in str(caught.value)


def test_order(names: Lookup) -> None:
    """Public addresses come back in the resolver's order, each once."""
    names("8.8.8.8", "2606:4700::1111", "8.8.8.8")
    assert ["8.8.8.8", "2606:4700::1111"] == _hosts.resolve("example.com", 443)


def test_no_addresses(names: Lookup) -> None:
    """A name without addresses is unknown."""
    names()
    with pytest.raises(socket.gaierror):
        _hosts.resolve("example.com", 443)


@pytest.mark.parametrize(
    ("entry", "address", "allowed"),
    [
        ("sentry.internal", "10.0.7.15", True),
        ("SENTRY.internal", "fd12::1", True),
        ("sentry.internal:8443", "10.0.7.15", True),
        ("sentry.internal:443", "10.0.7.15", False),
        ("other.internal", "10.0.7.15", False),
        ("internal", "10.0.7.15", False),
        ("10.0.7.15", "10.0.7.15", True),
        ("10.0.7.15:8443", "10.0.7.15", True),
        ("10.0.7.15:9443", "10.0.7.15", False),
        ("10.0.0.0/8", "10.0.7.15", True),
        ("10.0.0.0/8", "::ffff:10.0.7.15", True),
        ("10.0.0.0/8", "11.0.0.1", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("fd12::/16", "fd12::1", True),
        ("[fd12::1]:8443", "fd12::1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("sentry.internal", "127.0.0.1", True),
        ("sentry.internal", "169.254.169.254", False),
        ("sentry.internal", "::ffff:169.254.169.254", False),
        ("sentry.internal", "fd00:ec2::254", False),
        ("sentry.internal", "0.0.0.0", False),
        ("sentry.internal", "224.0.0.1", False),
        ("169.254.169.254", "169.254.169.254", True),
    ],
)
def test_allowed(names: Lookup, entry: str, address: str, allowed: bool) -> None:
    """The operator's entry opens its host, port or network; metadata addresses only by themselves."""
    names(address)
    if allowed:
        assert [address] == _hosts.resolve("sentry.internal", 8443, (entry,))
    else:
        with pytest.raises(RefusedHostError, match="not public"):
            _hosts.resolve("sentry.internal", 8443, (entry,))


@pytest.mark.parametrize(
    ("entry", "allowed"), [("a.internal:22", True), ("a.internal", False), ("b:22", False)]
)
def test_allowed_port(entry: str, allowed: bool) -> None:
    """A port of another service is open only where the operator names it with the host."""
    if allowed:
        _hosts.check_name("a.internal", 22, (entry,))
    else:
        with pytest.raises(RefusedHostError, match="port"):
            _hosts.check_name("a.internal", 22, (entry,))


def test_setting() -> None:
    """AVNZ_INT_ALLOW_HOSTS is a list with commas; blanks and empty places do not count."""
    read = Settings.load({"AVNZ_INT_ALLOW_HOSTS": " a.internal ,, 10.0.0.0/8,[fd12::1]:8443 "})
    assert ("a.internal", "10.0.0.0/8", "[fd12::1]:8443") == read.allow_hosts
    assert () == Settings.load({}).allow_hosts
    assert ("a.internal", 8443) == allowed_host("A.internal:8443")
    assert (ipaddress.ip_network("fd12::1"), None) == allowed_host("fd12::1")


@pytest.mark.parametrize(
    "entry",
    [
        "https://a.internal",
        "a.internal/path",
        "*.internal",
        "a b",
        "a.internal:0",
        "a.internal:70000",
        "a.internal:x",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "127.1",
        "0x7f000001",
        "[a.internal]:443",
        "[10.0.0.0/8]",
        "-a.internal",
        "b\u00fccher.internal",
    ],
)
def test_bad_entry(entry: str) -> None:
    """An entry that names no host is refused by its place, before anything is done."""
    with pytest.raises(UsageError, match="entry 2"):
        Settings.load({"AVNZ_INT_ALLOW_HOSTS": f"a.internal,{entry}"})
