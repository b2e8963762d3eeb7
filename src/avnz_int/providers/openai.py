"""OpenAI: the list of models that an API key may use; no tokens are consumed.

A 401 has many meanings here: the code beside it tells them apart, or the text where the code is null.

Source: OpenAI, API reference (models), error codes, data residency.
"""

from __future__ import annotations

from collections.abc import Mapping

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOSTS: Mapping[str, str] = {
    "global": "https://api.openai.com/v1",
    **{place: f"https://{place}.api.openai.com/v1" for place in ("us", "eu", "ae", "au", "in", "jp")},
}
_WHO = "OpenAI"
_ADMIN_KEY = "sk-admin-"
_BAD_KEY: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    "OpenAI does not accept the API key: it is wrong or deleted; make a new one on the platform, API keys",
)
_CLOSED: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    "OpenAI has deactivated the account of the API key: its owner has got an e-mail that says why",
)
_NO_SCOPE: _http.Verdict = (
    CheckCode.MISSING_PERMISSION,
    (
        "OpenAI accepts the API key, but it may not list models: give it the permission Models: Read "
        "(scope api.model.read), and its owner a role that has it"
    ),
)
_OTHER_ORGANIZATION: _http.Verdict = (
    CheckCode.NOT_FOUND,
    "OpenAI knows the API key, but not in this organization: correct organizationId or leave it empty",
)
_OTHER_PROJECT: _http.Verdict = (
    CheckCode.NOT_FOUND,
    "OpenAI knows the API key, but not in this project: correct projectId or leave it empty",
)
_REFUSALS: Mapping[int, Mapping[str, _http.Verdict]] = {
    401: {
        "invalid_api_key": _BAD_KEY,
        "account_deactivated": _CLOSED,
        "incorrect_hostname": (
            CheckCode.WRONG_HOST,
            "the project of the API key is bound to another region: set dataResidency to that of the project",
        ),
        "invalid_organization": _OTHER_ORGANIZATION,
        "mismatched_organization": _OTHER_ORGANIZATION,
        "invalid_project": _OTHER_PROJECT,
        "mismatched_project": _OTHER_PROJECT,
        "no_organization": (
            CheckCode.MISSING_PERMISSION,
            "the owner of the API key is a member of no organization: have an owner of one invite them",
        ),
        "ip_not_authorized": (
            CheckCode.MISSING_PERMISSION,
            "OpenAI knows the API key, but the project's IP allowlist does not hold this machine's address",
        ),
    },
    403: {
        "account_deactivated": _CLOSED,
        "unsupported_country_region_territory": (
            CheckCode.NETWORK,
            (
                "OpenAI does not serve the country of this machine's address: this says nothing about the "
                "API key; ask from another network"
            ),
        ),
    },
}
# Where the code is null: the beginning or a part of the text, in lower case.
_TEXTS: Mapping[str, _http.Verdict] = {
    "insufficient permissions": _NO_SCOPE,
    "missing scopes": _NO_SCOPE,
    "incorrect api key": _BAD_KEY,
    "member of an organization": _REFUSALS[401]["no_organization"],
    "ip is not authorized": _REFUSALS[401]["ip_not_authorized"],
}
_NO_CREDIT = frozenset({"insufficient_quota", "credit_balance_exhausted", "billing_not_active"})


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the API key may list models, the default one among them."""
    settings = request.settings
    key = _http.token(request, "apiKey")
    if key.startswith(_ADMIN_KEY):
        raise _http.ended(
            CheckCode.INVALID_CONFIG,
            "apiKey is an admin key, which manages an organization and uses no models: make a project key on "
            "the platform, API keys; nothing was sent",
        )
    base = settings.get("baseUrl") or HOSTS[settings.get("dataResidency", "global")]
    api = _http.Api(request, _WHO, base, guarded=base.rstrip("/") not in HOSTS.values())
    headers = _http.bearer(key)
    for name, header in (("organizationId", "OpenAI-Organization"), ("projectId", "OpenAI-Project")):
        if settings.get(name):
            headers[header] = settings[name]
    # Raw, as a 429 may say that there is no credit, which only an accepted key gets to hear.
    reply = await api.get("/models", headers=headers, raw=True)
    code = reply.text("error", "code")
    if reply.status == 429 and _NO_CREDIT & {code, reply.text("error", "type")}:
        words = "no credit is left, or billing is not set up: see Billing on the platform"
        return reply.ok(f"OpenAI accepted the API key ({api.host})", warnings=[words])
    if reply.readable().status == 200:
        return _read(reply, api.host, settings.get("defaultModel"))
    table = _REFUSALS.get(reply.status, {})
    if code not in table and reply.status in _REFUSALS:
        message = reply.text("error", "message").lower()
        for part, verdict in _TEXTS.items():
            if part in message:
                return reply.report(*verdict)
    return reply.verdict(table, code)


def _read(reply: _http.Reply, host: str, model: str | None) -> CheckReport:
    models = reply.at("data")
    if reply.at("object") != "list" or not isinstance(models, list):
        return reply.unexpected()
    if model and model not in [entry.get("id") for entry in models if isinstance(entry, dict)]:
        words = (
            "OpenAI accepted the API key, but defaultModel is no model that it may use: correct it, or allow "
            "the model in the project's limits"
        )
        return reply.report(CheckCode.NOT_FOUND, words)
    return reply.ok(f"OpenAI accepted the API key ({host})")
