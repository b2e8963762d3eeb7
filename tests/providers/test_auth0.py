"""Auth0's token for client credentials: what is asked, and how its refusals are told apart."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from avnz_int.model.enums import CheckCode
from avnz_int.providers.contract import CheckRequest
from support.gateway import FAULTS, Answer, answering
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

TOKEN = said(200, {"access_token": "ey.example", "token_type": "Bearer", "expires_in": 86400})
TENANT = said(200, {"issuer": "https://example.com/", "token_endpoint": "https://example.com/oauth/token"})
PAGE = answering(b"<html>Unknown host</html>", status="404 Not Found", kind="text/html")


def error(status: int, code: str, description: str = "x") -> Answer:
    """A refusal in the form of OAuth."""
    return said(status, {"error": code, "error_description": description})


def at_host(request: CheckRequest, url: str) -> CheckRequest:
    """The check with this address's host as the tenant's."""
    return replace(request, settings={**request.settings, "domain": url.removeprefix("https://")})


CASE = ProviderCase(
    "auth0",
    ok=TOKEN,
    refusals={
        "wrong secret": Refusal(error(401, "access_denied", "Unauthorized"), CheckCode.BAD_CREDENTIALS),
        "unknown client": Refusal(error(401, "invalid_client"), CheckCode.BAD_CREDENTIALS, "client ID"),
        "no client grant": Refusal(
            error(403, "access_denied", "Client is not authorized to access the API"),
            CheckCode.MISSING_PERMISSION,
            "audience",
        ),
        "grant type": Refusal(
            error(403, "unauthorized_client"), CheckCode.MISSING_PERMISSION, "client_credentials"
        ),
        "unknown audience": Refusal(
            error(403, "access_denied", "Service not found: https://api"), CheckCode.NOT_FOUND, "audience"
        ),
        "custom domain": Refusal(
            error(403, "access_denied", "Service not enabled within domain: https://a"), CheckCode.NOT_FOUND
        ),
        "unknown tenant": Refusal([PAGE, PAGE], CheckCode.WRONG_HOST, "domain"),
        "unknown tenant, silent": Refusal([PAGE, FAULTS["reset"][0]], CheckCode.WRONG_HOST),
        "no such path": Refusal([said(404), TENANT], CheckCode.UNEXPECTED_REPLY),
        "global limit": Refusal(
            error(500, "access_denied", "Global limit has been reached"), CheckCode.RATE_LIMITED
        ),
        "rate": Refusal(error(429, "too_many_requests"), CheckCode.RATE_LIMITED),
        "down": Refusal(error(500, "server_error"), CheckCode.PROVIDER_DOWN),
        "other code": Refusal(error(401, "login_required"), CheckCode.UNEXPECTED_REPLY),
        "other kind of token": Refusal(said(200, {"access_token": "x"}), CheckCode.UNEXPECTED_REPLY),
    },
    user_host=at_host,
)


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ("https://api.example.com/", "https://api.example.com/"),
        (None, "https://example.us.auth0.com/api/v2/"),
    ],
)
def test_request(audience: str | None, expected: str) -> None:
    """The pair stands in the body, with the audience of the settings or the Management API's."""
    settings = {"audience": audience, "domain": "Example.us.auth0.com"}
    (sent,) = check_provider("auth0", TOKEN, settings=settings).requests
    secrets = SAMPLES["auth0"].credentials
    assert ("POST", "/oauth/token") == (sent.method, sent.path)
    assert {
        "grant_type": "client_credentials",
        "client_id": secrets["clientId"],
        "client_secret": secrets["clientSecret"],
        "audience": expected,
    } == json.loads(sent.body)


def test_host_question() -> None:
    """Whether a host is a tenant at all is asked without the secret."""
    _, second = check_provider("auth0", PAGE, TENANT).requests
    assert ("GET", "/.well-known/openid-configuration", b"") == (second.method, second.path, second.body)


def test_token_thrown_away() -> None:
    """The token that Auth0 gives stands nowhere in the report."""
    assert "ey.example" not in repr(check_provider("auth0", TOKEN).report)
