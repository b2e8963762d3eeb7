"""NMI: the account's own profile from the Query API, which only reads.

A form goes out, XML comes back; NMI answers HTTP 200 for refusals too, and one number (300) for most of
them: the text up to its ` REFID:` tells them apart. Resellers run the same gateway on hosts of their own.

Source: NMI, Query API and Direct Post API documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOSTS: Mapping[Environment, str] = {
    Environment.SANDBOX: "https://sandbox.nmi.com",
    Environment.PRODUCTION: "https://secure.nmi.com",
}
_WHO = "NMI"
_QUERY = "/api/query.php"
_PAYMENT = "/api/transact.php"
_MOST_FIELDS = 100
# What no profile has.
_REFUSAL = frozenset({"error_response", "responsetext", "response_code"})
_REFID = re.compile(r"\s*REFID:(?P<number>[0-9]{1,20})\s*")
_LOGIN: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    (
        "NMI does not accept the {what}: wrong, deleted, or of another gateway; these credentials may belong "
        "to the other environment (you tested {environment} at {host}); see Settings, Security Keys"
    ),
)
# Beginnings of NMI's texts; the rest of one may vary.
_TEXTS: Mapping[str, _http.Verdict] = {
    "Specified API key not found": _LOGIN,
    "Invalid Username/Password": _LOGIN,
    "Authentication Failed": _LOGIN,
    "Sandbox accounts must use a sandbox domain": (
        CheckCode.WRONG_HOST,
        (
            "NMI says that this is a sandbox account: these credentials belong to the other environment "
            "(you tested {environment} at {host}): use sandbox, and with a reseller its sandbox host"
        ),
    ),
}
_NUMBERS: Mapping[str, _http.Verdict] = {
    "301": (CheckCode.RATE_LIMITED, "NMI takes no more requests now: try again in a few minutes"),
    "410": (
        CheckCode.MISSING_PERMISSION,
        "NMI knows the {what}, but the merchant account is not set up: ask NMI's or the reseller's support",
    ),
    "411": (
        CheckCode.BAD_CREDENTIALS,
        "NMI knows the {what}, but the merchant account is inactive: ask NMI's or the reseller's support",
    ),
    "420": (CheckCode.PROVIDER_DOWN, "NMI cannot reach the bank's system behind it: try again later"),
    "421": (CheckCode.PROVIDER_DOWN, "NMI cannot reach the card's issuer: try again later"),
}
_NOT_KNOWN: _http.Verdict = (
    CheckCode.UNEXPECTED_REPLY,
    (
        "NMI refused the question for a reason that is not known here, which says nothing certain about the "
        "{what}: look at its permissions, API and Query"
    ),
)
_NO_SUCH_PAYMENT = ("Invalid Transaction ID specified", "Only transactions pending settlement can be voided")
_TEST_MODE = (
    "the account is in test mode, so that no payment is real: switch it off under Settings, Test Mode"
)
_NO_QUERY = "NMI answers no queries with this login, so that payments cannot be looked up: allow it Query"


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether security key, or user name and password, log in; warns of a production account in test mode."""
    host = request.settings.get("host")
    own = f"https://{host}" if host else HOSTS[request.environment]
    api = _http.Api(request, _WHO, own, guarded=bool(host))
    login = _login(request)
    names = {
        "what": "security key" if "security_key" in login else "username and password",
        "environment": request.environment.value,
        "host": api.host,
    }
    reply, fields = await _ask(api, _QUERY, {**login, "report_type": "profile"})
    if not _REFUSAL & fields.keys():
        warnings = []
        if request.environment is Environment.PRODUCTION and await _in_test_mode(api, login):
            warnings.append(_TEST_MODE)
        return _accepted(reply, names, warnings)
    report = _refused(reply, fields, names)
    if report.code is CheckCode.UNEXPECTED_REPLY and "nm_response" in fields:
        return await _second_opinion(api, login, names) or report
    return report


def _login(request: CheckRequest) -> dict[str, str]:
    """The fields that log in: the key or the user, never both."""
    credentials = request.credentials.reveal()
    if key := (credentials.get("securityKey") or "").strip():
        return {"security_key": key}
    if (user := credentials.get("username")) and (password := credentials.get("password")):
        return {"username": user, "password": password}
    raise _http.ended(
        CheckCode.INVALID_CONFIG, "give securityKey, or username and password; nothing was sent to NMI"
    )


async def _ask(api: _http.Api, path: str, form: Mapping[str, str]) -> tuple[_http.Reply, Mapping[str, str]]:
    # Raw: payment replies are plain text that is called text/html.
    reply = await api.post(path, form=form, headers={"Accept": "*/*"}, raw=True)
    fields = _fields(reply.body) if reply.status == 200 else None
    if fields is None:
        raise _http.CheckEndedError(reply.readable().unexpected())
    return reply, fields


def _fields(body: bytes) -> Mapping[str, str] | None:
    """Element or field name -> text of a reply in one of NMI's two forms, else None."""
    try:
        # Without DTDs there are no entities of the sender's own, and no bombs made of them.
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError):
        return _form(body)
    if root.tag != "nm_response":
        return None
    return {element.tag: (element.text or "").strip() for element in root.iter()}


def _form(body: bytes) -> Mapping[str, str] | None:
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return None
    return fields if {"response", "responsetext"} <= fields.keys() else None


def _text(fields: Mapping[str, str]) -> str:
    """The text of a refusal, empty if it has none."""
    return fields.get("error_response") or fields.get("responsetext", "")


def _begins(text: str, known: str) -> bool:
    return text.casefold().startswith(known.casefold())


def _accepted(reply: _http.Reply, names: Mapping[str, str], warnings: list[str]) -> CheckReport:
    return reply.ok(f"NMI accepted the {names['what']} ({names['environment']})", warnings=warnings)


def _refused(reply: _http.Reply, fields: Mapping[str, str], names: Mapping[str, str]) -> CheckReport:
    text, number = _text(fields), fields.get("response_code", "")
    known = next((known for known in _TEXTS if _begins(text, known)), "")
    if known:
        code, words = _TEXTS[known]
    elif number in _NUMBERS:
        known = f"response_code={number}"
        code, words = _NUMBERS[number]
    else:
        code, words = _NOT_KNOWN
    # NMI's support finds the request by it.
    found = _REFID.search(text)
    refid = f"REFID:{found['number']}" if found else ""
    return reply.report(code, words.format_map(names), said=f"{known} {refid}".strip() or None)


async def _second_opinion(
    api: _http.Api, login: Mapping[str, str], names: Mapping[str, str]
) -> CheckReport | None:
    """What NMI says to the voiding of a payment that cannot exist, if that tells more.

    A key may take payments without a permission to query; how the Query API says so is not documented.
    """
    try:
        reply, fields = await _ask(api, _PAYMENT, {**login, "type": "void", "transactionid": "0"})
    except _http.CheckEndedError:
        return None
    text = _text(fields)
    if any(_begins(text, known) for known in _NO_SUCH_PAYMENT):
        return _accepted(reply, names, [_NO_QUERY])
    report = _refused(reply, fields, names)
    return None if report.code is CheckCode.UNEXPECTED_REPLY else report


async def _in_test_mode(api: _http.Api, login: Mapping[str, str]) -> bool:
    """Whether the account only plays; what goes wrong here does not touch the verdict."""
    try:
        _, fields = await _ask(api, _QUERY, {**login, "report_type": "test_mode_status"})
    except _http.CheckEndedError:
        return False
    return fields.get("test_mode_enabled", "").lower() == "true"
