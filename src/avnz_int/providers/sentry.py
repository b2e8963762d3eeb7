"""Sentry: the organization, then the project's client keys, among which the DSN's has to be.

A DSN alone cannot be verified without storing an event, so that it is only looked at. The API's root
answers 200 to anybody: what it says about the token counts.

Source: Sentry, API reference (organizations, client keys, authentication) and its server's sources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOSTS = frozenset({"https://sentry.io", "https://us.sentry.io", "https://de.sentry.io"})
_WHO = "Sentry"
_ORGANIZATION_TOKEN = "sntrys_"  # noqa: S105  # how such tokens begin
_ORGANIZATION_ONLY = "this token access is limited to organization endpoints"
_PROJECT_PATH = re.compile(r"(/[^/]+)*/[0-9]+")
_BAD_TOKEN: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    (
        "Sentry does not accept the auth token: it is wrong, revoked, expired or of another Sentry; make one "
        "under Settings, Auth Tokens, with org:read and project:read"
    ),
)
# The beginnings of what Sentry says with a 401, in lower case.
_TEXTS: Mapping[str, _http.Verdict] = {
    "invalid token": _BAD_TOKEN,
    "invalid org token": _BAD_TOKEN,
    "token expired": _BAD_TOKEN,
    "user inactive": (
        CheckCode.BAD_CREDENTIALS,
        "Sentry no longer lets the owner of the auth token in: make one as somebody else",
    ),
    "unauthorized organization access": (
        CheckCode.MISSING_PERMISSION,
        (
            "Sentry accepts the auth token, but it is of another organization: correct orgSlug, or make a "
            "token there"
        ),
    ),
}
_SINGLE_SIGN_ON = (
    "the organization asks for single sign-on: its auth token has to be made by somebody who logged in so"
)


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the auth token is valid, and the DSN one of the project's; without a token, only its form."""
    public_key, warnings = _parsed(_http.token(request, "dsn"))
    token = _http.token(request, "authToken")
    if not token:
        return CheckReport(
            Outcome.UNSUPPORTED,
            CheckCode.UNSUPPORTED,
            "the DSN is well formed; Sentry offers no way to verify it without storing an event: add an "
            "authToken with org:read and project:read, orgSlug and projectSlug",
            warnings=tuple(warnings),
        )
    base = request.settings.get("baseUrl") or "https://sentry.io"
    api = _http.Api(request, _WHO, base, guarded=base.rstrip("/") not in HOSTS)
    organization, project = request.settings.get("orgSlug"), request.settings.get("projectSlug")
    if not organization:
        return await _token_alone(api, token, warnings)
    path = f"/api/0/organizations/{quote(organization, safe='')}/"
    reply = await api.get(path, headers=_http.bearer(token))
    if reply.status != 200:
        return _refused(reply, "organization", token)
    if not (reply.text("slug") and reply.text("id")):
        return reply.unexpected()
    if not project:
        words = "the DSN is not verified: set projectSlug, and give the auth token project:read"
        return reply.ok(f"Sentry accepted the auth token ({api.host})", warnings=[*warnings, words])
    path = f"/api/0/projects/{quote(organization, safe='')}/{quote(project, safe='')}/keys/"
    reply = await api.get(path, headers=_http.bearer(token))
    if reply.status != 200:
        return _refused(reply, "project", token)
    return _matched(reply, public_key, warnings)


def _parsed(dsn: str) -> tuple[str, list[str]]:
    """The public key in the DSN, and what has to be said about its form.

    Raises:
        CheckEndedError: it is no DSN.
    """
    try:
        parts = urlsplit(dsn)
        well_formed = parts.scheme in {"http", "https"} and bool(parts.username and parts.hostname)
        well_formed = well_formed and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        well_formed = False
    if not well_formed or not _PROJECT_PATH.fullmatch(parts.path):
        raise _http.ended(
            CheckCode.INVALID_CONFIG,
            "dsn is no DSN, https://<public key>@<host>/<project number>: copy it from Project settings, "
            "Client Keys (DSN); nothing was sent",
        )
    warnings = ["the DSN is an http address: events travel unencrypted"] if parts.scheme == "http" else []
    return parts.username or "", warnings


async def _token_alone(api: _http.Api, token: str, warnings: list[str]) -> CheckReport:
    """Whether the API's root knows the token; it says so to anybody who is nobody, too."""
    warnings = [*warnings, "the DSN is not verified: set orgSlug and projectSlug"]
    accepted = f"Sentry accepted the auth token ({api.host})"
    reply = await api.get("/api/0/", headers=_http.bearer(token))
    if reply.status == 401 and _detail(reply).startswith(_ORGANIZATION_ONLY):
        return reply.ok(accepted, warnings=warnings)
    if reply.status != 200:
        return _refused(reply, "organization", token)
    if not reply.text("version"):
        return reply.unexpected()
    if not isinstance(reply.at("auth"), dict):
        words = (
            "Sentry answered as to somebody without a token: this says nothing about the auth token; does a "
            "proxy in between take the Authorization header away?"
        )
        return reply.report(CheckCode.UNEXPECTED_REPLY, words)
    return reply.ok(accepted, warnings=warnings)


def _detail(reply: _http.Reply) -> str:
    """What Sentry's API says in a refusal, in lower case, or nothing: not Sentry's form then."""
    return (reply.text("detail") or reply.text("detail", "message")).lower()


def _refused(reply: _http.Reply, what: str, token: str) -> CheckReport:
    """The report of a refusal of what belongs to the `organization` or to the `project`."""
    detail = _detail(reply)
    if not detail:
        return reply.unexpected()
    if reply.status == 401:
        if reply.text("detail", "code") == "sso-required":
            return reply.report(CheckCode.MISSING_PERMISSION, _SINGLE_SIGN_ON, said="HTTP 401 sso-required")
        for beginning, verdict in _TEXTS.items():
            if detail.startswith(beginning):
                return reply.report(*verdict)
    return reply.verdict(_no_access(what, token), reply.status)


def _no_access(what: str, token: str) -> Mapping[int, _http.Verdict]:
    scope, slug = ("org:read", "orgSlug") if what == "organization" else ("project:read", "projectSlug")
    if token.startswith(_ORGANIZATION_TOKEN):
        next_step = "an organization token has org:ci alone, make a personal or internal integration's token"
    else:
        next_step = "make one that has it, as a member"
    return {
        403: (
            CheckCode.MISSING_PERMISSION,
            f"Sentry accepts the auth token, but it may not read the {what}: it needs {scope}; {next_step}",
        ),
        404: (
            CheckCode.NOT_FOUND,
            (
                f"Sentry shows the auth token no such {what}: correct {slug}, or baseUrl, as each region has "
                "a host of its own (us.sentry.io, de.sentry.io)"
            ),
        ),
    }


def _matched(reply: _http.Reply, public_key: str, warnings: list[str]) -> CheckReport:
    """Whether the DSN is among the project's client keys."""
    keys = reply.json()
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        return reply.unexpected()
    found = next((key for key in keys if public_key in _public_keys(key)), None)
    if found is not None and found.get("isActive") is False:
        words = "the DSN is one of the project's, but disabled: enable it under Project settings, Client Keys"
        return reply.report(CheckCode.BAD_CREDENTIALS, words)
    if found is not None:
        return reply.ok("Sentry accepted the auth token, and the DSN is the project's", warnings=warnings)
    if 'rel="next"; results="true"' in reply.headers.get("link", ""):
        words = "the DSN is not verified: the project has more client keys than are looked at"
        return reply.ok("Sentry accepted the auth token", warnings=[*warnings, words])
    words = (
        "Sentry accepts the auth token, but the DSN is none of the project's: copy it from Project settings, "
        "Client Keys (DSN), or correct projectSlug"
    )
    return reply.report(CheckCode.NOT_FOUND, words)


def _public_keys(key: Mapping[str, Any]) -> set[str]:
    """The public key of an entry, as itself and in its DSN."""
    dsns = key.get("dsn")
    dsn = dsns.get("public") if isinstance(dsns, dict) else None
    return {
        value
        for value in (
            key.get("public"),
            dsn.partition("://")[2].partition("@")[0] if isinstance(dsn, str) else "",
        )
        if isinstance(value, str)
    }
