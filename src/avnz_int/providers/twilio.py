"""Twilio: the account by its Auth Token, its messages by an API key, which may not read accounts.

Both are asked if both are there. Hosts and keys belong to one region each.

Source: Twilio, REST API (accounts, messages, API keys, test credentials, non-US regions) and its error pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

HOSTS: Mapping[str, str] = {
    "us1": "https://api.twilio.com",
    "ie1": "https://api.dublin.ie1.twilio.com",
    "au1": "https://api.sydney.au1.twilio.com",
}
_WHO = "Twilio"
_ACCOUNTS = "/2010-04-01/Accounts"
_TEST_CREDENTIALS = "20008"
_NOT_ACCEPTED = "20003"
_INACTIVE: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    "Twilio knows the account, but it is suspended or closed: log in to the Twilio console to see why",
)
_REFUSALS: Mapping[str, _http.Verdict] = {
    "70051": (
        CheckCode.MISSING_PERMISSION,
        (
            "Twilio accepts the restricted API key, but it may not read messages: give it the permission to "
            "read messages under Account, API keys & tokens"
        ),
    ),
    "10001": _INACTIVE,
    "20005": _INACTIVE,
    "20404": (
        CheckCode.NOT_FOUND,
        "Twilio has no such account for these credentials: correct accountSid, a subaccount has its own",
    ),
    "20429": (CheckCode.RATE_LIMITED, "Twilio takes no more requests now: try again later"),
}


@dataclass(frozen=True, slots=True)
class _Key:
    """One kind of credential, and the request that it may make."""

    name: str
    headers: Mapping[str, str]
    path: str
    refusal: str
    query: Mapping[str, str] = field(default_factory=dict)


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether Auth Token and API key, those that are there, are valid for the account in the region."""
    sid = request.credentials.reveal()["accountSid"]
    api = _http.Api(request, _WHO, HOSTS[request.settings.get("region", "us1")])
    reports: list[CheckReport] = []
    names: list[str] = []
    for key in _keys(request):
        report = await _ask(request, api, key, sid)
        if not report.success:
            return report
        reports.append(report)
        names.append(key.name)
    if not reports:
        raise _http.ended(
            CheckCode.INVALID_CONFIG, "there is neither an authToken nor an apiKeySid with its apiKeySecret"
        )
    warnings = tuple(warning for report in reports for warning in report.warnings)
    return replace(reports[0], message=f"Twilio accepted the {' and the '.join(names)}", warnings=warnings)


def _keys(request: CheckRequest) -> Iterator[_Key]:
    secrets = request.credentials.reveal()
    sid = secrets["accountSid"]
    if secrets.get("authToken"):
        yield _Key(
            "Auth Token",
            _http.basic(sid, secrets["authToken"]),
            f"{_ACCOUNTS}/{sid}.json",
            "Twilio does not accept the Account SID with this Auth Token: one is wrong, rotated or of "
            "another account or region, or the account is suspended; copy both from Account info"
            + _in_sandbox(request),
        )
    if secrets.get("apiKeySid"):
        yield _Key(
            "API key",
            _http.basic(secrets["apiKeySid"], secrets.get("apiKeySecret", "")),
            f"{_ACCOUNTS}/{sid}/Messages.json",
            "Twilio does not accept the API key: SID or secret is wrong, or it was deleted, or made "
            "in another account or region; make a new one under Account, API keys & tokens",
            # The answer holds what was sent to whom; the smallest one is asked for, and only its form read.
            {"PageSize": "1"},
        )


def _in_sandbox(request: CheckRequest) -> str:
    if request.environment is Environment.SANDBOX:
        return "; the test Auth Token goes with the test Account SID, not with the live one"
    return ""


async def _ask(request: CheckRequest, api: _http.Api, key: _Key, sid: str) -> CheckReport:
    reply = await api.get(key.path, headers=key.headers, query=key.query)
    if reply.status == 200:
        return _read(reply, sid)
    code = _error(reply)
    if code == _TEST_CREDENTIALS:
        return _test_credentials(reply, request.environment)
    if code == _NOT_ACCEPTED:
        region = await _region_of(request, api, key, sid)
        if region:
            words = f"the {key.name} is valid, but belongs to another region: set region to {region}"
            return reply.report(CheckCode.WRONG_HOST, words, said=f"HTTP {reply.status} {code}")
        return reply.verdict({code: (CheckCode.BAD_CREDENTIALS, key.refusal)}, code)
    return reply.verdict(_REFUSALS, code)


def _error(reply: _http.Reply) -> str:
    """Twilio's code in a refusal of its form, or nothing."""
    code = reply.at("code")
    own = isinstance(code, int) and reply.at("status") == reply.status and reply.text("message")
    return str(code) if own else ""


def _read(reply: _http.Reply, sid: str) -> CheckReport:
    if not _proof(reply, sid):
        return reply.unexpected()
    status = reply.text("status")
    if status in {"suspended", "closed"}:
        return reply.report(*_INACTIVE)
    if status not in {"", "active"}:
        return reply.unexpected()
    trial = reply.text("type") == "Trial"
    warnings = ["the account is a trial: it reaches verified numbers only"] if trial else []
    return reply.ok("Twilio accepted the credentials", warnings=warnings)


def _proof(reply: _http.Reply, sid: str) -> bool:
    """Whether this is the account itself, with a status, or a page of its messages, which has none."""
    account = reply.text("sid").lower() == sid.lower() and reply.text("status") != ""
    page = isinstance(reply.at("messages"), list) and reply.text("first_page_uri").startswith(_ACCOUNTS)
    return reply.status == 200 and (account or page)


def _test_credentials(reply: _http.Reply, environment: Environment) -> CheckReport:
    """Test credentials may send only: Twilio says so once it knows them."""
    if environment is Environment.SANDBOX:
        words = "these are test credentials: they reach no telephone and cost nothing"
        return reply.ok("Twilio accepted the credentials", warnings=[words])
    words = (
        "these are Twilio's test credentials, which reach no telephone: production needs the live Account "
        "SID and Auth Token, or they belong to the environment sandbox"
    )
    return reply.report(CheckCode.BAD_CREDENTIALS, words, said=f"HTTP {reply.status} {_TEST_CREDENTIALS}")


async def _region_of(request: CheckRequest, api: _http.Api, key: _Key, sid: str) -> str:
    """The other region that takes the key, or nothing."""
    for region, host in HOSTS.items():
        other = region != request.settings.get("region", "us1")
        if other and await _valid(api.at(host), key, sid):
            return region
    return ""


async def _valid(api: _http.Api, key: _Key, sid: str) -> bool:
    try:
        reply = await api.get(key.path, headers=key.headers, query=key.query)
    except _http.CheckEndedError:
        return False
    return _proof(reply, sid)
