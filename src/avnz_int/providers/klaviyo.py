"""Klaviyo: the account that a private key belongs to.

Source: Klaviyo, API reference (accounts, authentication, rate limits and error handling).
"""

from __future__ import annotations

from collections.abc import Mapping

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOST = "https://a.klaviyo.com"
_WHO = "Klaviyo"
_REVISION = "2026-10-15"
_BAD_KEY: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    "Klaviyo does not accept the private API key: it is wrong or deleted; make one under Settings, API keys",
)
_REFUSALS: Mapping[str | int, _http.Verdict] = {
    "authentication_failed": _BAD_KEY,
    "not_authenticated": _BAD_KEY,
    401: _BAD_KEY,
    403: (
        CheckCode.MISSING_PERMISSION,
        (
            "Klaviyo accepts the private API key, but it may not read the account: make one that has the "
            "scope accounts:read (Settings, API keys)"
        ),
    ),
}


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the private API key is valid; warns where the public one is of another account."""
    headers = {
        "Authorization": f"Klaviyo-API-Key {_http.token(request, 'apiKey')}",
        "revision": request.settings.get("revision") or _REVISION,
        "Accept": "application/vnd.api+json",
    }
    # Raw, as Cloudflare in front of it answers for itself, with a page.
    reply = await _http.Api(request, _WHO, HOST).get("/api/accounts", headers=headers, raw=True)
    if "cf-mitigated" in reply.headers:
        words = (
            "Cloudflare, in front of Klaviyo, takes this machine for a robot and let nothing through: this "
            "says nothing about the API key; try again later or from another network"
        )
        return reply.report(CheckCode.UNEXPECTED_REPLY, words)
    if reply.readable().status == 200:
        return _read(reply, request)
    code, detail = reply.text("errors", 0, "code"), reply.text("errors", 0, "detail").lower()
    if not code:
        return reply.unexpected()
    if reply.status == 400 and "api key" in detail:
        return reply.report(*_BAD_KEY)
    if reply.status == 400 and "revision" in detail:
        words = "Klaviyo does not know this API revision: correct revision in the settings, or leave it empty"
        return reply.report(CheckCode.INVALID_CONFIG, words)
    return reply.verdict(_REFUSALS, code, reply.status)


def _read(reply: _http.Reply, request: CheckRequest) -> CheckReport:
    company = reply.text("data", 0, "id")
    if reply.text("data", 0, "type") != "account" or not company:
        return reply.unexpected()
    warnings = []
    if request.credentials.reveal().get("publicKey", company) != company:
        warnings.append("the public API key is another account's: copy it from Settings, API keys")
    test_account = reply.at("data", 0, "attributes", "test_account") is True
    if test_account and request.environment is Environment.PRODUCTION:
        warnings.append("the account is a test account, but the environment is production")
    return reply.ok("Klaviyo accepted the private API key", warnings=warnings)
