"""Twilio SendGrid: the list of an API key's scopes, which any valid key may read.

Source: Twilio SendGrid, v3 API reference (API key permissions, errors, regional subusers).
"""

from __future__ import annotations

from collections.abc import Mapping

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOSTS: Mapping[str, str] = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
_OTHER: Mapping[str, str] = {"global": "eu", "eu": "global"}
_WHO = "SendGrid"
_PATH = "/v3/scopes"


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the API key is valid in its region; warns where it may not send mail."""
    region = request.settings.get("region", "global")
    headers = _http.bearer(_http.token(request, "apiKey"))
    if subuser := request.settings.get("onBehalfOf"):
        headers["On-Behalf-Of"] = subuser
    api = _http.Api(request, _WHO, HOSTS[region])
    reply = await api.get(_PATH, headers=headers)
    if reply.status == 200:
        return _read(reply)
    # Every refusal of SendGrid has this form; whatever else says 401 or 403 is not SendGrid.
    if not isinstance(reply.at("errors", 0, "message"), str):
        return reply.unexpected()
    if reply.status == 401 and await _valid(api.at(HOSTS[_OTHER[region]]), headers):
        words = f"the API key is valid, but belongs to the other region: set region to {_OTHER[region]}"
        return reply.report(CheckCode.WRONG_HOST, words)
    if reply.status == 403 and "too many" in reply.text("errors", 0, "message").lower():
        words = "SendGrid blocks this machine for a while after too many bad requests: try again later"
        return reply.report(CheckCode.RATE_LIMITED, words)
    return reply.verdict(_REFUSALS, reply.status)


_REFUSALS: Mapping[int, _http.Verdict] = {
    401: (
        CheckCode.BAD_CREDENTIALS,
        "SendGrid does not accept the API key: it is wrong or deleted; make one under Settings, API Keys",
    ),
    403: (
        CheckCode.MISSING_PERMISSION,
        (
            "SendGrid knows the API key, but forbids its use: look at the account's IP Access Management, "
            "and whether the key may act for the subuser, if one is set"
        ),
    ),
}


def _read(reply: _http.Reply) -> CheckReport:
    scopes = reply.at("scopes")
    if not isinstance(scopes, list):
        return reply.unexpected()
    warnings = [] if "mail.send" in scopes else ["the API key may not send mail: give it the scope mail.send"]
    return reply.ok("SendGrid accepted the API key", warnings=warnings)


async def _valid(api: _http.Api, headers: Mapping[str, str]) -> bool:
    try:
        reply = await api.get(_PATH, headers=headers)
    except _http.CheckEndedError:
        return False
    return reply.status == 200 and isinstance(reply.at("scopes"), list)
