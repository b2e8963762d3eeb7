"""Stripe: the balance, which a secret key may read, and a restricted one with that permission.

The key itself says which mode it is of (`_test_`, `_live_`), so that a key of the other environment is found
without a request. Refusals are told apart by the HTTP status, never by `error.type`.

Source: Stripe, API reference (authentication, errors, balance) and its OpenAPI description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOST = "https://api.stripe.com"
VERSION = "2026-06-24.dahlia"
"""The version of the API whose replies are read here; without it the account's own one would count."""

_WHO = "Stripe"
_KEY = re.compile(r"(?P<kind>sk|rk|pk)_(?P<mode>test|live)_")
_MODES: Mapping[Environment, str] = {Environment.SANDBOX: "test", Environment.PRODUCTION: "live"}
_EXPIRED: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    "the Stripe key has expired or was rolled: copy the new one from Developers, API keys",
)
_REFUSALS: Mapping[str | int, _http.Verdict] = {
    "api_key_expired": _EXPIRED,
    "platform_api_key_expired": _EXPIRED,
    "secret_key_required": (
        CheckCode.BAD_CREDENTIALS,
        "Stripe says that this is a publishable key: give the secret (sk_) or a restricted (rk_) one",
    ),
    # What 429 is in older versions of the API.
    "rate_limit": (CheckCode.RATE_LIMITED, "Stripe takes no more requests now: try again later"),
    401: (
        CheckCode.BAD_CREDENTIALS,
        (
            "Stripe does not accept the key: it is wrong, deleted, or of another account or sandbox; copy it "
            "again from Developers, API keys"
        ),
    ),
    403: (
        CheckCode.MISSING_PERMISSION,
        (
            "Stripe knows the key, but it may not read the balance: give a restricted key the permission "
            "Balance, Read (rak_balance_read), and look whether it allows this machine's address"
        ),
    ),
}


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the key is valid and of the environment; warns of a live account that may not take payments."""
    headers = {**_http.bearer(_key(request)), "Stripe-Version": VERSION}
    api = _http.Api(request, _WHO, HOST)
    reply = await api.get("/v1/balance", headers=headers)
    if reply.status == 200:
        return await _read(api, reply, request.environment, headers)
    # Every refusal of Stripe has this form; whatever else says 401 or 403 is not Stripe.
    if not reply.text("error", "type"):
        return reply.unexpected()
    return reply.verdict(_REFUSALS, reply.text("error", "code"), reply.status)


def _key(request: CheckRequest) -> str:
    """The key, if it can be one of a server in this environment."""
    key = _http.token(request, "secretKey")
    kind, mode = _kind_and_mode(key)
    if kind not in {"sk", "rk"}:
        held = "a publishable key (pk_)" if kind == "pk" else "no Stripe key"
        words = f"secretKey holds {held}: give the secret (sk_) or a restricted (rk_) one; nothing was sent"
        raise _http.ended(CheckCode.INVALID_CONFIG, words)
    fields = {"secretKey": mode}
    if public := request.credentials.reveal().get("publishableKey"):
        fields["publishableKey"] = _kind_and_mode(public)[1]
    wanted = _MODES[request.environment]
    if wrong := [name for name, mode in fields.items() if mode != wanted]:
        raise _http.ended(
            CheckCode.INVALID_CONFIG,
            f"{' and '.join(wrong)}: the environment is {request.environment.value}, which needs keys with "
            f"_{wanted}_; these credentials belong to the other environment; nothing was sent",
        )
    return key


def _kind_and_mode(key: str) -> tuple[str, str]:
    found = _KEY.match(key)
    return (found["kind"], found["mode"]) if found else ("", "")


async def _read(
    api: _http.Api, reply: _http.Reply, environment: Environment, headers: Mapping[str, str]
) -> CheckReport:
    live = reply.at("livemode")
    if reply.at("object") != "balance" or not isinstance(live, bool):
        return reply.unexpected()
    if live != (environment is Environment.PRODUCTION):
        words = (
            f"Stripe answered for {'live' if live else 'test'} mode, but the environment is "
            f"{environment.value}: these credentials belong to the other environment"
        )
        return reply.report(CheckCode.WRONG_HOST, words)
    warnings = await _warnings(api, headers) if live else []
    return reply.ok(f"Stripe accepted the key ({environment.value})", warnings=warnings)


async def _warnings(api: _http.Api, headers: Mapping[str, str]) -> list[str]:
    """What keeps an account from its work; a key that may not ask, or no answer, says nothing."""
    try:
        reply = await api.get("/v1/account", headers=headers)
    except _http.CheckEndedError:
        return []
    if reply.status == 200 and reply.at("charges_enabled") is False:
        return ["the account may not take payments yet: complete what Stripe asks for in its dashboard"]
    return []
