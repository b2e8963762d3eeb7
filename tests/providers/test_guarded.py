"""Hosts that a user named: connected by the checked address or not at all."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx
import pytest

from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.secret import Secret
from avnz_int.providers import _http, registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from support.gateway import Certificate, FaultGateway, answering, self_signed


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificates from the machine that runs the tests."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def request(endpoint: str | None = None, timeout_s: float = 2.0) -> CheckRequest:
    """A check of nothing in particular."""
    return CheckRequest("acme", Secret({}), {}, Environment.SANDBOX, timeout_s, endpoint)


def code(result: _http.Reply | CheckReport) -> CheckCode:
    """The code of a report that says unreachable."""
    assert isinstance(result, CheckReport)
    assert Outcome.UNREACHABLE == result.outcome
    return result.code


def body(result: _http.Reply | CheckReport) -> bytes:
    """The body of a reply."""
    assert isinstance(result, _http.Reply)
    return result.body


@dataclass(frozen=True, slots=True)
class Recording:
    """A certificate whose server notes the name that a client asks for (SNI)."""

    certificate: Certificate
    asked: list[str | None]

    def context(self) -> ssl.SSLContext:
        """What a server needs to offer it."""
        context = self.certificate.context()
        context.sni_callback = lambda _socket, name, _context: self.asked.append(name)
        return context


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes each look-up of a name find the next of these lists of addresses; gives the names asked for."""

    def put(*answers: list[str]) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, *_args: object, **_more: object) -> list[tuple[object, ...]]:
            found = answers[min(len(asked), len(answers) - 1)]
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return put


def send(url: str, *allow: str, timeout_s: float = 3.0) -> _http.Reply | CheckReport:
    """A GET of an address that a user gave."""
    check = replace(request(None, timeout_s), allow_hosts=allow)
    return registry.run_loop(_http.send(check, "GET", url, who="Acme", guarded=True))


def refused(result: _http.Reply | CheckReport) -> str:
    """The message of a report that the host is not allowed."""
    assert isinstance(result, CheckReport)
    assert (Outcome.INVALID_CONFIG, CheckCode.INVALID_CONFIG) == (result.outcome, result.code)
    return result.message


def test_name(lookups: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket gets the address that was checked; Host, SNI and the certificate have the name."""
    with self_signed("acme.internal") as certificate:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.pem))
        tls = Recording(certificate, [])
        with FaultGateway(answering(b"hello"), tls=tls) as gateway:
            asked = lookups(["127.0.0.1"])
            result = send(f"https://acme.internal:{gateway.port}/a?b=c", "acme.internal")
    assert b"hello" == body(result)
    assert (["acme.internal"], ["acme.internal"]) == (asked, tls.asked)
    (sent,) = gateway.requests
    assert sent.startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"\r\nhost: acme.internal:%d\r\n" % gateway.port in sent.lower()


def test_certificate(lookups: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate for the address, or for another name, is refused; no further address is tried."""
    for name in ("127.0.0.1", "other.internal"):
        with self_signed(name) as certificate, FaultGateway(answering(b""), tls=certificate) as gateway:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate.pem))
            lookups(["127.0.0.1", "127.0.0.9"])
            result = send(f"https://acme.internal:{gateway.port}/", "acme.internal")
        assert CheckCode.TLS == code(result)
        assert [] == gateway.requests


def test_rebinding(lookups: Callable[..., list[str]]) -> None:
    """A name is looked up once: what it says the second time is never connected to."""
    with FaultGateway(answering(b"")) as gateway:
        asked = lookups(["127.0.0.9"], ["127.0.0.1"])
        result = send(f"https://acme.internal:{gateway.port}/", "127.0.0.9")
    assert CheckCode.NETWORK == code(result)
    assert ["acme.internal"] == asked
    assert 0 == gateway.connections


def test_next_address(lookups: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one address takes no connection the next is tried."""
    with self_signed("acme.internal") as certificate:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.pem))
        with FaultGateway(answering(b"hello"), tls=certificate) as gateway:
            lookups(["127.0.0.9", "127.0.0.1"])
            result = send(f"https://acme.internal:{gateway.port}/", "127.0.0.0/8")
    assert b"hello" == body(result)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/",
        "https://localhost:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://2130706433:{port}/",
        "https://127.1:{port}/",
        "https://0x7f000001:{port}/",
        "https://127.0.0.1.:{port}/",
        "https://127%2e0.0.1:{port}/",
        "https://\uff11\uff12\uff17.0.0.1:{port}/",
        "https://me@127.0.0.1:{port}/",
        "https://example.com@127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/#example.com",
        "http://127.0.0.1:{port}/",
    ],
)
def test_spellings(url: str) -> None:
    """No spelling of this machine's address reaches it, and no message tells an address that was found."""
    with FaultGateway(answering(b"")) as gateway:
        words = refused(send(url.format(port=gateway.port)))
    assert 0 == gateway.connections
    assert "Acme" in words
    assert "hunter22" not in words


def test_words(lookups: Callable[..., list[str]]) -> None:
    """The message names the host and the operator's way to allow it, and not the address behind it."""
    lookups(["10.1.2.3"])
    words = refused(send("https://acme.internal/"))
    assert "acme.internal" in words
    assert "AVNZ_INT_ALLOW_HOSTS" in words
    assert "10.1.2.3" not in words


def test_http() -> None:
    """An allowed host is still asked through https only."""
    with FaultGateway(answering(b"")) as gateway:
        words = refused(send(gateway.url, "127.0.0.1"))
    assert "https" in words
    assert 0 == gateway.connections


def test_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows is a network failure, not a refusal."""

    def unknown(*_args: object, **_more: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    result = send("https://acme.internal/")
    assert CheckCode.NETWORK == code(result)
    assert "cannot be resolved" in repr(result)


def test_slow_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that hangs ends at the deadline, and other checks go on meanwhile."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: time.sleep(3))
    began = time.monotonic()
    result = send("https://acme.internal/", timeout_s=0.3)
    assert CheckCode.TIMEOUT == code(result)
    assert time.monotonic() - began < 1.5


def test_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the environment, which would look the name up itself, is not asked."""
    with self_signed() as certificate, FaultGateway(answering(b"direct"), tls=certificate) as gateway:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.pem))
        with FaultGateway(answering(b"by proxy")) as proxy:
            for name in ("HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            result = send(gateway.url, "127.0.0.1")
    assert b"direct" == body(result)
    assert 0 == proxy.connections


def test_operators_endpoint_unguarded() -> None:
    """The operator's endpoint is spoken to as it is, for a provider with a user's host too."""
    with FaultGateway(answering(b"hello")) as gateway:
        check = request(gateway.url)
        result = registry.run_loop(_http.send(check, "GET", gateway.url, who="Acme", guarded=True))
    assert b"hello" == body(result)


def test_ipv6_address() -> None:
    """An IPv6 address takes the place of a name in brackets, the port stays."""
    url = httpx.URL("https://acme.internal:8443/a?b=c").copy_with(host="2606:4700::1111")
    assert "https://[2606:4700::1111]:8443/a?b=c" == str(url)
