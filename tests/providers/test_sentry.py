"""Sentry's organization and client keys: what is asked, what a DSN alone is worth, refusals told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from avnz_int.model.enums import CheckCode
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckRequest
from support.gateway import FAULTS, Answer, FaultGateway
from support.providers import Checked, ProviderCase, Refusal, check_provider, said, sample_request
from support.samples import SAMPLES

SECRETS = SAMPLES["sentry"].credentials
PUBLIC_KEY = SECRETS["dsn"].partition("://")[2].partition("@")[0]
ORGANIZATION = said(200, {"id": "1", "slug": "example", "name": "Example"})
KEYS = said(
    200,
    [
        {"id": "k0", "public": "f" * 32, "isActive": True, "dsn": {"public": "https://x@example.com/1"}},
        {"id": "k1", "public": PUBLIC_KEY, "isActive": True, "dsn": {"public": SECRETS["dsn"]}},
    ],
)
ROOT = said(200, {"version": "0", "auth": {"scopes": ["org:read"]}, "user": {"id": "1"}})
ANONYMOUS = said(200, {"version": "0", "auth": None, "user": None})


def detail(status: int, text: object) -> Answer:
    """A refusal in Sentry's form."""
    return said(status, {"detail": text})


LIMITED = detail(401, "This token access is limited to organization endpoints.")
SSO = detail(401, {"code": "sso-required", "message": "Must login via SSO", "extra": {}})
NO_ORGANIZATION: dict[str, Any] = {"orgSlug": None}


def at_host(request: CheckRequest, url: str) -> CheckRequest:
    """The check with this address as Sentry's."""
    return replace(request, settings={**request.settings, "baseUrl": url})


CASE = ProviderCase(
    "sentry",
    ok=[ORGANIZATION, KEYS],
    refusals={
        "wrong token": Refusal(detail(401, "Invalid token"), CheckCode.BAD_CREDENTIALS, "auth token"),
        "wrong org token": Refusal(detail(401, "Invalid org token"), CheckCode.BAD_CREDENTIALS),
        "mangled": Refusal(
            detail(401, "Invalid token header. No credentials provided."), CheckCode.BAD_CREDENTIALS
        ),
        "expired": Refusal(detail(401, "Token expired"), CheckCode.BAD_CREDENTIALS, "expired"),
        "owner gone": Refusal(detail(401, "User inactive or deleted"), CheckCode.BAD_CREDENTIALS, "owner"),
        "other organization": Refusal(
            detail(401, "Unauthorized organization access."), CheckCode.MISSING_PERMISSION, "orgSlug"
        ),
        "single sign-on": Refusal(SSO, CheckCode.MISSING_PERMISSION, "single sign-on"),
        "org:read": Refusal(detail(403, "No permission"), CheckCode.MISSING_PERMISSION, "org:read"),
        "project:read": Refusal(
            [ORGANIZATION, detail(403, "No permission")], CheckCode.MISSING_PERMISSION, "project:read"
        ),
        "no organization": Refusal(detail(404, "Does not exist"), CheckCode.NOT_FOUND, "orgSlug"),
        "no project": Refusal([ORGANIZATION, detail(404, "No")], CheckCode.NOT_FOUND, "projectSlug"),
        "other dsn": Refusal([ORGANIZATION, said(200, [])], CheckCode.NOT_FOUND, "DSN"),
        "disabled dsn": Refusal(
            [ORGANIZATION, said(200, [{"public": PUBLIC_KEY, "isActive": False}])],
            CheckCode.BAD_CREDENTIALS,
            "disabled",
        ),
        "anonymous": Refusal(ANONYMOUS, CheckCode.UNEXPECTED_REPLY, "without a token", NO_ORGANIZATION),
        "wrong token at the root": Refusal(
            detail(401, "Invalid token"), CheckCode.BAD_CREDENTIALS, "", NO_ORGANIZATION
        ),
        "other root": Refusal(
            said(200, {"auth": {"scopes": []}}), CheckCode.UNEXPECTED_REPLY, "", NO_ORGANIZATION
        ),
        "rate": Refusal(detail(429, "x"), CheckCode.RATE_LIMITED),
        "not sent": Refusal(
            detail(401, "Authentication credentials were not provided."), CheckCode.UNEXPECTED_REPLY
        ),
        "other refusal": Refusal(said(403, {"message": "log in"}), CheckCode.UNEXPECTED_REPLY),
        "other json": Refusal(said(200, {"slug": "example"}), CheckCode.UNEXPECTED_REPLY),
        "other keys": Refusal([ORGANIZATION, said(200, {"keys": []})], CheckCode.UNEXPECTED_REPLY),
    },
    user_host=at_host,
)


def test_request() -> None:
    """The organization is asked for, then the project's keys, with the token in the header."""
    sent = check_provider("sentry", ORGANIZATION, KEYS).requests
    assert ["/api/0/organizations/example/", "/api/0/projects/example/example-api/keys/"] == [
        request.path for request in sent
    ]
    assert {f"Bearer {SECRETS['authToken']}"} == {request.headers["authorization"] for request in sent}


def only_dsn(dsn: str) -> Checked:
    """A check of this DSN without a token."""
    return check_provider("sentry", ORGANIZATION, credentials={"dsn": dsn, "authToken": None})


@pytest.mark.parametrize(
    "dsn",
    [
        SECRETS["dsn"],
        "https://abc:def@sentry.example.com:9000/with/path/42",
        "http://abc@localhost/1",
    ],
)
def test_dsn_alone(dsn: str) -> None:
    """A well-formed DSN without a token is not verified, nothing is sent, and http is warned about."""
    checked = only_dsn(dsn)
    assert CheckCode.UNSUPPORTED == checked.report.code
    assert checked.report.success is None
    assert "authToken" in checked.report.message
    assert [] == checked.requests
    assert dsn.startswith("http:") == any("unencrypted" in warning for warning in checked.report.warnings)


@pytest.mark.parametrize(
    "dsn",
    [
        "https://sentry.example.com/42",
        "https://abc@sentry.example.com/",
        "https://abc@sentry.example.com/shop",
        "https://abc@/42",
        "https://abc@sentry.example.com:99999/42",
        "https://abc@sentry.example.com:0/42",
        "https://abc@[sentry/42",
        "https://abc@sentry.example.com/42?x=1",
        "https://abc@sentry.example.com/42\n",
        "https://abc@sentry.example.com/\u0664\u0662",
        "ftp://abc@sentry.example.com/42",
    ],
)
def test_no_dsn(dsn: str) -> None:
    """What is no DSN is the configuration's fault, even where a token could be tested."""
    checked = check_provider("sentry", ORGANIZATION, credentials={"dsn": dsn})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert "dsn" in checked.report.message
    assert [] == checked.requests


@pytest.mark.parametrize("answer", [ROOT, LIMITED])
def test_token_alone(answer: Answer) -> None:
    """Without an organization the API's root knows the token, or says that it is an organization's."""
    checked = check_provider("sentry", answer, settings={"orgSlug": None})
    assert CheckCode.OK == checked.report.code
    assert any("orgSlug" in warning for warning in checked.report.warnings)
    assert ["/api/0/"] == [request.path for request in checked.requests]


def test_no_project() -> None:
    """Without a project the token is verified, and the DSN said not to be."""
    checked = check_provider("sentry", ORGANIZATION, settings={"projectSlug": None})
    assert CheckCode.OK == checked.report.code
    assert any("projectSlug" in warning for warning in checked.report.warnings)
    assert 1 == len(checked.requests)


def test_organization_token() -> None:
    """An organization token that may not read is told apart: no scope can be added to it."""
    token = "sntrys_" + "e" * 40
    report = check_provider("sentry", detail(403, "No"), credentials={"authToken": token}).report
    assert CheckCode.MISSING_PERMISSION == report.code
    assert "org:ci" in report.message


@pytest.mark.parametrize(("more", "code"), [("true", CheckCode.OK), ("false", CheckCode.NOT_FOUND)])
def test_more_keys(more: str, code: CheckCode) -> None:
    """A DSN that may stand on the next page is neither found nor missing."""
    link = f'<https://sentry.io/x>; rel="next"; results="{more}"; cursor="0:100:0"'
    report = check_provider("sentry", ORGANIZATION, said(200, [], Link=link)).report
    assert code == report.code
    assert (code is CheckCode.OK) == any("not verified" in warning for warning in report.warnings)


def test_key_in_dsn() -> None:
    """A key that only its DSN shows is found too."""
    report = check_provider("sentry", ORGANIZATION, said(200, [{"dsn": {"public": SECRETS["dsn"]}}])).report
    assert CheckCode.OK == report.code


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({"baseUrl": None}, "sentry.io"),
        ({"baseUrl": "https://de.sentry.io/"}, "de.sentry.io"),
    ],
)
def test_own_hosts(settings: dict[str, Any], host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentry's own hosts are asked through the proxy of the environment, one for each region."""
    for name in ("https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FaultGateway(FAULTS["close"][0]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        report = registry.run(sample_request("sentry", settings=settings))
    assert [f"CONNECT {host}:443 HTTP/1.1".encode()] == [raw.split(b"\r\n")[0] for raw in proxy.requests]
    assert CheckCode.NETWORK == report.code
