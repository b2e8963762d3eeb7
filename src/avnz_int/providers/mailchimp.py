"""Mailchimp Marketing: the ping that any valid key may send, in the data centre of the account.

The data centre stands at the end of the key and becomes part of the host: nothing but letters and digits may.

Source: Mailchimp, Marketing API reference (ping, errors, fundamentals).
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Mailchimp"
_PATH = "/3.0/ping"
_DOMAIN = "api.mailchimp.com"
_KEY = re.compile(r"[0-9a-f]{32}-([a-z]{1,12}[0-9]{0,4})")
_CENTRE = re.compile(r"[a-z]{1,12}[0-9]{0,4}")
_KNOWN_CENTRE = "us1"
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_REFUSALS: Mapping[str | int, _http.Verdict] = {
    "Wrong Datacenter": (
        CheckCode.WRONG_HOST,
        "the API key belongs to another data centre: leave serverPrefix empty, the key's end names it",
    ),
    "User Disabled": (
        CheckCode.BAD_CREDENTIALS,
        "Mailchimp has disabled the account or user of the API key: log in to Mailchimp to see why",
    ),
    401: (
        CheckCode.BAD_CREDENTIALS,
        (
            "Mailchimp does not accept the API key: it is wrong or revoked, or its end, the data centre, was "
            "changed; make one under Account, Extras, API keys"
        ),
    ),
    403: (
        CheckCode.MISSING_PERMISSION,
        (
            "Mailchimp knows the API key, but forbids its use: its user needs the role manager or above, and "
            "the account has to be active"
        ),
    ),
    426: (
        CheckCode.TLS,
        "Mailchimp asks for TLS 1.2 or newer: a proxy in between speaks an older one; go around it",
    ),
}


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the API key is valid in its data centre."""
    key = _http.token(request, "apiKey")
    own = _KEY.fullmatch(key)
    centre = request.settings.get("serverPrefix") or (own[1] if own else "")
    # Before any part of the key gets into a host's name, and with it into the name service.
    if own is None or not _CENTRE.fullmatch(centre):
        raise _http.ended(
            CheckCode.INVALID_CONFIG,
            "the API key or serverPrefix names no data centre: a key is 32 hexadecimal digits and an ending "
            "like -us21; nothing was sent",
        )
    headers = _http.basic("avnz-int", key)
    api = _http.Api(request, _WHO, _base(centre))
    reply = await _ping(api, headers, centre, request)
    if reply.status == 403 and not isinstance(reply.json(), dict):
        words = (
            "Mailchimp, or a proxy in between, answered HTTP 403 without a reason, as Mailchimp does while "
            "it throttles: try again later, with fewer connections at a time"
        )
        return reply.report(CheckCode.RATE_LIMITED, words)
    if reply.readable().status == 200 and reply.text("health_status"):
        return reply.ok(f"Mailchimp accepted the API key (data centre {centre})")
    # Every refusal has the form of RFC 7807; whatever else says 401 is not Mailchimp.
    if reply.at("status") != reply.status or not reply.text("title"):
        return reply.unexpected()
    if reply.status == 401 and centre != own[1] and await _valid(api.at(_base(own[1])), headers):
        words = "the API key is valid, but in the data centre at its end: leave serverPrefix empty"
        return reply.report(CheckCode.WRONG_HOST, words)
    return reply.verdict(_REFUSALS, reply.text("title"), reply.status)


def _base(centre: str) -> str:
    return f"https://{centre}.{_DOMAIN}"


async def _ping(
    api: _http.Api, headers: Mapping[str, str], centre: str, request: CheckRequest
) -> _http.Reply:
    try:
        # Raw, as throttling may answer with a page.
        return await api.get(_PATH, headers=headers, raw=True)
    except _http.CheckEndedError as end:
        failure = end
    named_by_us = failure.report.code is CheckCode.NETWORK and request.endpoint is None
    if named_by_us and await _no_such_centre(centre, request.timeout_s / 4):
        words = (
            f"Mailchimp has no data centre {centre}: copy the API key again, ending included, or correct "
            "serverPrefix"
        )
        raise _http.ended(CheckCode.WRONG_HOST, words)
    raise failure


async def _no_such_centre(centre: str, timeout_s: float) -> bool:
    """Whether the name service knows Mailchimp, but not this data centre."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _has_name(_KNOWN_CENTRE) and not await _has_name(centre)
    except (OSError, TimeoutError):
        return False


async def _has_name(centre: str) -> bool:
    try:
        await asyncio.get_running_loop().getaddrinfo(f"{centre}.{_DOMAIN}", 443)
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            return False
        raise
    return True


async def _valid(api: _http.Api, headers: Mapping[str, str]) -> bool:
    """Whether this data centre takes the key."""
    try:
        reply = await api.get(_PATH, headers=headers)
    except _http.CheckEndedError:
        return False
    return reply.status == 200 and reply.text("health_status") != ""
