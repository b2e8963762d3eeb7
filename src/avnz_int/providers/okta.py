"""Okta: the profile of whoever made the API token, on the host of the organization.

Source: Okta, Core API reference (users, error codes) and the host's public description of itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Okta"
_BAD_TOKEN: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    (
        "Okta does not accept the API token: it is wrong, revoked, expired (after 30 days without use) or of "
        "another organization; make a new one under Security, API, Tokens"
    ),
)
_NOT_ALLOWED: _http.Verdict = (
    CheckCode.MISSING_PERMISSION,
    "Okta accepts the API token, but its owner may not read users: a read-only administrator is enough",
)
_REFUSALS: Mapping[str, _http.Verdict] = {
    "E0000004": _BAD_TOKEN,
    "E0000005": _BAD_TOKEN,
    "E0000011": _BAD_TOKEN,
    "E0000006": _NOT_ALLOWED,
    "E0000015": _NOT_ALLOWED,
    "E0000007": (CheckCode.NOT_FOUND, "Okta accepts the API token, but its owner no longer exists"),
    "E0000047": (CheckCode.RATE_LIMITED, "Okta takes no more requests now: try again in a minute"),
}


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the API token is valid in the organization at `orgUrl`."""
    api = _http.Api(request, _WHO, request.settings["orgUrl"], guarded=True)
    headers = {"Authorization": f"SSWS {_http.token(request, 'apiToken')}"}
    # Raw, as a host without an organization may show a page.
    reply = await api.get("/api/v1/users/me", headers=headers, raw=True)
    error = reply.text("errorCode")
    if reply.status == 404 and not error and not await _is_okta(api):
        words = f"no Okta organization answers at {api.host}: correct orgUrl, https://<organization>.okta.com"
        return reply.report(CheckCode.WRONG_HOST, words)
    if reply.readable().status == 200 and reply.text("id") and reply.text("profile", "login"):
        return reply.ok(f"Okta accepted the API token ({api.host})")
    return reply.verdict(_REFUSALS, error)


async def _is_okta(api: _http.Api) -> bool:
    """Whether the host describes itself as an Okta organization, which takes no credentials."""
    reply = await api.get("/.well-known/okta-organization", raw=True)
    return reply.status == 200 and reply.text("pipeline") != ""
