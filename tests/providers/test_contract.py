"""The standard suite: what every provider's check has to do, whatever the provider."""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avnz_int.definitions import loader
from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.model.secret import written_forms
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport
from support.gateway import FAULTS, Answer, FaultGateway, echo_page, self_signed
from support.providers import ProviderCase, in_turn, repeating, said

STANDARD = (
    "hang",
    "drip",
    "drip_head",
    "reset",
    "close",
    "garbage",
    "short",
    "endless",
    "html",
    "html_unnamed",
    "empty",
    "big",
    "gzip_bomb",
    "http_302",
    "http_429",
    "http_500",
    "http_503",
)
SLOW = {"hang", "drip", "drip_head"}
ALLOWED_CODES = {
    Outcome.OK: {CheckCode.OK},
    Outcome.REJECTED: {
        CheckCode.BAD_CREDENTIALS,
        CheckCode.MISSING_PERMISSION,
        CheckCode.WRONG_HOST,
        CheckCode.NOT_FOUND,
    },
    Outcome.UNREACHABLE: {
        CheckCode.NETWORK,
        CheckCode.TIMEOUT,
        CheckCode.TLS,
        CheckCode.RATE_LIMITED,
        CheckCode.PROVIDER_DOWN,
        CheckCode.UNEXPECTED_REPLY,
    },
    Outcome.UNSUPPORTED: {CheckCode.UNSUPPORTED},
    Outcome.INVALID_CONFIG: {CheckCode.INVALID_CONFIG},
}


@functools.cache
def case_of(provider: str) -> ProviderCase | None:
    """The `CASE` in the provider's test file, or None."""
    path = Path(__file__).with_name(f"test_{provider}.py")
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"case_of_{provider}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    case = getattr(module, "CASE", None)
    assert case is None or isinstance(case, ProviderCase)
    return case


CASES = {name: case for name in loader.provider_names() if (case := case_of(name)) is not None}
REFUSALS = [pytest.param(p, name, id=f"{p}-{name}") for p, case in CASES.items() for name in case.refusals]
GUARDED = [name for name, case in CASES.items() if case.user_host is not None]
each_provider = pytest.mark.parametrize("provider", CASES)


@pytest.fixture(autouse=True)
def own_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificates that the machine's environment names."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def sound(report: CheckReport) -> CheckReport:
    """The report, if its code is one of its outcome's and its message one sentence for a person."""
    assert report.code in ALLOWED_CODES[report.outcome]
    assert report.message.strip()
    assert "\n" not in report.message
    assert len(report.message) < 400
    return report


def seed_schemas(provider: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The properties of credentials and settings in the provider's seed."""
    seed = json.loads((loader.seeds_dir() / f"{provider}.json").read_text())
    settings = seed["settingsSchema"] or {}
    return seed["credentialSchema"]["properties"], settings.get("properties", {})


def secrets_of(provider: str) -> Iterator[str]:
    """The secret values of the sample that a check of the provider gets."""
    properties, _ = seed_schemas(provider)
    for name, value in CASES[provider].request().credentials.reveal().items():
        if isinstance(value, dict):
            yield from value.values()
        elif properties[name].get("format") == "password":
            yield value


def test_nobody_forgotten() -> None:
    """A provider without a suite cannot land."""
    names = set(loader.provider_names())
    ready = {name for name in CASES if registry.load(name) is not None}
    assert set() == names - ready


@each_provider
def test_ok(provider: str) -> None:
    """The provider's approval is ok, with a latency, and nothing is asked twice."""
    case = CASES[provider]
    checked = case.run(case.ok)
    report = sound(checked.report)
    assert (Outcome.OK, CheckCode.OK) == (report.outcome, report.code), report.message
    assert report.latency_ms is not None
    assert (1 if callable(case.ok) else len(case.ok)) == len(checked.requests)


@pytest.mark.parametrize(("provider", "name"), REFUSALS)
def test_refusal(provider: str, name: str) -> None:
    """Every answer that the provider documents is told apart, in words that help."""
    case = CASES[provider]
    refusal = case.refusals[name]
    report = sound(case.run(refusal.answers, changes=refusal.changes).report)
    assert refusal.code == report.code, report.message
    assert refusal.words in report.message


@each_provider
def test_refusals_declared(provider: str) -> None:
    """The case of a provider holds wrong credentials, and an answer that is not understood."""
    codes = {refusal.code for refusal in CASES[provider].refusals.values()}
    assert {CheckCode.BAD_CREDENTIALS, CheckCode.UNEXPECTED_REPLY} <= codes


@pytest.mark.parametrize("fault", STANDARD)
@each_provider
def test_fault(provider: str, fault: str) -> None:
    """Whatever goes wrong on the way has its code, by the deadline, and never says ok or rejected."""
    case = CASES[provider]
    answer, code = FAULTS[fault]
    timeout_s = 0.6 if fault in SLOW else 5.0
    began = time.monotonic()
    report = sound(case.run(answer, timeout_s=timeout_s).report)
    assert time.monotonic() - began < timeout_s + 1.0
    assert case.faults.get(fault, CheckCode(code)) == report.code, report.message


@each_provider
def test_unknown_name(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose name is unknown is a network failure."""

    def unknown(*_args: object, **_kwargs: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    case = CASES[provider]
    with case.reach(case.request(), "https://no-such-host.invalid") as request:
        report = sound(registry.run(request))
    assert (Outcome.UNREACHABLE, CheckCode.NETWORK) == (report.outcome, report.code), report.message


@each_provider
def test_untrusted_certificate(provider: str) -> None:
    """A certificate that nobody vouches for ends the check before a request is sent."""
    case = CASES[provider]
    with self_signed() as certificate:
        checked = case.run(case.ok, tls=certificate)
    assert CheckCode.TLS == sound(checked.report).code, checked.report.message
    assert [] == checked.requests


@each_provider
def test_redirect(provider: str) -> None:
    """A redirect is not followed: the other place sees no connection."""
    case = CASES[provider]
    with FaultGateway(in_turn(case.ok)) as other:
        report = sound(case.run(said(307, Location=f"{other.url}/elsewhere")).report)
    assert 0 == other.connections
    assert report.outcome in {Outcome.UNREACHABLE, Outcome.INVALID_CONFIG, Outcome.REJECTED}


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, "page", "reset"])
@each_provider
def test_canary(
    provider: str,
    status: int | str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A secret that the provider repeats gets into no report, log or stream, in no form, net or no net."""
    monkeypatch.setattr(registry, "_redacted", lambda report, _request: report)
    caplog.set_level(logging.DEBUG)
    answers: dict[str, Answer] = {"page": echo_page, "reset": FAULTS["reset"][0]}
    answer = answers[status] if isinstance(status, str) else repeating(status)
    checked = CASES[provider].run(answer)
    told = f"{sound(checked.report)!r} {caplog.text} {''.join(capfd.readouterr())}"
    sent = [request.headers.get("authorization", "").rpartition(" ")[2] for request in checked.requests]
    canaries = [*secrets_of(provider), *filter(None, sent)]
    assert canaries
    assert [] == [form for value in canaries for form in written_forms(value) if form in told]


@each_provider
def test_user_host_declared(provider: str) -> None:
    """A provider whose host a user may name says in its case how, so that the guard is tested."""
    named = [
        name
        for properties in seed_schemas(provider)
        for name, rules in properties.items()
        if rules.get("x-destination") and rules.get("format") in {"uri", "hostname"}
    ]
    assert not named or CASES[provider].user_host is not None


@pytest.mark.parametrize("provider", GUARDED)
def test_user_host(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private host that a user names sees no connection, unless the operator allows it."""
    case = CASES[provider]
    assert case.user_host is not None
    with self_signed() as certificate, FaultGateway(in_turn(case.ok), tls=certificate) as gateway:
        for name in ("SSL_CERT_FILE", "AWS_CA_BUNDLE"):
            monkeypatch.setenv(name, str(certificate.pem))
        request = case.user_host(case.request(), gateway.url)
        refused = sound(registry.run(request))
        before = gateway.connections
        allowed = sound(registry.run(replace(request, allow_hosts=(f"127.0.0.1:{gateway.port}",))))
    assert CheckCode.INVALID_CONFIG == refused.code, refused.message
    assert "AVNZ_INT_ALLOW_HOSTS" in refused.message
    assert 0 == before
    assert CheckCode.OK == allowed.code, allowed.message


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "2130706433", "127.1", "0x7f.1"])
@pytest.mark.parametrize("provider", GUARDED)
def test_private_spellings(provider: str, host: str) -> None:
    """No spelling of a private address as the host gets past the guard."""
    case = CASES[provider]
    assert case.user_host is not None
    report = sound(registry.run(case.user_host(case.request(), f"https://{host}")))
    assert CheckCode.INVALID_CONFIG == report.code, report.message
