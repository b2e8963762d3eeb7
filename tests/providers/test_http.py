"""The shared HTTP exchange: limits, deadlines, TLS, proxies, and what each failure is called."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import ssl
import time
import zlib
from pathlib import Path

import httpx
import pytest

from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.secret import Secret
from avnz_int.providers import _http, registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from support.gateway import FAULTS, Answer, FaultGateway, answering, self_signed

# With a time in it, the name of a test would differ from one worker to the next.
GZIPPED = gzip.compress(b"x" * 5000, mtime=0)
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates from the machine that runs the tests."""
    for name in (*PROXIES, *(name.lower() for name in PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def request(endpoint: str | None, timeout_s: float = 2.0) -> CheckRequest:
    """A check of nothing in particular."""
    return CheckRequest("acme", Secret({}), {}, Environment.SANDBOX, timeout_s, endpoint)


def send(
    url: str, *, operator: bool = True, timeout_s: float = 2.0, limit: int = _http.LIMIT
) -> _http.Reply | CheckReport:
    """A GET of this address, as an operator's endpoint or as the provider's own."""
    check = request(url if operator else None, timeout_s)
    return registry.run_loop(_http.send(check, "GET", url, who="Acme", limit=limit))


def get(answer: Answer, *, limit: int = _http.LIMIT) -> _http.Reply | CheckReport:
    """What becomes of this answer."""
    with FaultGateway(answer) as gateway:
        return send(gateway.url, limit=limit)


def code(result: _http.Reply | CheckReport) -> CheckCode:
    """The code of a report that says unreachable."""
    assert isinstance(result, CheckReport)
    assert Outcome.UNREACHABLE == result.outcome
    return result.code


def body(result: _http.Reply | CheckReport) -> bytes:
    """The body of a reply."""
    assert isinstance(result, _http.Reply)
    return result.body


def test_reply() -> None:
    """A reply has status, lower-case headers, body and latency, whatever the status."""
    reply = get(answering(b"no", status="418 Teapot", headers={"X-Thing": "One"}))
    assert isinstance(reply, _http.Reply)
    assert (418, "One", b"no") == (reply.status, reply.headers["x-thing"], reply.body)
    assert 0 <= reply.latency_ms < 2000


def test_limit() -> None:
    """A body of exactly the limit is taken, one byte more is not."""
    assert 1000 == len(body(get(answering(bytes(1000)), limit=1000)))
    assert CheckCode.UNEXPECTED_REPLY == code(get(answering(bytes(1001)), limit=1000))


def test_limit_while_streaming() -> None:
    """A body that is too long is left, not read to its end: one that has no end is over at once."""
    with FaultGateway(FAULTS["endless"][0]) as gateway:
        began = time.monotonic()
        result = send(gateway.url, timeout_s=30)
    assert CheckCode.UNEXPECTED_REPLY == code(result)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", GZIPPED),
        ("GZIP", GZIPPED),
        ("x-gzip", GZIPPED),
        ("deflate", zlib.compress(b"x" * 5000)),
        ("identity", b"x" * 5000),
    ],
)
def test_encodings(encoding: str, packed: bytes) -> None:
    """A compressed body is unpacked, and the limit holds for what is in it."""
    answer = answering(packed, headers={"Content-Encoding": encoding})
    assert b"x" * 5000 == body(get(answer, limit=5000))
    assert CheckCode.UNEXPECTED_REPLY == code(get(answer, limit=4999))


def test_cut_compression() -> None:
    """A compressed body that ends in the middle is no reply."""
    packed = gzip.compress(bytes(range(256)) * 20)
    answer = answering(packed[: len(packed) // 2], headers={"Content-Encoding": "gzip"})
    assert CheckCode.UNEXPECTED_REPLY == code(get(answer))


def test_empty_compression() -> None:
    """No body at all is empty, whatever encoding is claimed."""
    assert b"" == body(get(answering(b"", headers={"Content-Encoding": "gzip"})))


def test_no_names() -> None:
    """A name that does not resolve is a network failure that says so."""
    result = send("https://no-such-host.invalid/", timeout_s=5)
    assert code(result) in {CheckCode.NETWORK, CheckCode.TIMEOUT}
    assert isinstance(result, CheckReport)
    assert "no-such-host.invalid" in result.message


def test_own_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that SSL_CERT_FILE vouches for is accepted, for an operator's endpoint too."""
    with self_signed() as certificate, FaultGateway(answering(b"hello"), tls=certificate) as gateway:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.pem))
        results = [send(gateway.url), send(gateway.url, operator=False)]
    assert [b"hello", b"hello"] == [body(result) for result in results]


def test_wrong_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trusted certificate of another host is refused."""
    with self_signed("localhost") as certificate, FaultGateway(answering(b""), tls=certificate) as gateway:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.pem))
        result = send(gateway.url)
    assert CheckCode.TLS == code(result)
    assert [] == gateway.requests


def test_no_tls_at_the_other_end() -> None:
    """A server that speaks no TLS on an https address is a TLS failure."""
    with FaultGateway(answering(b"")) as gateway:
        result = send(gateway.url.replace("http:", "https:"))
    assert code(result) in {CheckCode.TLS, CheckCode.TIMEOUT}


def test_tls_versions() -> None:
    """TLS below 1.2 is not spoken, and certificates and host names are verified."""
    context = _http._tls(None, None)
    assert ssl.TLSVersion.TLSv1_2 == context.minimum_version
    assert context.check_hostname
    assert ssl.CERT_REQUIRED == context.verify_mode


def test_bad_certificate_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An SSL_CERT_FILE that is not there or holds no certificates is named, not a crash."""
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("missing.pem", "empty.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        result = send("https://127.0.0.1:1")
        assert CheckCode.TLS == code(result)
        assert "SSL_CERT_FILE" in repr(result)


def test_proxy_for_own_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the environment serves the provider's own hosts and no operator's endpoint."""
    with FaultGateway(answering(b"direct")) as gateway, FaultGateway(answering(b"by proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert b"by proxy" == body(send("http://acme.invalid/", operator=False))
        assert b"direct" == body(send(gateway.url))
    assert (1, 1) == (proxy.connections, gateway.connections)


@pytest.mark.parametrize(
    "proxy", ["socks5://me:hunter22@127.0.0.1:1", "ftp://me:hunter22@127.0.0.1:1", "http://:x"]
)
def test_bad_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy setting that cannot be used is named by its variable, without its password."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    result = send("https://acme.invalid/", operator=False)
    assert CheckCode.NETWORK == code(result)
    assert "hunter22" not in repr(result)


def test_dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is not there is a network failure."""
    with FaultGateway(answering(b"")) as gateway:
        monkeypatch.setenv("HTTPS_PROXY", gateway.url)
    assert CheckCode.NETWORK == code(send("https://acme.invalid/", operator=False))


@pytest.mark.parametrize("timeout_s", [0.2, 0.6])
@pytest.mark.parametrize("fault", ["hang", "drip", "drip_head"])
def test_deadline(fault: str, timeout_s: float) -> None:
    """The deadline is that of the whole exchange: bytes that drip in do not move it."""
    with FaultGateway(FAULTS[fault][0]) as gateway:
        began = time.monotonic()
        result = send(gateway.url, timeout_s=timeout_s)
        took = time.monotonic() - began
    assert CheckCode.TIMEOUT == code(result)
    assert timeout_s * 0.9 < took < timeout_s + 0.4
    assert f"within {timeout_s:g} s" in repr(result)


def test_hung_handshake() -> None:
    """A server that accepts and says nothing during the TLS handshake is a timeout."""
    with FaultGateway(FAULTS["hang"][0]) as gateway:
        result = send(gateway.url.replace("http:", "https:"), timeout_s=0.3)
    assert CheckCode.TIMEOUT == code(result)


@pytest.mark.parametrize("value", ["caf\u00e9", "a\r\nX-Evil: 1", "a\0b"])
def test_unsendable_header(value: str) -> None:
    """A header that HTTP cannot carry is the configuration's fault; nothing reaches the provider."""
    with FaultGateway(answering(b"")) as gateway:
        result = registry.run_loop(
            _http.send(request(gateway.url), "GET", gateway.url, who="Acme", headers={"X-Key": value})
        )
    assert isinstance(result, CheckReport)
    assert Outcome.INVALID_CONFIG == result.outcome
    assert value not in repr(result)
    assert [] == gateway.requests


@pytest.mark.parametrize("url", ["ftp://acme.invalid/", "https://", "https://[1::", "acme"])
def test_unusable_url(url: str) -> None:
    """An address that is none is the configuration's fault."""
    result = send(url, operator=False)
    assert isinstance(result, CheckReport)
    assert Outcome.INVALID_CONFIG == result.outcome


def caused(exc: Exception, cause: Exception) -> Exception:
    """`exc` as raised from `cause`."""
    exc.__cause__ = cause
    return exc


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (caused(httpx.ConnectError("x"), socket.gaierror(-2, "x")), CheckCode.NETWORK),
        (caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError("x")), CheckCode.TLS),
        (caused(httpx.ReadError("x"), ssl.SSLError("x")), CheckCode.TLS),
        (httpx.ConnectError("x"), CheckCode.NETWORK),
        (httpx.ReadError("x"), CheckCode.NETWORK),
        (httpx.ProxyError("x"), CheckCode.NETWORK),
        (httpx.RemoteProtocolError("x"), CheckCode.NETWORK),
        (httpx.ConnectTimeout("x"), CheckCode.TIMEOUT),
        (httpx.ReadTimeout("x"), CheckCode.TIMEOUT),
        (httpx.PoolTimeout("x"), CheckCode.TIMEOUT),
        (TimeoutError("x"), CheckCode.TIMEOUT),
        (ConnectionResetError("x"), CheckCode.NETWORK),
        (httpx.DecodingError("x"), CheckCode.UNEXPECTED_REPLY),
        (httpx.TooManyRedirects("x"), CheckCode.UNEXPECTED_REPLY),
        (httpx.LocalProtocolError("x"), CheckCode.INVALID_CONFIG),
        (httpx.UnsupportedProtocol("x"), CheckCode.INVALID_CONFIG),
        (httpx.InvalidURL("x"), CheckCode.INVALID_CONFIG),
        (_http.BadReplyError("is bad"), CheckCode.UNEXPECTED_REPLY),
        (RuntimeError("x"), CheckCode.UNEXPECTED_REPLY),
    ],
)
def test_failures(exc: Exception, expected: CheckCode) -> None:
    """The most specific thing known about a failure gives its code; every message names who and where."""
    report = _http.failure_report(exc, who="Acme", host="acme.invalid", timeout_s=3)
    assert expected == report.code
    assert "Acme (acme.invalid)" in report.message


def test_circular_causes() -> None:
    """Exceptions that name each other as cause are looked at once."""
    first, second = httpx.ConnectError("x"), ValueError("x")
    first.__cause__, second.__cause__ = second, first
    assert CheckCode.NETWORK == _http.failure_report(first, who="Acme", host="h", timeout_s=1).code


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, None),
        (201, {"content-type": "application/json"}, None),
        (400, {}, None),
        (401, {}, None),
        (403, {}, None),
        (301, {}, CheckCode.UNEXPECTED_REPLY),
        (308, {}, CheckCode.UNEXPECTED_REPLY),
        (403, {"content-type": "Text/HTML; charset=x"}, CheckCode.UNEXPECTED_REPLY),
        (429, {"content-type": "text/html"}, CheckCode.RATE_LIMITED),
        (500, {}, CheckCode.PROVIDER_DOWN),
        (503, {"content-type": "text/html"}, CheckCode.PROVIDER_DOWN),
        (599, {}, CheckCode.PROVIDER_DOWN),
    ],
)
def test_status(status: int, headers: dict[str, str], expected: CheckCode | None) -> None:
    """Statuses that say nothing about credentials are told from those that a provider module has to read."""
    report = _http.status_report(_http.Reply(status, headers, b"{}", 7), who="Acme")
    assert expected == (report and report.code)
    if report is not None:
        assert (Outcome.UNREACHABLE, 7, f"HTTP {status}") == (
            report.outcome,
            report.latency_ms,
            report.provider_code,
        )


@pytest.mark.parametrize(
    ("retry_after", "words"),
    [
        ("17", "in 17 s"),
        ("", "later"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "later"),
        ("9" * 9, "later"),
        ("\u0663", "later"),
    ],
)
def test_retry_after(retry_after: str, words: str) -> None:
    """The wait that a provider asks for is repeated only where it is a plain number of seconds."""
    report = _http.status_report(_http.Reply(429, {"retry-after": retry_after}, b"", 7), who="Acme")
    assert report is not None
    assert report.message.endswith(f"try again {words}")


def test_loggers() -> None:
    """Httpx and httpcore, which log addresses and headers, keep quiet below WARNING."""
    assert [False, False] == [logging.getLogger(n).isEnabledFor(logging.INFO) for n in ("httpx", "httpcore")]


def test_many_at_once() -> None:
    """Exchanges on one event loop run side by side."""

    async def twenty(url: str) -> list[_http.Reply | CheckReport]:
        return await asyncio.gather(
            *(_http.send(request(url, 0.5), "GET", url, who="Acme") for _ in range(20))
        )

    with FaultGateway(FAULTS["hang"][0]) as gateway:
        began = time.monotonic()
        results = registry.run_loop(twenty(gateway.url))
        took = time.monotonic() - began
    assert [CheckCode.TIMEOUT] * 20 == [code(result) for result in results]
    assert took < 2.5
