"""Every way in which a gateway can fail a Payflow check, and what of the password gets out: nothing."""

from __future__ import annotations

import base64
import json
import logging
import time
import tracemalloc
from dataclasses import replace
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest

from avnz_int.errors import UsageError
from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.secret import Secret
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckRequest
from support.gateway import FAULTS, Answer, FaultGateway, answering, echo, echo_page, self_signed

PASSWORD = "Ca&n=a[3]r<y>'%41+/~\\"
LOGIN = {"partner": "PayPal", "vendor": "Ruff & Johnson", "user": "clerk=7", "password": PASSWORD}
UNCLEAR = (Outcome.UNREACHABLE, CheckCode.UNEXPECTED_REPLY)


def request(endpoint: str) -> CheckRequest:
    """A check of the login above within two seconds."""
    return CheckRequest(
        "paypal_payflow", Secret(dict(LOGIN)), {}, Environment.SANDBOX, timeout_s=2.0, endpoint=endpoint
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(fault: str) -> None:
    """Whatever goes wrong on the way is unreachable with its code, by the deadline, after one try."""
    answer, code = FAULTS[fault]
    with FaultGateway(answer) as gateway:
        began = time.monotonic()
        report = registry.run(replace(request(gateway.url), timeout_s=1.0))
        took = time.monotonic() - began
    assert (Outcome.UNREACHABLE, CheckCode(code)) == (report.outcome, report.code)
    assert took < 1.5
    assert 1 == len(gateway.requests)
    if fault.startswith("http_"):
        assert f"HTTP {fault.removeprefix('http_')}" == report.provider_code
    assert "RESULT" not in (report.provider_code or "")


def test_refused_connection() -> None:
    """A closed port is a network failure."""
    with FaultGateway(answering(b"")) as gateway:
        url = gateway.url
    report = registry.run(request(url))
    assert (Outcome.UNREACHABLE, CheckCode.NETWORK) == (report.outcome, report.code)


def test_untrusted_certificate() -> None:
    """A certificate that nobody vouches for ends the test before a request is sent."""
    with self_signed() as certificate, FaultGateway(answering(b"RESULT=0"), tls=certificate) as gateway:
        report = registry.run(request(gateway.url))
    assert (Outcome.UNREACHABLE, CheckCode.TLS) == (report.outcome, report.code)
    assert [] == gateway.requests


def test_no_redirect() -> None:
    """A redirect is not followed: the other place sees no connection."""
    with FaultGateway(answering(b"RESULT=0")) as other:
        moved = answering(b"", status="307 Temporary Redirect", headers={"Location": other.url})
        with FaultGateway(moved) as gateway:
            report = registry.run(request(gateway.url))
    assert UNCLEAR == (report.outcome, report.code)
    assert 0 == other.connections


def test_bomb_memory() -> None:
    """A compressed reply of 64 MiB is never unpacked whole."""
    with FaultGateway(FAULTS["gzip_bomb"][0]) as gateway:
        registry.run(request(gateway.url))
        tracemalloc.start()
        try:
            registry.run(request(gateway.url))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


# --- secrets ---------------------------------------------------------------------------------------


def forms(value: str) -> set[str]:
    """The forms in which a value could leak."""
    raw = value.encode()
    return {
        value,
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        json.dumps(value)[1:-1],
        escape(value),
        escape(value, {"'": "&apos;"}),
        escape(value, {"'": "&#x27;"}),
        repr(value)[1:-1],
        raw.hex(),
    }


@pytest.mark.parametrize(
    "answer",
    [
        *(
            FAULTS[name][0]
            for name in ("reset", "close", "garbage", "html", "gzip_bomb", "http_302", "http_500")
        ),
        echo,
        echo_page,
        answering(b"RESULT=0"),
        answering(b"RESULT=1&RESPMSG=" + quote_plus(PASSWORD).encode()),
        answering(base64.b64encode(PASSWORD.encode())),
        answering(b"RESULT=" + PASSWORD.encode()),
    ],
)
def test_canary(answer: Answer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """The password is in no report, log record of any level, or output, in any form."""
    caplog.set_level(logging.DEBUG)
    with FaultGateway(answer) as gateway:
        report = registry.run(request(gateway.url))
    assert PASSWORD.encode() in gateway.requests[0]
    written = capfd.readouterr()
    logged = "\n".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    told = "\n".join([repr(report), str(report), logged, written.out, written.err])
    assert [] == [form for form in forms(PASSWORD) if form in told]


def test_canary_in_tracebacks() -> None:
    """The password is not in the error that a forbidden endpoint raises, nor in what caused it."""
    with pytest.raises(UsageError) as caught:
        registry.run(request(f"https://user:{quote(PASSWORD, safe='')}@gateway.example"))
    assert caught.value.__cause__ is None
    told = f"{caught.value!r} {caught.value.hint} {caught.value.details}"
    assert [] == [form for form in forms(PASSWORD) if form in told]
