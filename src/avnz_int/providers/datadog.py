"""Datadog: whether the API key is valid on the site, then whether the application key goes with it.

A 403 means a wrong key or a wrong site: the sites know nothing of one another, so the others are asked too.

Source: Datadog, API reference (authentication, key management, errors) and the list of its sites.
"""

from __future__ import annotations

from collections.abc import Mapping

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

COMMERCIAL = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
)
GOVERNMENT = ("ddog-gov.com", "us2.ddog-gov.com")
_WHO = "Datadog"
_BAD_KEY = (
    "Datadog does not accept the API key on {site}: it is wrong, revoked, an application key by mistake, or "
    "of another site; copy it from Organization settings, API keys, and set site to the host in the browser "
    "without app"
)
_BAD_APP_KEY = (
    "Datadog accepts the API key, but not the application key: it is wrong, revoked, of another organization "
    "or without a scope; make one under Organization settings, Application keys"
)


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the API key, and the application key if there is one, are valid on the site."""
    site = request.settings.get("site", "datadoghq.com")
    headers = {"DD-API-KEY": _http.token(request, "apiKey")}
    app_key = _http.token(request, "appKey")
    api = _http.Api(request, _WHO, _base(site))
    reply = await api.get("/api/v1/validate", headers=headers)
    if not _is_valid(reply):
        if not _is_refusal(reply):
            return reply.unexpected()
        if other := await _site_of(api, site, headers):
            words = f"the API key is valid, but belongs to another site: set site to {other}"
            return reply.report(CheckCode.WRONG_HOST, words)
        return reply.report(CheckCode.BAD_CREDENTIALS, _BAD_KEY.format(site=site))
    if not app_key:
        return reply.ok(f"Datadog accepted the API key ({api.host})")
    both = await api.get("/api/v2/validate_keys", headers={**headers, "DD-APPLICATION-KEY": app_key})
    if both.status == 200 and both.text("status") == "ok":
        return both.ok(f"Datadog accepted the API key and the application key ({api.host})")
    if _is_refusal(both):
        return both.report(CheckCode.BAD_CREDENTIALS, _BAD_APP_KEY)
    return both.unexpected()


def _base(site: str) -> str:
    return f"https://api.{site}"


def _is_valid(reply: _http.Reply) -> bool:
    return reply.status == 200 and reply.at("valid") is True


def _is_refusal(reply: _http.Reply) -> bool:
    """Whether this is how Datadog says no; whatever else says 403 is not Datadog."""
    return reply.status in {401, 403} and isinstance(reply.at("errors", 0), str)


async def _site_of(api: _http.Api, site: str, headers: Mapping[str, str]) -> str:
    """The other site that takes the API key, or nothing.

    A key of the government's sites stays on them.
    """
    for other in GOVERNMENT if site in GOVERNMENT else COMMERCIAL:
        if other != site and await _accepts(api.at(_base(other)), headers):
            return other
    return ""


async def _accepts(api: _http.Api, headers: Mapping[str, str]) -> bool:
    try:
        return _is_valid(await api.get("/api/v1/validate", headers=headers))
    except _http.CheckEndedError:
        return False
