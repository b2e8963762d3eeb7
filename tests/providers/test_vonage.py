"""Vonage's balance: what is asked, how refusals are told apart, what is looked at without asking."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from avnz_int.model.enums import CheckCode
from support.gateway import FAULTS, Answer
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

BALANCE = said(200, {"value": 10.28, "autoReload": False})
SECRETS = said(200, {"_embedded": {"secrets": [{"id": "1", "created_at": "2026-01-01T00:00:00Z"}]}})
REFUSED = said(401, {"error-code": "401", "error-code-label": "authentication failed"})


def pem(der: bytes, kind: str = "PRIVATE KEY") -> str:
    """These bytes as PEM, put together here, so that secret scanners see no key in this file."""
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n"


def problem(status: int) -> Answer:
    """A refusal in the form of RFC 7807."""
    return said(status, {"type": "https://developer.example.com/x", "title": "x", "instance": "1"})


SHORT_DER = b"\x30\x03\x02\x01\x00"
LONG_DER = b"\x30\x82\x01\x00" + bytes(256)
NO_APPLICATION = {"privateKey": None, "applicationId": None}

CASE = ProviderCase(
    "vonage",
    ok=BALANCE,
    refusals={
        "wrong secret": Refusal([REFUSED, problem(401)], CheckCode.BAD_CREDENTIALS, "API key and secret"),
        "wrong key": Refusal([REFUSED, problem(404)], CheckCode.BAD_CREDENTIALS),
        "newer form": Refusal([problem(401), problem(401)], CheckCode.BAD_CREDENTIALS),
        "second question fails": Refusal([REFUSED, said(503)], CheckCode.BAD_CREDENTIALS),
        "forbidden": Refusal(problem(403), CheckCode.MISSING_PERMISSION, "account is active"),
        "rate": Refusal(problem(429), CheckCode.RATE_LIMITED),
        "no number": Refusal(said(200, {"value": True}), CheckCode.UNEXPECTED_REPLY),
        "no balance": Refusal(said(200, {"autoReload": False}), CheckCode.UNEXPECTED_REPLY),
        "other refusal": Refusal(said(401, {"title": "log in"}), CheckCode.UNEXPECTED_REPLY),
        "other status": Refusal(problem(400), CheckCode.UNEXPECTED_REPLY),
    },
    changes={"privateKey": pem(SHORT_DER)},
)


def ask(*answers: Answer, **credentials: Any) -> Any:
    """A check without application, some credentials changed."""
    return check_provider("vonage", *answers, credentials={**NO_APPLICATION, **credentials})


def test_request() -> None:
    """Key and secret stand in the Authorization header, not in the address."""
    (sent,) = ask(BALANCE).requests
    secrets = SAMPLES["vonage"].credentials
    pair = base64.b64encode(f"{secrets['apiKey']}:{secrets['apiSecret']}".encode()).decode()
    assert ("GET", "/account/get-balance") == (sent.method, sent.path)
    assert f"Basic {pair}" == sent.headers["authorization"]


def test_second_opinion() -> None:
    """A pair that may list its secrets is valid, although the balance is refused."""
    checked = ask(REFUSED, SECRETS)
    assert CheckCode.OK == checked.report.code
    assert any("balance" in warning for warning in checked.report.warnings)
    assert "/accounts/abcd1234/secrets" == checked.requests[1].path


@pytest.mark.parametrize(
    ("value", "reload", "warned"),
    [(0.5, False, False), (0, False, True), (-1.5, None, True), (0, True, False)],
)
def test_balance(value: float, reload: bool | None, warned: bool) -> None:
    """A balance that is used up, and not topped up by itself, is warned about."""
    report = ask(said(200, {"value": value, "autoReload": reload})).report
    assert CheckCode.OK == report.code
    assert warned == any("used up" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    "key",
    [pem(SHORT_DER), pem(LONG_DER), pem(LONG_DER, "RSA PRIVATE KEY"), pem(LONG_DER).rstrip("\n")],
)
def test_private_key(key: str) -> None:
    """A whole private key is accepted, and said not to be verified."""
    report = ask(BALANCE, privateKey=key).report
    assert CheckCode.OK == report.code
    assert any("not verified" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    "key",
    [
        pem(b"not a key"),
        pem(LONG_DER[:-1]),
        pem(SHORT_DER + b"x"),
        pem(b"\x30"),
        pem(SHORT_DER, "ENCRYPTED PRIVATE KEY"),
        pem(SHORT_DER).replace("=", ""),
        pem(SHORT_DER).replace("END P", "END EC P"),
        pem(SHORT_DER, "CERTIFICATE"),
        pem(SHORT_DER).replace("\n", " "),
    ],
)
def test_broken_private_key(key: str) -> None:
    """A private key that was cut, encrypted or mangled is the configuration's fault, and nothing is sent."""
    checked = ask(BALANCE, privateKey=key)
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert "privateKey" in checked.report.message
    assert [] == checked.requests


def test_nothing_to_add() -> None:
    """Without an application there is nothing that stays unverified."""
    assert () == ask(BALANCE).report.warnings


def test_verdict_survives_silence() -> None:
    """A second question without an answer hides neither the verdict nor its deadline."""
    silence = FAULTS["hang"][0]
    report = check_provider("vonage", REFUSED, silence, credentials=NO_APPLICATION, timeout_s=1).report
    assert CheckCode.BAD_CREDENTIALS == report.code
