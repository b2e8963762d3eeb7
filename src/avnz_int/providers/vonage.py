"""Vonage: the balance of the account, and its list of secrets where the balance is refused.

Source: Vonage, Account API reference (balance, secrets) and API errors.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import quote

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOST = "https://rest.nexmo.com"
SECRETS_HOST = "https://api.nexmo.com"
_WHO = "Vonage"
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----\n([A-Za-z0-9+/=\n]+)\n-----END \1-----\n*")
_REFUSALS: Mapping[int, _http.Verdict] = {
    401: (
        CheckCode.BAD_CREDENTIALS,
        (
            "Vonage does not accept the API key and secret: one is wrong, or the secret revoked; copy both "
            "from API settings in the dashboard"
        ),
    ),
    403: (
        CheckCode.MISSING_PERMISSION,
        (
            "Vonage knows the API key, but forbids its use: look in the dashboard whether the account is "
            "active and whether API settings let this machine's address in"
        ),
    ),
}


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether API key and secret are valid; the application's private key is looked at, not asked about."""
    secrets = request.credentials.reveal()
    warnings = _local(secrets)
    headers = _http.basic(secrets["apiKey"], secrets["apiSecret"])
    api = _http.Api(request, _WHO, HOST)
    reply = await api.get("/account/get-balance", headers=headers)
    if reply.status == 200:
        return _read(reply, warnings)
    if not _is_refusal(reply):
        return reply.unexpected()
    if reply.status == 401 and await _valid(api.at(SECRETS_HOST), secrets["apiKey"], headers):
        warnings.append("Vonage does not tell the balance: look at it in the dashboard")
        return reply.ok("Vonage accepted the API key and secret", warnings=warnings)
    return reply.verdict(_REFUSALS, reply.status)


def _read(reply: _http.Reply, warnings: list[str]) -> CheckReport:
    value = reply.at("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return reply.unexpected()
    if value <= 0 and reply.at("autoReload") is not True:
        warnings.append("the balance is used up: nothing is sent until it is topped up")
    return reply.ok("Vonage accepted the API key and secret", warnings=warnings)


def _is_refusal(reply: _http.Reply) -> bool:
    """Whether this has one of the two forms of Vonage's errors, the older one or RFC 7807."""
    older = reply.text("error-code") == str(reply.status) and reply.text("error-code-label") != ""
    return older or bool(reply.text("type") and reply.text("title") and reply.text("instance"))


async def _valid(api: _http.Api, key: str, headers: Mapping[str, str]) -> bool:
    """Whether the list of secrets, which holds none, opens."""
    try:
        reply = await api.get(f"/accounts/{quote(key, safe='')}/secrets", headers=headers)
    except _http.CheckEndedError:
        return False
    return reply.status == 200 and isinstance(reply.at("_embedded", "secrets"), list)


def _local(secrets: Mapping[str, str]) -> list[str]:
    """What has to be said of the fields that no request shows.

    Raises:
        CheckEndedError: the private key is none.
    """
    pem = secrets.get("privateKey")
    if pem and not _is_whole(pem):
        raise _http.ended(
            CheckCode.INVALID_CONFIG,
            "privateKey is no whole, unencrypted private key in PEM: take the application's private.key file "
            "as it is, line breaks included; nothing was sent",
        )
    if pem or secrets.get("applicationId"):
        return ["applicationId and privateKey are not verified: only calls of the application would do that"]
    return []


def _is_whole(pem: str) -> bool:
    """Whether the PEM holds one DER sequence from its first byte to its last."""
    found = _PEM.fullmatch(pem)
    if found is None or "ENCRYPTED" in found[1]:
        return False
    try:
        der = base64.b64decode(found[2].replace("\n", ""), validate=True)
    except binascii.Error:
        return False
    if len(der) < 2 or der[0] != 0x30:
        return False
    # Below 128 the second byte is the length, from 128 on it says in how many bytes the length stands.
    sizes = der[1] & 0x7F if der[1] & 0x80 else 0
    length = int.from_bytes(der[2 : 2 + sizes], "big") if sizes else der[1]
    return len(der) == 2 + sizes + length
