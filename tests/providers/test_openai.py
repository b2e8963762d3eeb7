"""OpenAI's list of models: what is asked, and how the many meanings of a 401 are told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from avnz_int.model.enums import CheckCode
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckRequest
from support.gateway import FAULTS, Answer, FaultGateway
from support.providers import ProviderCase, Refusal, check_provider, said, sample_request
from support.samples import SAMPLES

MODELS = said(200, {"object": "list", "data": [{"id": "example-model", "object": "model"}]})


def error(status: int, code: str | None, message: str = "x", kind: str = "invalid_request_error") -> Answer:
    """A refusal in OpenAI's form."""
    return said(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})


def at_host(request: CheckRequest, url: str) -> CheckRequest:
    """The check with this address as the base URL."""
    return replace(request, settings={**request.settings, "baseUrl": url})


CASE = ProviderCase(
    "openai",
    ok=MODELS,
    refusals={
        "wrong key": Refusal(
            error(401, "invalid_api_key", "Incorrect API key provided: sk-…"), CheckCode.BAD_CREDENTIALS
        ),
        "wrong key, no code": Refusal(
            error(401, None, "Incorrect API key provided: sk-…"), CheckCode.BAD_CREDENTIALS, "API key"
        ),
        "deactivated": Refusal(error(401, "account_deactivated"), CheckCode.BAD_CREDENTIALS, "deactivated"),
        "scope": Refusal(
            error(
                401,
                None,
                "You have insufficient permissions for this operation. Missing scopes: api.model.read.",
            ),
            CheckCode.MISSING_PERMISSION,
            "api.model.read",
        ),
        "scope by 403": Refusal(
            error(403, None, "Missing scopes: api.model.read"), CheckCode.MISSING_PERMISSION, "Models: Read"
        ),
        "residency": Refusal(error(401, "incorrect_hostname"), CheckCode.WRONG_HOST, "dataResidency"),
        "organization": Refusal(error(401, "mismatched_organization"), CheckCode.NOT_FOUND, "organizationId"),
        "project": Refusal(error(401, "mismatched_project"), CheckCode.NOT_FOUND, "projectId"),
        "nobody's member": Refusal(
            error(401, None, "You must be a member of an organization to use the API"),
            CheckCode.MISSING_PERMISSION,
            "invite",
        ),
        "address": Refusal(
            error(401, None, "Your IP is not authorized to access this resource"),
            CheckCode.MISSING_PERMISSION,
            "allowlist",
        ),
        "country": Refusal(
            error(403, "unsupported_country_region_territory", kind="request_forbidden"),
            CheckCode.NETWORK,
            "country",
        ),
        "rate": Refusal(error(429, "rate_limit_exceeded", kind="requests"), CheckCode.RATE_LIMITED),
        "overloaded": Refusal(error(503, None), CheckCode.PROVIDER_DOWN),
        "model": Refusal(MODELS, CheckCode.NOT_FOUND, "defaultModel", {"defaultModel": "other-model"}),
        "other code": Refusal(error(401, "no_such_code"), CheckCode.UNEXPECTED_REPLY),
        "other status": Refusal(
            error(400, None, "You have insufficient permissions"), CheckCode.UNEXPECTED_REPLY
        ),
        "other refusal": Refusal(said(401, {"message": "log in"}), CheckCode.UNEXPECTED_REPLY),
        "other list": Refusal(said(200, {"data": []}), CheckCode.UNEXPECTED_REPLY),
    },
    user_host=at_host,
)


def test_request() -> None:
    """The key stands in the Authorization header, organization and project in their own."""
    (sent,) = check_provider("openai", MODELS).requests
    key = SAMPLES["openai"].credentials["apiKey"]
    assert ("GET", "/models", b"") == (sent.method, sent.path, sent.body)
    assert (f"Bearer {key}", "org-example", "proj_example") == (
        sent.headers["authorization"],
        sent.headers["openai-organization"],
        sent.headers["openai-project"],
    )


def test_fewest_settings() -> None:
    """Without settings no header is sent for them, and any list of models will do."""
    left_out = dict.fromkeys(SAMPLES["openai"].settings)
    checked = check_provider("openai", said(200, {"object": "list", "data": []}), settings=left_out)
    assert CheckCode.OK == checked.report.code
    assert [] == [name for name in checked.requests[0].headers if name.startswith("openai-")]


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({"baseUrl": None, "dataResidency": None}, "api.openai.com"),
        ({"baseUrl": None, "dataResidency": "jp"}, "jp.api.openai.com"),
        ({"baseUrl": "https://us.api.openai.com/v1/"}, "us.api.openai.com"),
    ],
)
def test_own_hosts(settings: dict[str, Any], host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI's own hosts are asked through the proxy of the environment, one for each region."""
    for name in ("https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FaultGateway(FAULTS["close"][0]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        report = registry.run(sample_request("openai", settings=settings))
    assert [f"CONNECT {host}:443 HTTP/1.1".encode()] == [raw.split(b"\r\n")[0] for raw in proxy.requests]
    assert CheckCode.NETWORK == report.code


@pytest.mark.parametrize("code", ["insufficient_quota", "credit_balance_exhausted", "billing_not_active"])
def test_no_credit(code: str) -> None:
    """An account without credit has a valid key, and a warning."""
    for answer in (error(429, code), error(429, None, kind=code)):
        report = check_provider("openai", answer).report
        assert CheckCode.OK == report.code
        assert any("credit" in warning for warning in report.warnings)


def test_admin_key() -> None:
    """An admin key, which uses no models, is refused before anything is sent."""
    checked = check_provider("openai", MODELS, credentials={"apiKey": "sk-" + "admin-" + "0" * 40})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert "admin key" in checked.report.message
    assert [] == checked.requests
