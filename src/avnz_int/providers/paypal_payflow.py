"""PayPal Payflow Pro: an Inquiry on a made-up transaction, which moves no money.

A POST of name-value pairs, each with a length tag; nothing is URL-encoded. Payflow answers HTTP 200 for
refusals too: only the number in `RESULT` counts, the wording of `RESPMSG` varies and is never shown.

Source: PayPal, Payflow Gateway Developer Guide and the Payflow SDKs.
"""

from __future__ import annotations

import math
import re
import secrets
import uuid
from collections.abc import Iterable, Mapping

from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOSTS: Mapping[Environment, str] = {
    Environment.SANDBOX: "https://pilot-payflowpro.paypal.com/",
    Environment.PRODUCTION: "https://payflowpro.paypal.com/",
}
# Not "PayPal": that is most accounts' partner, so it would be cut out of the messages as a credential.
_WHO = "Payflow"
_FIELDS = ("partner", "vendor", "user", "password")
_MOST_CLIENT_TIMEOUT_S = 45
_ORIGID_LENGTH = 12

_NAME = re.compile(r"[A-Z][A-Z0-9_]*", re.IGNORECASE)
# Printable ASCII: whether the server counts bytes or characters of others is not documented, and it
# allows no quotation mark, tag or not.
_VALUE = re.compile(r"[\x20\x21\x23-\x7e]*")
_TAG = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*)(?:\[(?P<length>[0-9]{1,6})\])?=", re.IGNORECASE)
_RESULT = re.compile(r"0|-?[1-9][0-9]{0,5}")

_ACCEPTED = frozenset({0, 19, 20})
_BAD_CREDENTIALS = frozenset({1, 26})
_MISSING_PERMISSION: Mapping[int, str] = {
    27: "the partner has no permission for this request",
    28: "the user has no permission for this request",
    52: "the account has no permission for this request",
    121: "the feature is not enabled for this account",
}
_TIMED_OUT = frozenset({-12, 11, 101, 104, 109, 150})
_DOWN = frozenset({102, 103, 106, 115, 116, 151, 1001, 1002, 1011, 1012, 1013})
# Connection, TLS and proxy faults on Payflow's side; the other negative codes find fault with our request.
_DOWN_NEGATIVE = frozenset({-1, -2, -5, *range(-11, -7), *range(-15, -12), *range(-26, -19), -29, -31, -32})
_NOTES: Mapping[int, str] = {
    5: "the account's set-up at its processor is not valid: ask Payflow's support",
    7: "the test's own request was refused as malformed",
    14: "the request lacks a certification id that Payflow asks of this client",
    99: "general error",
    131: "Payflow no longer accepts this version of the request",
}


def build_nvp(pairs: Iterable[tuple[str, str]]) -> str:
    """`NAME[length]=value` joined by `&`: the body of a request, every value tagged, none encoded.

    Raises:
        ValueError: a name or value that cannot be written; says which name, never the value.
    """
    parts = []
    for name, value in pairs:
        if not _NAME.fullmatch(name):
            raise ValueError("a name of a Payflow parameter has other characters than letters, digits and _")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{name} holds a character that Payflow cannot take")
        parts.append(f"{name}[{len(value)}]={value}")
    return "&".join(parts)


def parse_nvp(text: str) -> dict[str, str]:
    """Upper-case name -> value of a reply; a tagged value may hold `&` and `=`, an untagged one no `&`.

    Raises:
        ValueError: not name-value pairs, a tag that does not fit, or a name that comes twice.
    """
    values: dict[str, str] = {}
    position = 0
    while True:
        head = _TAG.match(text, position)
        if head is None:
            raise ValueError("no name and = where a pair should begin")
        name, length = head["name"].upper(), head["length"]
        if length is None:
            end = text.find("&", head.end())
            end = len(text) if end < 0 else end
        else:
            end = head.end() + int(length)
        if end > len(text) or text[end : end + 1] not in {"", "&"}:
            raise ValueError(f"the length tag of {name} does not fit its value")
        if name in values:
            raise ValueError(f"{name} comes twice")
        values[name] = text[head.end() : end]
        if end == len(text):
            return values
        position = end + 1


async def check(request: CheckRequest) -> CheckReport:
    """Whether partner, vendor, user and password log in to the environment; one attempt, never a retry."""
    credentials = request.credentials.reveal()
    wrong = [name for name in _FIELDS if not _sendable(credentials.get(name))]
    if wrong:
        return CheckReport(
            Outcome.INVALID_CONFIG,
            CheckCode.INVALID_CONFIG,
            f"{', '.join(wrong)}: must be text of printable ASCII characters without quotation marks, "
            "as nothing else can be written in Payflow's format; nothing was sent",
        )
    body = build_nvp(
        [
            ("TRXTYPE", "I"),
            ("TENDER", "C"),
            ("PARTNER", credentials["partner"]),
            ("VENDOR", credentials["vendor"]),
            ("USER", credentials["user"]),
            ("PWD", credentials["password"]),
            ("ORIGID", _unknown_id()),
        ]
    )
    reply = await _http.send(
        request,
        "POST",
        _http.target(request, HOSTS[request.environment]),
        who=_WHO,
        content=body.encode("ascii"),
        headers={
            "Content-Type": "text/namevalue",
            # Fresh each time: Payflow answers a known one with what it said then.
            "X-VPS-REQUEST-ID": uuid.uuid4().hex,
            "X-VPS-CLIENT-TIMEOUT": str(_client_timeout_s(request.timeout_s)),
            "Connection": "close",
        },
    )
    if isinstance(reply, CheckReport):
        return reply
    return _http.status_report(reply, who=_WHO) or _read(reply, request.environment)


def _sendable(value: object) -> bool:
    return isinstance(value, str) and value != "" and _VALUE.fullmatch(value) is not None


def _unknown_id() -> str:
    """Twelve characters in the form of a transaction's id; nobody's, or an answer about it does no harm."""
    digits = _ORIGID_LENGTH - 1
    return f"A{secrets.randbelow(10**digits):0{digits}}"


def _client_timeout_s(timeout_s: float) -> int:
    """Whole seconds below the deadline, so that Payflow gives up before we do; it asks for at least one."""
    return max(1, min(_MOST_CLIENT_TIMEOUT_S, math.ceil(timeout_s) - 1))


def _read(reply: _http.Reply, environment: Environment) -> CheckReport:
    def report(outcome: Outcome, code: CheckCode, message: str) -> CheckReport:
        return CheckReport(outcome, code, message, reply.latency_ms, said)

    said = f"HTTP {reply.status}"
    if reply.status != 200:
        return report(
            Outcome.UNREACHABLE,
            CheckCode.UNEXPECTED_REPLY,
            f"{_WHO} answered HTTP {reply.status}, which it never does itself: is a proxy in between?",
        )
    try:
        # Latin-1 keeps a character for each byte, which is what a tag can count.
        values = parse_nvp(reply.body.decode("latin-1").rstrip("\r\n"))
        result = _RESULT.fullmatch(values.get("RESULT", ""))
    except ValueError:
        result = None
    if result is None:
        return report(
            Outcome.UNREACHABLE,
            CheckCode.UNEXPECTED_REPLY,
            f"the answer is not in {_WHO}'s format: is a proxy in between?",
        )
    number = int(result[0])
    said = f"RESULT={number}"
    if values.get("DUPLICATE", "0") != "0":
        # The request's id was new, so whoever repeats an old answer has not looked at these credentials.
        return report(
            Outcome.UNREACHABLE,
            CheckCode.UNEXPECTED_REPLY,
            f"{_WHO} repeated an older answer ({said}), not one about these credentials: test again",
        )
    return report(*_verdict(number, environment))


def _verdict(number: int, environment: Environment) -> tuple[Outcome, CheckCode, str]:
    if number in _ACCEPTED:
        return Outcome.OK, CheckCode.OK, f"{_WHO} accepted the credentials ({environment.value})"
    if number in _BAD_CREDENTIALS:
        first = "wrong partner, vendor, user or password" if number == 1 else "unknown vendor account or user"
        return (
            Outcome.REJECTED,
            CheckCode.BAD_CREDENTIALS,
            (
                f"{_WHO} refused the login (RESULT={number}): {first}; or the account does not allow this "
                "machine's address (Manager, Service Settings, Allowed IP Addresses); or these credentials "
                f"belong to the other environment (you tested {environment.value})"
            ),
        )
    if number in _MISSING_PERMISSION:
        return (
            Outcome.REJECTED,
            CheckCode.MISSING_PERMISSION,
            f"{_WHO} knows the login, but {_MISSING_PERMISSION[number]} (RESULT={number})",
        )
    if number in _TIMED_OUT:
        words = f"{_WHO} ran out of time (RESULT={number}): try again, with a longer timeout if it persists"
        return Outcome.UNREACHABLE, CheckCode.TIMEOUT, words
    if number in _DOWN or number in _DOWN_NEGATIVE:
        words = f"{_WHO} or the bank's system behind it cannot answer now (RESULT={number}): try again later"
        return Outcome.UNREACHABLE, CheckCode.PROVIDER_DOWN, words
    note = f": {_NOTES[number]}" if number in _NOTES else ""
    words = f"{_WHO} answered RESULT={number}{note}; this says nothing certain about the credentials"
    return Outcome.UNREACHABLE, CheckCode.UNEXPECTED_REPLY, words
