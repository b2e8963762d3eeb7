"""LaunchDarkly: who the bearer of an access token, or of an SDK key, is.

Both are asked if both are there. The instances know nothing of one another.

Source: LaunchDarkly, REST API reference (caller identity, authentication, errors).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOSTS: Mapping[str, str] = {
    "default": "https://app.launchdarkly.com",
    "eu": "https://app.eu.launchdarkly.com",
    "federal": "https://app.launchdarkly.us",
}
# Keys of the federal instance stay on it.
_OTHER: Mapping[str, str] = {"default": "eu", "eu": "default"}
_WHO = "LaunchDarkly"
_PATH = "/api/v2/caller-identity"
_VERSION = "20240415"
_NAMES: Mapping[str, str] = {"accessToken": "access token", "sdkKey": "SDK key"}
_WHERE: Mapping[str, str] = {
    "accessToken": "make a new one under Organization settings, Authorization",
    "sdkKey": "copy it from Project, Environments",
}
_IDENTITY = ("authKind", "tokenKind", "tokenId", "memberId", "environmentId", "environmentName")


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether access token and SDK key, those that are there, are valid on the instance."""
    instance = request.settings.get("instance", "default")
    api = _http.Api(request, _WHO, HOSTS[instance])
    report: CheckReport | None = None
    accepted: list[str] = []
    for kind, name in _NAMES.items():
        if value := _http.token(request, kind):
            report = await _ask(api, instance, kind, value)
            if not report.success:
                return report
            accepted.append(name)
    if report is None:
        raise _http.ended(CheckCode.INVALID_CONFIG, "there is neither an accessToken nor an sdkKey")
    return replace(report, message=f"LaunchDarkly accepted the {' and the '.join(accepted)}")


async def _ask(api: _http.Api, instance: str, kind: str, value: str) -> CheckReport:
    reply = await _identity(api, value)
    if _is_identity(reply):
        return reply.ok("LaunchDarkly accepted it")
    # Every refusal has this form; whatever else says 401 is not LaunchDarkly.
    if not (reply.text("code") and reply.text("message")):
        return reply.unexpected()
    name = _NAMES[kind]
    other = _OTHER.get(instance)
    if reply.status == 401 and other and await _valid(api.at(HOSTS[other]), value):
        words = f"the {name} is valid, but belongs to another instance: set instance to {other}"
        return reply.report(CheckCode.WRONG_HOST, words)
    return reply.verdict(_refusals(kind), reply.status)


def _refusals(kind: str) -> Mapping[int, _http.Verdict]:
    name = _NAMES[kind]
    return {
        401: (
            CheckCode.BAD_CREDENTIALS,
            (
                f"LaunchDarkly does not accept the {name}: it is wrong, expired or deleted, or of another "
                f"instance (default, eu, federal); {_WHERE[kind]}"
            ),
        ),
        403: (
            CheckCode.MISSING_PERMISSION,
            (
                f"LaunchDarkly knows the {name}, but forbids its use: the role reader is enough; look at its "
                "role and at the account's IP allowlist"
            ),
        ),
    }


async def _identity(api: _http.Api, value: str) -> _http.Reply:
    # No Bearer before the token: LaunchDarkly takes it as it is.
    headers = {"Authorization": value, "LD-API-Version": _VERSION}
    return await api.get(_PATH, headers=headers)


def _is_identity(reply: _http.Reply) -> bool:
    return reply.status == 200 and reply.text("accountId") != "" and any(map(reply.text, _IDENTITY))


async def _valid(api: _http.Api, value: str) -> bool:
    """Whether this instance takes it."""
    try:
        return _is_identity(await _identity(api, value))
    except _http.CheckEndedError:
        return False
