"""Okta's own profile call: what is asked, and how its refusals are told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from avnz_int.model.enums import CheckCode
from avnz_int.providers.contract import CheckRequest
from support.gateway import Answer, answering
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

ME = said(200, {"id": "00u1", "status": "ACTIVE", "profile": {"login": "ops@example.com"}})
OKTA = said(200, {"id": "00o1", "pipeline": "idx"})
PAGE = answering(b"<html>No such site</html>", status="404 Not Found", kind="text/html")


def error(status: int, code: str) -> Answer:
    """A refusal in Okta's form."""
    return said(status, {"errorCode": code, "errorSummary": "x", "errorCauses": []})


def at_host(request: CheckRequest, url: str) -> CheckRequest:
    """The check with this address as the organization's."""
    return replace(request, settings={**request.settings, "orgUrl": url})


CASE = ProviderCase(
    "okta",
    ok=ME,
    refusals={
        "invalid token": Refusal(error(401, "E0000011"), CheckCode.BAD_CREDENTIALS, "API token"),
        "failed": Refusal(error(401, "E0000004"), CheckCode.BAD_CREDENTIALS),
        "session": Refusal(error(403, "E0000005"), CheckCode.BAD_CREDENTIALS),
        "feature": Refusal(error(401, "E0000015"), CheckCode.MISSING_PERMISSION),
        "action": Refusal(error(403, "E0000006"), CheckCode.MISSING_PERMISSION),
        "owner gone": Refusal(error(404, "E0000007"), CheckCode.NOT_FOUND),
        "no organization": Refusal([PAGE, PAGE], CheckCode.WRONG_HOST, "orgUrl"),
        "no such path": Refusal([said(404), OKTA], CheckCode.UNEXPECTED_REPLY),
        "rate": Refusal(error(429, "E0000047"), CheckCode.RATE_LIMITED),
        "read-only": Refusal(error(503, "E0000010"), CheckCode.PROVIDER_DOWN),
        "other code": Refusal(error(403, "E9999999"), CheckCode.UNEXPECTED_REPLY),
        "no profile": Refusal(said(200, {"id": "00u1"}), CheckCode.UNEXPECTED_REPLY),
    },
    user_host=at_host,
)


def test_request() -> None:
    """The token stands in the Authorization header, in Okta's scheme."""
    (sent,) = check_provider("okta", ME).requests
    token = SAMPLES["okta"].credentials["apiToken"]
    assert ("GET", "/api/v1/users/me") == (sent.method, sent.path)
    assert (f"SSWS {token}", "application/json") == (sent.headers["authorization"], sent.headers["accept"])


def test_host_question() -> None:
    """Whether a host is an organization at all is asked without the token."""
    _, second = check_provider("okta", PAGE, OKTA).requests
    assert "/.well-known/okta-organization" == second.path
    assert "authorization" not in second.headers


@pytest.mark.parametrize("value", ["00caf\u00e9", "00 token", "00token\n"])
def test_unsendable_token(value: str) -> None:
    """A token that no header can carry is the configuration's fault, and nothing is sent."""
    checked = check_provider("okta", ME, credentials={"apiToken": value})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert "apiToken" in checked.report.message
    assert [] == checked.requests
