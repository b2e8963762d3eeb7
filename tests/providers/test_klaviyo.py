"""Klaviyo's account call: what is asked, and how its refusals and Cloudflare's are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from avnz_int.model.enums import CheckCode, Environment
from support.gateway import Answer, answering
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES


def account(**fields: Any) -> Answer:
    """The answer with one account, some fields changed."""
    return said(200, {"data": [{"type": "account", "id": "AbC123", "attributes": {}, **fields}]})


def error(status: int, code: str, detail: str = "x") -> Answer:
    """A refusal in the form of JSON:API."""
    return said(status, {"errors": [{"id": "1", "status": status, "code": code, "detail": detail}]})


ACCOUNT = account()
CHALLENGE = answering(
    b"<html>Just a moment</html>",
    status="403 Forbidden",
    kind="text/html; charset=UTF-8",
    headers={"cf-mitigated": "challenge"},
)

CASE = ProviderCase(
    "klaviyo",
    ok=ACCOUNT,
    refusals={
        "wrong key": Refusal(error(401, "authentication_failed"), CheckCode.BAD_CREDENTIALS, "API key"),
        "no key": Refusal(error(401, "not_authenticated"), CheckCode.BAD_CREDENTIALS),
        "other 401": Refusal(error(401, "expired"), CheckCode.BAD_CREDENTIALS),
        "older revision": Refusal(
            error(400, "invalid", "Invalid or missing API key"), CheckCode.BAD_CREDENTIALS
        ),
        "revision": Refusal(
            error(400, "invalid", "The revision is unknown"), CheckCode.INVALID_CONFIG, "revision"
        ),
        "other 400": Refusal(error(400, "invalid"), CheckCode.UNEXPECTED_REPLY),
        "scope": Refusal(error(403, "permission_denied"), CheckCode.MISSING_PERMISSION, "accounts:read"),
        "challenge": Refusal(CHALLENGE, CheckCode.UNEXPECTED_REPLY, "Cloudflare"),
        "page": Refusal(
            answering(b"<html>No</html>", status="403 Forbidden", kind="text/html"),
            CheckCode.UNEXPECTED_REPLY,
            "web page",
        ),
        "rate": Refusal(said(429, {"errors": []}, Retry_After="3"), CheckCode.RATE_LIMITED, "3 s"),
        "other refusal": Refusal(said(401, {"message": "log in"}), CheckCode.UNEXPECTED_REPLY),
        "other object": Refusal(account(type="profile"), CheckCode.UNEXPECTED_REPLY),
        "no account": Refusal(said(200, {"data": []}), CheckCode.UNEXPECTED_REPLY),
    },
)


@pytest.mark.parametrize(("chosen", "sent_as"), [("2024-07-15", "2024-07-15"), (None, "2026-10-15")])
def test_request(chosen: str | None, sent_as: str) -> None:
    """The key stands in Klaviyo's own scheme, beside the revision."""
    (sent,) = check_provider("klaviyo", ACCOUNT, settings={"revision": chosen}).requests
    key = SAMPLES["klaviyo"].credentials["apiKey"]
    assert ("GET", "/api/accounts") == (sent.method, sent.path)
    assert (f"Klaviyo-API-Key {key}", sent_as, "application/vnd.api+json") == (
        sent.headers["authorization"],
        sent.headers["revision"],
        sent.headers["accept"],
    )


@pytest.mark.parametrize(("public", "warned"), [("AbC123", False), ("XyZ999", True), (None, False)])
def test_public_key(public: str | None, warned: bool) -> None:
    """A public key of another account is warned about."""
    report = check_provider("klaviyo", ACCOUNT, credentials={"publicKey": public}).report
    assert CheckCode.OK == report.code
    assert warned == any("another account" in warning for warning in report.warnings)


@pytest.mark.parametrize("environment", Environment)
def test_test_account(environment: Environment) -> None:
    """A test account is warned about in production alone."""
    answer = account(attributes={"test_account": True})
    report = check_provider("klaviyo", answer, environment=environment).report
    assert (environment is Environment.PRODUCTION) == any("test account" in text for text in report.warnings)
