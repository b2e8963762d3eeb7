"""Authorize.Net: `authenticateTestRequest`, which does nothing but log in.

One address for everything; the JSON is read as XML of the same schema, so that the order of its members
counts. Replies are HTTP 200 for refusals too, and begin with a byte order mark.

Source: Authorize.Net, API reference, response codes, and the schema AnetApiSchema.xsd.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOSTS: Mapping[Environment, str] = {
    Environment.SANDBOX: "https://apitest.authorize.net",
    Environment.PRODUCTION: "https://api.authorize.net",
}
_WHO = "Authorize.Net"
_PATH = "/xml/v1/request.api"
_LOGIN: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    (
        "Authorize.Net does not accept API Login ID and Transaction Key: wrong, replaced, or these "
        "credentials may belong to the other environment (you tested {environment}); see Account, Settings, "
        "API Credentials & Keys"
    ),
)
_NOT_ALLOWED: _http.Verdict = (
    CheckCode.MISSING_PERMISSION,
    "Authorize.Net knows the login, but it may not use the API: look at the permissions of its user",
)
_DOWN: _http.Verdict = (CheckCode.PROVIDER_DOWN, "Authorize.Net cannot answer now: try again later")
_REFUSALS: Mapping[str, _http.Verdict] = {
    "E00005": _LOGIN,
    "E00006": _LOGIN,
    "E00007": _LOGIN,
    "E00008": (
        CheckCode.BAD_CREDENTIALS,
        "Authorize.Net knows the login, but the account or its API user is inactive: ask its support",
    ),
    "E00010": _NOT_ALLOWED,
    "E00011": _NOT_ALLOWED,
    "E00059": _NOT_ALLOWED,
    "E00064": _NOT_ALLOWED,
    "E00009": (
        CheckCode.UNEXPECTED_REPLY,
        (
            "Authorize.Net does not answer while the account is in Test Mode, which says nothing certain "
            "about the credentials: switch to Live Mode under Account, Settings, Test Mode"
        ),
    ),
    "E00001": _DOWN,
    "E00053": _DOWN,
    "E00104": _DOWN,
    "E00049": (CheckCode.TIMEOUT, "Authorize.Net ran out of time: try again later"),
}
_TEST_MODE = (
    "the account is in Test Mode, so that no payment is real: switch to Live Mode under Account, Settings, "
    "Test Mode"
)


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether login id and transaction key are accepted; warns of a production account in test mode."""
    api = _http.Api(request, _WHO, HOSTS[request.environment])
    reply = await api.post(_PATH, json_body=_question("authenticateTestRequest", request))
    # No status but this one is Authorize.Net's own.
    result = reply.text("messages", "resultCode") if reply.status == 200 else ""
    codes = _codes(reply)
    if result == "Ok" and "I00001" in codes:
        return reply.ok(
            f"Authorize.Net accepted API Login ID and Transaction Key ({request.environment.value})",
            warnings=await _warnings(api, request),
        )
    if result == "Error":
        environment = request.environment.value
        told = {
            code: (verdict, words.format(environment=environment))
            for code, (verdict, words) in _REFUSALS.items()
        }
        return reply.verdict(told, *codes)
    return reply.unexpected()


def _question(operation: str, request: CheckRequest) -> dict[str, Any]:
    """The request's JSON; each name stands where the schema has it, or the request is refused."""
    credentials = request.credentials.reveal()
    login = {"name": credentials["apiLoginId"], "transactionKey": credentials["transactionKey"]}
    return {operation: {"merchantAuthentication": login}}


def _codes(reply: _http.Reply) -> list[str]:
    messages = reply.at("messages", "message")
    found = messages if isinstance(messages, list) else [messages]
    codes = [message.get("code") for message in found if isinstance(message, dict)]
    return [code for code in codes if isinstance(code, str)]


async def _warnings(api: _http.Api, request: CheckRequest) -> list[str]:
    """What a production account should not be; what goes wrong here does not touch the verdict."""
    if request.environment is not Environment.PRODUCTION:
        return []
    try:
        reply = await api.post(_PATH, json_body=_question("getMerchantDetailsRequest", request))
    except _http.CheckEndedError:
        return []
    # A boolean in the schema; a text of JSON made from XML is one too.
    return [_TEST_MODE] if str(reply.at("isTestMode")).lower() == "true" else []
