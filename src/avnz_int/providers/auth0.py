"""Auth0: a token by client credentials, on the host of the tenant; the token is thrown away.

Source: Auth0, Authentication API (client credentials flow, errors); OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Auth0"
_WRONG_PAIR: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    (
        "Auth0 does not accept the client ID and secret: one is wrong, rotated or of another tenant; copy "
        "both from Applications, Settings"
    ),
)
_REFUSALS: Mapping[int, Mapping[str, _http.Verdict]] = {
    401: {"access_denied": _WRONG_PAIR, "invalid_client": _WRONG_PAIR},
    403: {
        "access_denied": (
            CheckCode.MISSING_PERMISSION,
            (
                "Auth0 accepts the application, but it may not use the API in audience: authorize it under "
                "Applications, APIs, Machine to Machine Applications (it needs no scope), or correct audience"
            ),
        ),
        "unauthorized_client": (
            CheckCode.MISSING_PERMISSION,
            (
                "Auth0 knows the application, but it may not use the grant client_credentials: allow it "
                "under Applications, Settings, Advanced, Grant Types (type Machine to Machine)"
            ),
        ),
    },
}


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the application may get a token for its API from the tenant at `domain`."""
    domain = request.settings["domain"]
    api = _http.Api(request, _WHO, f"https://{domain}", guarded=True)
    secrets = request.credentials.reveal()
    body = {
        "grant_type": "client_credentials",
        "client_id": secrets["clientId"],
        "client_secret": secrets["clientSecret"],
        "audience": request.settings.get("audience") or f"https://{domain.lower()}/api/v2/",
    }
    # Raw, as a host without a tenant may show a page, and a limit is told with status 500.
    reply = await api.post("/oauth/token", json_body=body, raw=True)
    error, description = reply.text("error"), reply.text("error_description").lower()
    if reply.status == 404 and not await _is_tenant(api):
        words = f"no Auth0 tenant answers at {api.host}: correct domain, <tenant>.<region>.auth0.com"
        return reply.report(CheckCode.WRONG_HOST, words)
    if reply.status == 500 and error == "access_denied" and "limit" in description:
        return reply.report(CheckCode.RATE_LIMITED, "Auth0 takes no more requests now: try again later")
    reply.readable()
    if reply.status == 200 and reply.text("access_token") and reply.text("token_type").lower() == "bearer":
        return reply.ok(f"Auth0 accepted the client ID and secret ({api.host})")
    if error == "access_denied" and description.startswith(("service not found", "service not enabled")):
        words = (
            "Auth0 knows no API by this audience: correct audience; with a custom domain it has to name the "
            "tenant's own, https://<tenant>.<region>.auth0.com/api/v2/"
        )
        return reply.report(CheckCode.NOT_FOUND, words)
    return reply.verdict(_REFUSALS.get(reply.status, {}), error)


async def _is_tenant(api: _http.Api) -> bool:
    """Whether the host describes itself as one that gives tokens, which takes no credentials."""
    try:
        reply = await api.get("/.well-known/openid-configuration", raw=True)
    except _http.CheckEndedError:
        return False
    return reply.status == 200 and bool(reply.text("issuer") and reply.text("token_endpoint"))
